import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Cut } from '../../src/cut/cut.ts';
import { resolveCommand } from '../../src/image/resolve-command.ts';
import type { CommandRequest, Problem, ResolveRequest } from '../../src/image/resolve-request.ts';
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
  test?: Cut['test'];
  conf?: string;
}

/** What becomes of a request, with the host's current directory shown as HERE. */
function resolve(command: CommandRequest | undefined, around: Around = {}) {
  const problems: Problem[] = [];
  const trees = Object.entries(around.trees ?? {}).map(([target, source]) => ({
    ...{ source, target, exclude: [], programs: [] },
  }));
  const request = {
    cut: { cut: { summary: 'small', ...(around.test && { test: around.test }) } },
    conf: readConf(around.conf ?? ''),
    run: { command },
    cwd: here,
  } as unknown as ResolveRequest;
  const resolved = resolveCommand(request, around.directory, trees as never, problems);
  const show = (text: string | undefined): string | undefined => text?.replaceAll(here, 'HERE');
  return {
    words: resolved?.words.map((word) => show(word.toString())),
    program: show(resolved?.program),
    script: resolved?.script,
    problems: problems.map(({ message }) => show(message)),
  };
}

const args = (...words: string[]): CommandRequest => ({
  arguments: words.map((word) => Buffer.from(word)),
});

const nothing = { program: undefined, script: undefined, problems: [] };

test('an image that is not for a run has no command', () => {
  const request = { run: undefined } as unknown as ResolveRequest;
  expect(resolveCommand(request, undefined, [], [])).toBeUndefined();
});

describe("the cut's own test command", () => {
  const check = { command: ['./check', '-d'] };
  const own = { directory: '/tests', trees: { '/tests': '/nowhere' }, test: check };

  test('runs where nothing else is said', () => {
    expect(resolve(undefined, own)).toMatchObject({ words: ['./check', '-d'], problems: [] });
  });

  test('gets the options that follow `--`', () => {
    expect(resolve(args('-g', 'quick'), own)).toMatchObject({
      ...{ words: ['./check', '-d', '-g', 'quick'], problems: [] },
    });
  });

  test('gives way to any other command', () => {
    expect(resolve(args('uname', '-r'), own)).toMatchObject({ words: ['uname', '-r'] });
  });

  test('is missed where there are options for it', () => {
    expect(resolve(args('-g', 'quick')).problems).toEqual([
      expect.stringContaining('no command that takes options'),
    ]);
  });
});

describe('program and arguments', () => {
  test('a name is taken along from the host', () => {
    expect(resolve(args('ls', '-l', ''))).toEqual({
      ...{ ...nothing, words: ['ls', '-l', ''], program: 'ls' },
    });
  });

  test('bytes that are no text stay as they are', () => {
    const problems: Problem[] = [];
    const request = {
      ...{
        cut: { cut: {} },
        run: { command: { arguments: [Buffer.from('echo'), Buffer.from([255])] } },
      },
      cwd: here,
    } as unknown as ResolveRequest;
    const resolved = resolveCommand(request, undefined, [], problems);
    expect(resolved?.words[1]).toEqual(Buffer.from([255]));
  });

  test('an absolute path is taken along, and called by it', () => {
    expect(resolve(args('/usr/bin/ls'))).toEqual({
      ...{ ...nothing, words: ['/usr/bin/ls'], program: '/usr/bin/ls' },
    });
  });

  test('a program of the current directory is taken along, and called by its absolute path', () => {
    writeFiles(here, { 'my test': '' });
    chmodSync(join(here, 'my test'), 0o755);
    expect(resolve(args('./my test', '-v'))).toEqual({
      ...{ ...nothing, words: ['HERE/my test', '-v'], program: 'HERE/my test' },
    });
  });

  test('a file that may not be executed is not meant', () => {
    writeFiles(here, { notes: '' });
    expect(resolve(args('./notes'))).toEqual({ ...nothing, words: ['./notes'] });
  });

  test('a path that only the guest has is meant as it stands', () => {
    expect(resolve(args('./made-by-autorun'))).toEqual({
      ...nothing,
      words: ['./made-by-autorun'],
    });
  });

  test('what is in a tree is there already, and wins over the current directory', () => {
    const tree = makeTemporaryDirectory();
    for (const directory of [tree, here]) {
      writeFiles(directory, { check: '' });
      chmodSync(join(directory, 'check'), 0o755);
    }
    const around = { directory: '/xfstests', trees: { '/xfstests': tree } };
    expect(resolve(args('./check', '-g', 'quick'), around)).toEqual({
      ...{ ...nothing, words: ['./check', '-g', 'quick'] },
    });
    expect(resolve(args('/xfstests/check'), around)).toMatchObject({ program: undefined });
    // Not where the guest will be:
    expect(resolve(args('./check'), { trees: { '/xfstests': tree } })).toMatchObject({
      program: 'HERE/check',
    });
  });
});

describe('-x', () => {
  test('is text for bash, as it is', () => {
    expect(resolve({ shell: 'echo "$HOME" | wc -l; exit 3' })).toEqual({
      ...{ ...nothing, words: ['bash', '-c', 'echo "$HOME" | wc -l; exit 3', 'rapido'] },
    });
  });
});

describe('-f', () => {
  test('a script with its interpreter runs by itself', () => {
    writeFiles(here, { 'a test.py': '#!/usr/bin/python3\nprint(1)\n' });
    expect(resolve({ script: 'a test.py' })).toEqual({
      ...nothing,
      words: ['/rapido/command/a test.py'],
      script: { name: 'a test.py', content: Buffer.from('#!/usr/bin/python3\nprint(1)\n') },
    });
  });

  test('one without is for bash', () => {
    writeFiles(here, { 'test.sh': 'echo 1\n' });
    expect(resolve({ script: './test.sh' }).words).toEqual(['bash', '/rapido/command/test.sh']);
  });

  test('an empty one, too', () => {
    writeFiles(here, { 'empty.sh': '' });
    expect(resolve({ script: 'empty.sh' }).words).toEqual(['bash', '/rapido/command/empty.sh']);
  });

  test('one that cannot be read is a problem, told with the others', () => {
    expect(resolve({ script: 'nowhere.sh' })).toMatchObject({
      ...{ words: undefined, problems: ['--file: HERE/nowhere.sh cannot be read (ENOENT)'] },
    });
    expect(resolve({ script: '.' }).problems).toEqual(['--file: HERE cannot be read (EISDIR)']);
  });
});

describe('without a command', () => {
  test('a cut’s own is run, with its keys', () => {
    const own = { command: ['./check', '-g', '${KERNEL_RELEASE}'] };
    expect(resolve(undefined, { test: own, conf: 'KERNEL_RELEASE="6.18"\n' }).words).toEqual([
      ...['./check', '-g', '6.18'],
    ]);
  });

  test('a key that it needs and nobody has set is a problem', () => {
    const own = { command: ['./check', '${KERNEL_RELEASE}'] };
    const { problems } = resolve(undefined, { test: own });
    expect(problems).toEqual([expect.stringContaining('KERNEL_RELEASE')]);
  });

  test('a cut without one has autorun scripts only', () => {
    expect(resolve(undefined).words).toBeUndefined();
  });

  test('one of the user’s takes its place', () => {
    expect(resolve(args('ls'), { test: { command: ['./check'] } }).words).toEqual(['ls']);
  });
});
