import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Cut } from '../../src/cut/cut.ts';
import type { CommandContext, ImageContents } from '../../src/image/command-context.ts';
import { resolveCommand } from '../../src/image/resolve-command.ts';
import type { CommandRequest, Problem } from '../../src/image/resolve-request.ts';
import type { Shard } from '../../src/image/shard.ts';
import { readConf } from '../conf/read-conf.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

let here: string;
beforeEach(() => {
  here = makeTemporaryDirectory();
});

interface Around {
  directory?: string;
  /** Guest path to host path. */
  trees?: Record<string, string>;
  cut?: Partial<Cut>;
  test?: Cut['test'];
  conf?: string;
  /** Content of an autorun script. */
  script?: string;
  install?: string[];
  /** Problems that were found before. */
  problems?: Problem[];
  shard?: Shard;
}

function contextFor(command: CommandRequest | undefined, around: Around): CommandContext {
  const { cut = {}, test, conf = '', install = [], shard } = around;
  return {
    cut: { name: 'mine', cut: { summary: 'small', ...cut, ...(test && { test }) } },
    conf: readConf(conf),
    run: { command, shard },
    extras: { install },
    env: process.env,
    cwd: here,
  } as unknown as CommandContext;
}

function contentsOf({ directory, trees = {}, script = '' }: Around): ImageContents {
  return {
    directory,
    trees: Object.entries(trees).map(([target, source]) => ({ source, target, exclude: [] })),
    autorun: [{ name: 'a.sh', content: Buffer.from(script) }],
  };
}

/** The result of a request, with the host's current directory shown as HERE. */
function resolve(command: CommandRequest | undefined, around: Around = {}) {
  const problems: Problem[] = around.problems ?? [];
  const resolved = resolveCommand(contextFor(command, around), contentsOf(around), problems);
  const show = (text: string | undefined): string | undefined => text?.replaceAll(here, 'HERE');
  return {
    words: resolved?.words.map((word) => show(word.toString())),
    program: show(resolved?.program),
    script: resolved?.script,
    isOwnTest: resolved?.isOwnTest,
    tests: resolved?.tests,
    list: resolved?.list,
    problems: problems.map(({ message }) => show(message)),
  };
}

const args = (...words: string[]): CommandRequest => ({
  arguments: words.map((word) => Buffer.from(word)),
});

const nothing = {
  program: undefined,
  script: undefined,
  problems: [],
  isOwnTest: false,
  tests: undefined,
  list: undefined,
};

test('an image that is not for a run has no command', () => {
  const context = { ...contextFor(undefined, {}), run: undefined };
  expect(resolveCommand(context, contentsOf({}), [])).toBeUndefined();
});

describe("the cut's own test command", () => {
  const check = { command: ['./check', '-d'] };
  const own = { directory: '/tests', trees: { '/tests': '/nowhere' }, test: check };

  test('runs by default', () => {
    expect(resolve(undefined, own)).toMatchObject({ words: ['./check', '-d'], problems: [] });
  });

  test('gets the options that follow `--`', () => {
    expect(resolve(args('-g', 'quick'), own)).toMatchObject({
      words: ['./check', '-d', '-g', 'quick'],
      problems: [],
    });
  });

  test('is replaced by any other command', () => {
    expect(resolve(args('uname', '-r'), own)).toMatchObject({ words: ['uname', '-r'] });
  });

  test('is required if there are options for it', () => {
    expect(resolve(args('-g', 'quick')).problems).toEqual([
      expect.stringContaining('no test command to pass options to'),
    ]);
  });
});

describe('program and arguments', () => {
  test('a name is added from the host', () => {
    expect(resolve(args('ls', '-l', ''))).toEqual({
      ...nothing,
      words: ['ls', '-l', ''],
      program: 'ls',
    });
  });

  test('bytes that are not UTF-8 are unchanged', () => {
    const command = { arguments: [Buffer.from('echo'), Buffer.from([255])] };
    const resolved = resolveCommand(contextFor(command, {}), contentsOf({}), []);
    expect(resolved?.words[1]).toEqual(Buffer.from([255]));
  });

  test('an absolute path is added, and is the name of the command', () => {
    expect(resolve(args('/usr/bin/ls'))).toEqual({
      ...nothing,
      words: ['/usr/bin/ls'],
      program: '/usr/bin/ls',
    });
  });

  test('a program of the current directory is added, and called by its absolute path', () => {
    writeFiles(here, { 'my test': '' });
    chmodSync(join(here, 'my test'), 0o755);
    expect(resolve(args('./my test', '-v'))).toEqual({
      ...nothing,
      words: ['HERE/my test', '-v'],
      program: 'HERE/my test',
    });
  });

  test('a path that only the guest has is unchanged', () => {
    const script = 'gcc -o made-by-autorun x.c';
    expect(resolve(args('./made-by-autorun'), { script })).toEqual({
      ...nothing,
      words: ['./made-by-autorun'],
    });
  });

  test('a program in a tree is not added, and takes precedence over the current directory', () => {
    const tree = makeTemporaryDirectory();
    for (const directory of [tree, here]) {
      writeFiles(directory, { check: '' });
      chmodSync(join(directory, 'check'), 0o755);
    }
    const around = { directory: '/xfstests', trees: { '/xfstests': tree } };
    expect(resolve(args('./check', '-g', 'quick'), around)).toEqual({
      ...nothing,
      words: ['./check', '-g', 'quick'],
    });
    expect(resolve(args('/xfstests/check'), around)).toMatchObject({ program: undefined });
    // Not the current directory of the guest:
    expect(resolve(args('./check'), { trees: { '/xfstests': tree } })).toMatchObject({
      program: 'HERE/check',
    });
  });
});

describe('a missing program', () => {
  const isRefused = (name: string, around: Around = {}): boolean =>
    resolve(args(name), around).problems.length > 0;

  test('is rejected with a hint', () => {
    expect(resolve(args('no-such-program')).problems).toEqual([
      'no-such-program not found on this host or in the image',
    ]);
  });

  test('is a file that is not executable', () => {
    writeFiles(here, { notes: '' });
    expect(resolve(args('./notes')).problems).toEqual(['./notes: HERE/notes is not executable']);
    expect(resolve(args('/etc')).problems).toEqual(['/etc: is a directory']);
  });

  test.each<[string, string, Around]>([
    ['a name', 'chekc', {}],
    ['a builtin of the shell, which needs one', 'ulimit', {}],
    ['a relative path', './chekc', { directory: '/tests', trees: { '/tests': '/nowhere' } }],
    ['an absolute path', '/usr/bin/no-such', { script: 'ls /usr/bin' }],
  ])('%s: %s', (_, name, around) => expect(isRefused(name, around)).toBe(true));

  test.each<[string, string, Around]>([
    ['what a script of the cut makes', 'run-ltp', { script: 'ln -s "$0" /bin/run-ltp' }],
    ["the cut's own command", 'fstests-check', { test: { command: ['fstests-check'] } }],
    ['one that -i adds', 'mine', { install: ['./build/mine'] }],
    ['a file of the cut in the guest’s PATH', 'mine', { cut: { contents: { '/bin/mine': '' } } }],
    ['what every image has', 'poweroff', {}],
    ['a path at which a script mounts something', '/data/mine', { script: 'mount /dev/x /data' }],
    ['what is on the host’s directory', '/host/mine', {}],
    ['what the kernel shows', '/proc/self/exe', {}],
  ])('is not %s', (_, name, around) => expect(isRefused(name, around)).toBe(false));

  test('is not reported if something else is wrong, which may be the cause', () => {
    const known = { message: 'FSTESTS_SRC is not set' };
    expect(resolve(args('./check'), { problems: [known] }).problems).toEqual([known.message]);
  });
});

describe('words that name tests', () => {
  let tree: string;
  beforeEach(() => {
    tree = makeTemporaryDirectory();
    writeFiles(tree, { 'tests/generic/001': '', 'tests/generic/002': '', 'tests/xfs/003': '' });
  });
  const fstests = (): Around => ({
    directory: '/xfstests',
    trees: { '/xfstests': tree },
    test: { command: ['fstests-check'], output: 'fstests' },
  });

  test("are passed to the cut's own command", () => {
    expect(resolve(args('generic/002', 'xfs/003'), fstests())).toEqual({
      ...nothing,
      words: ['fstests-check', 'generic/002', 'xfs/003'],
      program: 'fstests-check',
      isOwnTest: true,
      tests: ['generic/002', 'xfs/003'],
    });
  });

  test('are split, each test into one shard', () => {
    const shard = (index: number, count = 2, ...words: string[]) =>
      resolve(args('generic/*', ...words), {
        ...fstests(),
        shard: { index, count, times: new Map([['generic/002', 1000]]) },
      });
    expect(shard(1)).toMatchObject({ words: ['fstests-check', 'generic/001'], problems: [] });
    expect(shard(1).tests).toEqual(['generic/001']);
    expect(shard(2)).toMatchObject({ words: ['fstests-check', 'generic/002'] });
    expect(shard(1).list).toBe(shard(2).list);
    expect(shard(1, 2, 'xfs/003').list).not.toBe(shard(1).list);
    expect(shard(3, 3).problems).toEqual(['--shard 3/3: there are only 2 tests']);
  });

  test.each([
    [args('-g', 'quick'), 'options such as -g select tests only in the VM'],
    [undefined, 'name the tests or patterns that are to be split'],
  ])('must be there to be split: %j', (command, message) => {
    const around = { ...fstests(), shard: { index: 1, count: 2, times: new Map() } };
    expect(resolve(command, around).problems).toEqual([expect.stringContaining(message)]);
  });

  test('are rejected before a boot if such a test does not exist', () => {
    expect(resolve(args('generic/001', 'generic/999', '-d'), fstests()).problems).toEqual([
      'generic/999: no such test in mine',
      '-d: options must precede test names',
    ]);
  });

  test('of LTP take no arguments', () => {
    writeFiles(tree, { 'runtest/math': 'abs01 abs01\n' });
    const ltp: Around = {
      directory: '/ltp',
      trees: { '/ltp': tree },
      test: { command: ['run-ltp'], output: 'ltp' },
    };
    expect(resolve(args('abs01'), ltp)).toMatchObject({
      words: ['run-ltp', 'abs01'],
      problems: [],
    });
    expect(resolve(args('abs01', '-i', '5'), ltp).problems).toEqual([
      "-i: to run a test with your own arguments, use -c: -c 'abs01 -i 5'",
    ]);
  });

  test('are a program if the cut has no tests of its own', () => {
    const { test: _, ...without } = fstests();
    expect(resolve(args('generic/001'), without).problems).toEqual([
      expect.stringContaining('generic/001 not found on this host or in the image'),
    ]);
  });

  test('-s is rejected: the configuration has no sections', () => {
    expect(resolve(args('-s', '4k', '-g', 'quick'), fstests()).problems).toEqual([
      expect.stringMatching(
        /^-s 4k: the xfstests configuration that rapido generates has no sections/,
      ),
    ]);
    const own = { ...fstests(), test: { command: ['./check'], output: 'fstests' as const } };
    expect(resolve(args('-s', '4k'), own).problems).toEqual([]);
  });
});

describe('-x', () => {
  test('is text for bash, unchanged', () => {
    expect(resolve({ shell: 'echo "$HOME" | wc -l; exit 3' })).toEqual({
      ...nothing,
      words: ['bash', '-c', 'echo "$HOME" | wc -l; exit 3', 'rapido'],
    });
  });
});

describe('-f', () => {
  test('a script with an interpreter is executed', () => {
    writeFiles(here, { 'a test.py': '#!/usr/bin/python3\nprint(1)\n' });
    expect(resolve({ script: 'a test.py' })).toEqual({
      ...nothing,
      words: ['/rapido/command/a test.py'],
      script: { name: 'a test.py', content: Buffer.from('#!/usr/bin/python3\nprint(1)\n') },
    });
  });

  test('one without is run by bash', () => {
    writeFiles(here, { 'test.sh': 'echo 1\n' });
    expect(resolve({ script: './test.sh' }).words).toEqual(['bash', '/rapido/command/test.sh']);
  });

  test('so is an empty one', () => {
    writeFiles(here, { 'empty.sh': '' });
    expect(resolve({ script: 'empty.sh' }).words).toEqual(['bash', '/rapido/command/empty.sh']);
  });

  test('one that cannot be read is reported with the other problems', () => {
    expect(resolve({ script: 'nowhere.sh' })).toMatchObject({
      words: undefined,
      problems: ['-f: HERE/nowhere.sh does not exist'],
    });
    expect(resolve({ script: '.' }).problems).toEqual(['-f: cannot read HERE: is a directory']);
  });
});

describe('without a command', () => {
  test('runs that of the cut, with its keys', () => {
    const own = { command: ['./check', '-g', '${KERNEL_RELEASE}'] };
    expect(resolve(undefined, { test: own, conf: 'KERNEL_RELEASE="6.18"\n' }).words).toEqual([
      './check',
      '-g',
      '6.18',
    ]);
  });

  test('a required key that is not set is a problem', () => {
    const own = { command: ['./check', '${KERNEL_RELEASE}'] };
    const { problems } = resolve(undefined, { test: own });
    expect(problems).toEqual([expect.stringContaining('KERNEL_RELEASE')]);
  });

  test('a cut without one has autorun scripts only', () => {
    expect(resolve(undefined).words).toBeUndefined();
  });

  test('a command of the user replaces it', () => {
    expect(resolve(args('ls'), { test: { command: ['./check'] } }).words).toEqual(['ls']);
  });
});

describe('a program that is only a part of what it needs', () => {
  /** The guest gets `shared` of the current directory, and not `home`. */
  function problemsOf(shim: string, path: string, trees: Record<string, string> = {}) {
    writeFiles(here, {
      'home/shims/tool': shim,
      'home/libexec/manager': '#!/bin/sh\n',
      'shared/bin/tool': '#!/bin/sh\n',
      'shared/bin/helper': '#!/bin/sh\n',
    });
    for (const file of [
      'home/shims/tool',
      'home/libexec/manager',
      'shared/bin/tool',
      'shared/bin/helper',
    ]) {
      chmodSync(join(here, file), 0o755);
    }
    const available = ['/usr', '/bin', join(here, 'shared')];
    const problems: Problem[] = [];
    const PATH = path
      .split(':')
      .map((directory) => join(here, directory))
      .join(':');
    const context = { ...contextFor(args('tool'), {}), env: { PATH } };
    resolveCommand(context, { ...contentsOf({ trees }), available }, problems);
    return problems.map(({ message, hint }) => ({
      message: message.replaceAll(here, 'HERE').replace(/does not get \S+/, 'does not get TOP'),
      hint: hint?.replaceAll(here, 'HERE').replace(/remove \S+/, 'remove TOP'),
    }));
  }
  const shim = (program: string): string =>
    `#!/usr/bin/env bash\nset -e\nprogram="\${0##*/}"\nexec "${join(here, program)}" exec "$program" "$@"\n`;

  test('is refused, with the next one in PATH', () => {
    expect(problemsOf(shim('home/libexec/manager'), 'home/shims:shared/bin')).toEqual([
      {
        message:
          'tool is HERE/home/shims/tool, which starts HERE/home/libexec/manager; the VM does not get TOP (HOST_LEAVE_OUT)',
        hint: 'use HERE/shared/bin/tool, the next one in PATH',
      },
    ]);
  });

  test('is refused if there is no other', () => {
    expect(problemsOf(shim('home/libexec/manager'), 'home/shims')).toMatchObject([
      { hint: 'share its directory (--share), or remove TOP from HOST_LEAVE_OUT' },
    ]);
  });

  test.each([
    ['a script that starts nothing else', () => '#!/bin/sh\necho /usr/bin/env\n'],
    ['one that starts what the guest has', () => shim('shared/bin/helper')],
    ['one that names a program that does not exist', () => shim('home/libexec/missing')],
    ['what is not a script', () => `\x7fELF ${join(here, 'home/libexec/manager')}`],
  ])('%s is not refused', (_, content) => {
    expect(problemsOf(content(), 'home/shims:shared/bin')).toEqual([]);
  });

  test('is not refused if the image has what it starts', () => {
    const home = join(here, 'home');
    expect(problemsOf(shim('home/libexec/manager'), 'home/shims', { [home]: home })).toEqual([]);
  });

  test('the guest has the one that is first in PATH', () => {
    expect(problemsOf(shim('home/libexec/manager'), 'shared/bin:home/shims')).toEqual([]);
  });
});
