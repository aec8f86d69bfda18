import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findProgramFiles, PROGRAM_FILES } from '../../src/image/program-files.ts';

const taken = PROGRAM_FILES.filter(({ omitted }) => omitted !== true);
const omitted = PROGRAM_FILES.filter((entry) => entry.omitted === true);

test.each(PROGRAM_FILES.map((entry) => [entry.files[0] ?? '', entry] as const))(
  'the entry of %s is whole: programs by name, absolute files, a reason',
  (_file, { programs, files, why }) => {
    expect(programs.length).toBeGreaterThan(0);
    for (const program of programs) expect(program).toMatch(/^[\w.-]+$/);
    for (const file of files) expect(file).toMatch(/^\/(etc|usr)\/([\w.-]+\/)*[\w.-]*\*?[\w.-]*$/);
    expect(why).toMatch(/^\S.{10,}[^.]$/);
  },
);

describe('adds no secret files, and none that concern only the host', () => {
  const SECRET =
    /shadow|secret|key(?!utils|\.dns)|ssh|passw|krb5|keytab|iscsi|tgt|samba|ceph|target|fstab|hostnqn|hostid|machine-id|sudoers|modprobe|cred/;

  test('by its name', () => {
    const files = taken.flatMap((entry) => entry.files);
    expect(files.filter((file) => SECRET.test(file.replace('request-key', '')))).toEqual([]);
  });

  test('by the list of omitted files', () => {
    const files = omitted.flatMap((entry) => entry.files);
    expect(taken.flatMap((entry) => entry.files).filter((file) => files.includes(file))).toEqual(
      [],
    );
    const found = findProgramFiles(omitted.flatMap(({ programs }) => programs));
    const directories = files
      .filter((file) => file.endsWith('/*'))
      .map((file) => file.slice(0, -1));
    expect(found.filter((file) => directories.some((one) => file.startsWith(one)))).toEqual([]);
    expect(found.filter((file) => files.includes(file))).toEqual([]);
  });
});

describe('the files of programs', () => {
  test.skipIf(!existsSync('/etc/mke2fs.conf'))(
    'are found by the name of the program, wherever it is',
    () => {
      expect(findProgramFiles(['/usr/sbin/mkfs.ext4'])).toEqual(['/etc/mke2fs.conf']);
      expect(findProgramFiles(['/home/me/e2fsprogs/misc/mke2fs'])).toEqual(['/etc/mke2fs.conf']);
    },
  );

  test('may be all files of a directory', ({ skip }) => {
    // iproute2 6.7 has moved them.
    const places = ['/etc/iproute2/rt_tables', '/usr/share/iproute2/rt_tables'];
    const expected = places.filter((path) => existsSync(path));
    skip(expected.length === 0, 'this host has no iproute2');
    expect(findProgramFiles(['/usr/sbin/ip'])).toEqual(expect.arrayContaining(expected));
  });

  test('are none for most programs, and for a file that the host lacks', () => {
    expect(findProgramFiles(['/usr/bin/cat', '/usr/bin/dd'])).toEqual([]);
    expect(findProgramFiles(['/usr/bin/key.dns_resolver'])).not.toContain(
      '/etc/keyutils/no-such-file',
    );
    expect(findProgramFiles([])).toEqual([]);
  });
});
