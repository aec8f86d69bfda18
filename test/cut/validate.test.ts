import { describe, expect, test } from 'vitest';
import { type Cut, defineCut } from '../../src/cut/cut.ts';
import { validateCut } from '../../src/cut/validate.ts';
import { UsageError } from '../../src/errors.ts';
import { complaintOf } from '../support/complaint.ts';
import { CHECKOUT } from '../support/workspace.ts';

const FULL: Cut = {
  summary: 'Everything that a cut may have',
  binaries: ['ls', '/usr/sbin/mkfs.xfs'],
  optionalBinaries: ['strace'],
  searchPath: ['/opt/bin'],
  drivers: ['xfs'],
  optionalDrivers: ['zstd'],
  trees: [{ source: '/src/xfstests', target: '/xfstests', exclude: ['.git'] }],
  files: [{ source: '/etc/services', target: '/etc/services', optional: true }],
  contents: { '/etc/hosts': '127.0.0.1 localhost\n', '/empty': '' },
  dracut: { modules: ['network'], args: ['--no-early-microcode'] },
  autorun: ['zram.sh', 'xfs.sh'],
  directory: '/xfstests',
  test: {
    command: ['./check', '-g', 'quick'],
    output: 'fstests',
    carry: ['check.time'],
    resumes: true,
  },
  zram: { TEST_DEV: '1G', POOL: { size: '${MY_KEY}', when: { MY_FILESYSTEM: 'btrfs' } } },
  resources: { cpus: 255, memory: '512M' },
  network: true,
  conf: {
    needs: ['FSTESTS_SRC'],
    uses: ['MY_KEY'],
    defines: { MY_KEY: { type: 'size', meaning: 'How large.', default: '1G', minimum: 1 } },
  },
};

test('accepts a cut with every field, and returns it unchanged', () => {
  expect(validateCut(FULL, 'cut.ts')).toBe(FULL);
  expect(defineCut(FULL)).toBe(FULL);
});

test('a summary is sufficient', () => {
  expect(validateCut({ summary: 'Nothing' }, 'cut.ts')).toEqual({ summary: 'Nothing' });
});

describe('rejects, with the file and the field', () => {
  const problems = (value: unknown): readonly string[] => {
    try {
      validateCut(value, 'cut.ts');
    } catch (error) {
      if (error instanceof UsageError) return error.problems;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  const WRONG: Record<string, unknown>[] = [
    { summary: '' },
    { summary: 'two\nlines' },
    { summary: 7 },
    { summary: undefined },
    { binary: ['ls'] },
    { a: 1, b: 2 },
    { modules: ['xfs'] },
    { memory: '2G' },
    { test: { binaries: ['ls'] } },
    { test: { comand: ['ls'] } },
    { binaries: 'ls' },
    { binaries: ['ls', ''] },
    { binaries: ['ls', undefined] },
    { drivers: { xfs: true } },
    { trees: ['/src'] },
    { trees: [{ source: '/src', target: 'relative' }] },
    { trees: [{ source: '/src' }, { target: '/dst' }] },
    { trees: [{ source: '/src', excludes: ['.git'] }] },
    { files: [{ source: '', optional: 'yes' }] },
    { contents: { 'etc/hosts': '' } },
    { contents: { '/etc/hosts': ['line'] } },
    { dracut: ['network'] },
    { autorun: 'x.sh' },
    { directory: '' },
    { test: { carry: ['../check.time'] } },
    { test: { carry: ['..'] } },
    { test: { resumes: 'yes' } },
    { zram: ['1G'] },
    { zram: { 'a name': '1G' } },
    { zram: { SCRATCH: 'large' } },
    { zram: { SCRATCH: { size: '1G', wen: {} } } },
    { resources: { cpus: 0 } },
    { resources: { cpus: 1.5 } },
    { resources: { memory: 512 } },
    { resources: { memory: '512' } },
    { resources: { memory: '0G' } },
    { network: 'yes' },
    { conf: { defines: { my_key: { type: 'path', meaning: 'x' } } } },
    { conf: { defines: { MY_KEY: { type: 'number', meaning: 'x' } } } },
    { conf: { defines: { MY_KEY: { type: 'path' } } } },
  ];

  test('each wrong field, and says what is wrong', () => {
    const show = (_: string, value: unknown) => (value === undefined ? 'undefined' : value);
    const table = WRONG.map((wrong) =>
      [JSON.stringify(wrong, show), ...problems({ summary: 'A cut', ...wrong })].join('\n    '),
    );
    expect(table.join('\n')).toMatchInlineSnapshot(`
      "{"summary":""}
          summary: must not be empty
      {"summary":"two\\nlines"}
          summary: must be one line
      {"summary":7}
          summary: must be a string, not a number
      {"summary":"undefined"}
          summary: is missing
      {"binary":["ls"]}
          binary: no such field
      {"a":1,"b":2}
          a: no such field
          b: no such field
      {"modules":["xfs"]}
          modules: no such field; there is a field dracut.modules
      {"memory":"2G"}
          memory: no such field; there is a field resources.memory
      {"test":{"binaries":["ls"]}}
          test.binaries: no such field; there is a field binaries
      {"test":{"comand":["ls"]}}
          test.comand: no such field; did you mean command?
      {"binaries":"ls"}
          binaries: must be a list, not a string
      {"binaries":["ls",""]}
          binaries[1]: must not be empty
      {"binaries":["ls","undefined"]}
          binaries[1]: is missing
      {"drivers":{"xfs":true}}
          drivers: must be a list, not an object
      {"trees":["/src"]}
          trees[0]: must be an object, not a string
      {"trees":[{"source":"/src","target":"relative"}]}
          trees[0].target: must be an absolute path in the guest
      {"trees":[{"source":"/src"},{"target":"/dst"}]}
          trees[1].source: is missing
      {"trees":[{"source":"/src","excludes":[".git"]}]}
          trees[0].excludes: no such field; did you mean exclude?
      {"files":[{"source":"","optional":"yes"}]}
          files[0].source: must not be empty
          files[0].optional: must be true or false, not a string
      {"contents":{"etc/hosts":""}}
          contents["etc/hosts"]: must be an absolute path in the guest
      {"contents":{"/etc/hosts":["line"]}}
          contents["/etc/hosts"]: must be a string, not a list
      {"dracut":["network"]}
          dracut: must be an object, not a list
      {"autorun":"x.sh"}
          autorun: must be a list, not a string
      {"directory":""}
          directory: must not be empty
      {"test":{"carry":["../check.time"]}}
          test.carry[0]: must be a file name without a path
      {"test":{"carry":[".."]}}
          test.carry[0]: must be a file name without a path
      {"test":{"resumes":"yes"}}
          test.resumes: must be true or false, not a string
      {"zram":["1G"]}
          zram: must be an object, not a list
      {"zram":{"a name":"1G"}}
          zram["a name"]: must be 1 to 20 letters, digits, "_", "-" or "."
      {"zram":{"SCRATCH":"large"}}
          zram.SCRATCH: must be a size: 512M, 2G
      {"zram":{"SCRATCH":{"size":"1G","wen":{}}}}
          zram.SCRATCH.wen: no such field; did you mean when?
      {"resources":{"cpus":0}}
          resources.cpus: Too small: expected number to be >=1
      {"resources":{"cpus":1.5}}
          resources.cpus: must be an integer
      {"resources":{"memory":512}}
          resources.memory: must be a string, not a number
      {"resources":{"memory":"512"}}
          resources.memory: must be a number with a unit: 512M, 2G
      {"resources":{"memory":"0G"}}
          resources.memory: must be a number with a unit: 512M, 2G
      {"network":"yes"}
          network: must be true or false, not a string
      {"conf":{"defines":{"my_key":{"type":"path","meaning":"x"}}}}
          conf.defines.my_key: must be in capitals: MY_TESTS
      {"conf":{"defines":{"MY_KEY":{"type":"number","meaning":"x"}}}}
          conf.defines.MY_KEY.type: Invalid option: expected one of "string"|"path"|"integer"|"size"|"words"|"arguments"|"boolean"|"enum"|"interface"|"interfaces"|"cidrs"|"addresses"|"ips"|"macs"|"dhcpRange"|"forwards"|"hostname"|"publicKeys"
      {"conf":{"defines":{"MY_KEY":{"type":"path"}}}}
          conf.defines.MY_KEY.meaning: is missing"
    `);
  });

  test('all problems at once, and says where the fields are documented', async () => {
    const wrong = { summary: '', binaries: [1], resources: { cpu: 2 } };
    expect(
      await complaintOf(() => validateCut(wrong, '/cuts/my-test.ts'), { RAPIDO: CHECKOUT }),
    ).toMatchInlineSnapshot(`
      "rapido: error: /cuts/my-test.ts: not a valid cut
        - summary: must not be empty
        - binaries[0]: must be a string, not a number
        - resources.cpu: no such field; did you mean cpus?
        hint: RAPIDO/docs/writing-cuts.md lists the fields"
    `);
  });

  test.each([undefined, null])('no export: %s', async (nothing) => {
    expect(
      await complaintOf(() => validateCut(nothing, '/cuts/my-test.ts')),
    ).toMatchInlineSnapshot(`
      "rapido: error: /cuts/my-test.ts: exports no cut
        hint: export one: export default defineCut({ summary: …, binaries: […] })"
    `);
  });

  test.each(['text', 7, [], () => ({ summary: 'x' })])(
    'an export that is not an object: %s',
    (value) => {
      expect(problems(value)).toHaveLength(1);
      expect(problems(value)[0]).toMatch(/^the export: /);
    },
  );
});
