import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { type RunOptions, readRunOptions } from '../../src/run/settings.ts';
import { aResult } from '../results/a-result.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const words = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

const read = (options: Partial<RunOptions> = {}, cwd = '/here') =>
  readRunOptions({ command: undefined, ...options }, cwd);

describe('reads', () => {
  test('no options: the cut’s own command, no limits, nothing expected', () => {
    expect(read()).toEqual({
      command: undefined,
      limits: { total: undefined, boot: undefined, silence: undefined },
      expected: [],
      shard: undefined,
      servers: [],
      build: undefined,
      junit: undefined,
      html: undefined,
    });
  });

  test('servers, with or without VM numbers', () => {
    expect(read({ with: ['nfsd-xfs', 'samba_xfs:3'] }).servers).toEqual([
      { name: 'nfsd-xfs', number: undefined },
      { name: 'samba_xfs', number: 3 },
    ]);
  });

  test.each([
    [{ command: words('./check', '-g', '') }, { arguments: words('./check', '-g', '') }],
    [{ exec: 'echo $HOME | wc' }, { shell: 'echo $HOME | wc' }],
    [{ file: './my tests.sh' }, { script: './my tests.sh' }],
  ])('a command: %j', (options, command) => {
    expect(read(options).command).toEqual(command);
  });

  test('a shard, with the times of an earlier run', () => {
    expect(read({ shard: '2/4' }).shard).toEqual({ index: 2, count: 4, times: new Map() });
    const tests = [
      { name: 'a', status: 'pass', duration: 5 },
      { name: 'b', status: 'skip' },
    ];
    const directory = makeTemporaryDirectory();
    writeFiles(directory, {
      'last/result.json': JSON.stringify(aResult({ tests: tests as never })),
    });
    expect(read({ shard: '1/1', times: 'last' }, directory).shard?.times).toEqual(
      new Map([['a', 5]]),
    );
  });

  test('limits in milliseconds', () => {
    expect(read({ timeout: '10m', bootTimeout: '90', silence: '1.5s' }).limits).toEqual({
      total: 600_000,
      boot: 90_000,
      silence: 1500,
    });
  });

  test('a build, split as a shell would', () => {
    expect(read({ build: 'make -j8 "LOCALVERSION=-my tree" CC=$CC' }).build).toEqual([
      'make',
      '-j8',
      'LOCALVERSION=-my tree',
      'CC=$CC',
    ]);
  });

  test('paths relative to the current directory', () => {
    expect(read({ junit: 'out/junit.xml' }).junit).toBe('/here/out/junit.xml');
    expect(read({ junit: '/abs.xml' }).junit).toBe('/abs.xml');
    expect(read({ html: 'out/run.html' }).html).toBe('/here/out/run.html');
  });

  test('expected splats, from a file', () => {
    const cwd = makeTemporaryDirectory();
    writeFiles(cwd, { known: '# ours\nwarning: WARNING in foo # fixed in 6.19\n' });
    expect(read({ expected: 'known' }, cwd).expected).toMatchObject([
      { pattern: /warning: WARNING in foo/, reason: 'fixed in 6.19', where: `${cwd}/known:2` },
    ]);
  });
});

describe('mistakes', () => {
  const mistakes: Record<string, Partial<RunOptions>> = {
    'two commands': { command: words('ls'), exec: 'ls' },
    'two commands of another kind': { exec: 'ls', file: 'ls.sh' },
    'nothing after --': { command: [] },
    'an empty word after --': { command: words('', '-l') },
    'a limit that is not a duration': { timeout: 'soon' },
    'a limit of nothing': { bootTimeout: '0' },
    'a limit with a strange unit': { silence: '5min' },
    'no CPU': { cpus: '0' },
    'CPUs that are no number': { cpus: 'two' },
    'more CPUs than a PC has': { cpus: '256' },
    'memory that is not a size': { memory: 'lots' },
    'memory in which nothing boots': { memory: '8M' },
    'a build of nothing': { build: ' ' },
    'a build with a quote that is not closed': { build: 'make "-j8' },
    'a build for a shell': { build: 'make -j8 && make modules' },
    'a build into a pipe': { build: 'make | tee log' },
    'a shard beyond the last': { shard: '5/4' },
    'a shard without a number': { shard: '1' },
    'a shard of a shell command': { shard: '1/2', exec: 'ls' },
    'times without a shard': { times: 'last' },
    'times of a run that does not exist': { shard: '1/2', times: 'nowhere' },
    'a missing list of expected splats': { expected: 'nowhere' },
    'expected splats in a directory': { expected: '.' },
    'expected splats without a reason, or not an expression': { expected: 'broken' },
  };

  test('are rejected with a hint', async () => {
    const cwd = makeTemporaryDirectory();
    writeFiles(cwd, { broken: 'WARNING in foo\n(unclosed # because\n' });
    const lines: string[] = [];
    for (const [name, options] of Object.entries(mistakes)) {
      lines.push(`${name}:`);
      lines.push(await complaintOf(() => read(options, cwd), { HERE: cwd }));
    }
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "two commands:
      rapido: error: give only one of -x, -f and \`--\`
      two commands of another kind:
      rapido: error: give only one of -x, -f and \`--\`
      nothing after --:
      rapido: error: no command given after \`--\`
        hint: rapido run NAME -- ls -l /dev
      an empty word after --:
      rapido: error: no command given after \`--\`
        hint: rapido run NAME -- ls -l /dev
      a limit that is not a duration:
      rapido: error: --timeout: "soon" is not a valid duration
        hint: use e.g. 90s, 10m, 2h (max 24d; default unit: seconds)
      a limit of nothing:
      rapido: error: --boot-timeout: "0" is not a valid duration
        hint: use e.g. 90s, 10m, 2h (max 24d; default unit: seconds)
      a limit with a strange unit:
      rapido: error: --silence: "5min" is not a valid duration
        hint: use e.g. 90s, 10m, 2h (max 24d; default unit: seconds)
      no CPU:
      rapido: error: --cpus: "0" is not a number from 1 to 255
      CPUs that are no number:
      rapido: error: --cpus: "two" is not a number from 1 to 255
      more CPUs than a PC has:
      rapido: error: --cpus: "256" is not a number from 1 to 255
      memory that is not a size:
      rapido: error: --memory: "lots" is not a valid size
        hint: use a number with a unit, at least 16M: --memory 2G
      memory in which nothing boots:
      rapido: error: --memory: "8M" is not a valid size
        hint: use a number with a unit, at least 16M: --memory 2G
      a build of nothing:
      rapido: error: --build: " " is not a command, or has an unclosed quote
        hint: --build "make -j8"
      a build with a quote that is not closed:
      rapido: error: --build: "make "-j8" is not a command, or has an unclosed quote
        hint: --build "make -j8"
      a build for a shell:
      rapido: error: --build: "&&" requires a shell, but the command runs without one
        hint: use a single command or a script; rapido installs the modules itself
      a build into a pipe:
      rapido: error: --build: "|" requires a shell, but the command runs without one
        hint: use a single command or a script; rapido installs the modules itself
      a shard beyond the last:
      rapido: error: --shard: "5/4" is not a part of a whole
        hint: --shard 1/4 is the first of four parts
      a shard without a number:
      rapido: error: --shard: "1" is not a part of a whole
        hint: --shard 1/4 is the first of four parts
      a shard of a shell command:
      rapido: error: --shard splits the tests of a suite; it cannot be combined with -x or -f
      times without a shard:
      rapido: error: --times only has a meaning with --shard
        hint: --shard 1/4
      times of a run that does not exist:
      rapido: error: HERE/nowhere does not exist
      a missing list of expected splats:
      rapido: error: --expected: HERE/nowhere does not exist
      expected splats in a directory:
      rapido: error: --expected: cannot read HERE: is a directory
      expected splats without a reason, or not an expression:
      rapido: error: HERE/broken: 2 bad lines
        - HERE/broken:1: missing "# REASON"
        - HERE/broken:2: Invalid regular expression: /(unclosed/: Unterminated group
        hint: write one entry per line: PATTERN # REASON, such as \`warning: WARNING in foo # fixed in 6.13\`, or PATTERN @ TEST # REASON"
    `);
  });

  test.each(Object.entries(mistakes))('%s is a mistake in the command line', (_, options) => {
    const cwd = makeTemporaryDirectory();
    writeFiles(cwd, { broken: 'WARNING in foo\n' });
    expect(() => read(options, cwd)).toThrow(UsageError);
  });

  test.each(['make ; make', 'make || true', 'make | tee log', 'make & make'])(
    'a build that only a shell can run: %s',
    (build) => {
      expect(() => read({ build })).toThrow(/requires a shell/);
    },
  );
});
