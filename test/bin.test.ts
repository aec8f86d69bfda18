import { chmodSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeTemporaryDirectory, writeFiles } from './support/temporary-directory.ts';
import { ORDINARY_USER } from './support/typescript-process.ts';
import { CHECKOUT, type RunOptions, run } from './support/workspace.ts';

/** A checkout with the program that npm installs, and nothing built. */
let checkout: string;
beforeEach(() => {
  checkout = makeTemporaryDirectory();
  cpSync(join(CHECKOUT, 'bin'), join(checkout, 'bin'), { recursive: true });
  writeFiles(checkout, { 'package.json': '{ "type": "module" }', 'scripts/setup': '' });
});

/** Runs it. @returns its status, and what it prints, with the checkout shown as CHECKOUT */
async function rapido(args: readonly string[], options: RunOptions = {}) {
  const program = join(checkout, 'bin/rapido.js');
  const { status, stdout, stderr } = await run([process.execPath, program, ...args], options);
  return { status, stdout, stderr: stderr.replaceAll(checkout, 'CHECKOUT') };
}

/** Replaces the built command line. */
function build(
  main: string,
  fail = "console.error('rapido: error: ' + error.message); return 70;",
) {
  writeFiles(checkout, {
    'dist/cli.js': `export async function main(argv) { ${main} }
      export function fail(error, argv) { ${fail} }`,
  });
}

/** Command lines, and their status after an unexpected error. */
const STATUSES: [string[], number][] = [
  [['run', 'simple-example', '--bisect', '--', 'true'], 128],
  [['run', 'simple-example', '--', 'true', '--bisect'], 125],
  [['exec', '1', '--', 'true'], 125],
  [['list'], 70],
  [[], 70],
];

describe('before the command line is loaded', () => {
  const BROKEN: Record<string, { files: Record<string, string>; stderr: string }> = {
    'nothing is built': {
      files: {},
      stderr: 'rapido: error: CHECKOUT is not built\n  hint: CHECKOUT/scripts/setup\n',
    },
    'a part of it is missing': {
      files: { 'dist/cli.js': "import './chunks/gone.js';\n" },
      stderr: 'rapido: error: CHECKOUT is not built\n  hint: CHECKOUT/scripts/setup\n',
    },
    'it is not JavaScript': {
      files: { 'dist/cli.js': 'export const main = ;\n' },
      stderr:
        "rapido: error: CHECKOUT/dist cannot be loaded: Unexpected token ';'\n  hint: CHECKOUT/scripts/setup\n",
    },
    'it is of another build': {
      files: { 'dist/cli.js': "import { no } from 'node:fs';\n" },
      stderr:
        "rapido: error: CHECKOUT/dist cannot be loaded: The requested module 'node:fs' does not provide an export named 'no'\n  hint: CHECKOUT/scripts/setup\n",
    },
    'it throws': {
      files: { 'dist/cli.js': "throw new Error('at once');\n" },
      stderr:
        'rapido: error: CHECKOUT/dist cannot be loaded: at once\n  hint: CHECKOUT/scripts/setup\n',
    },
  };
  test.each(Object.keys(BROKEN))('%s', async (name) => {
    const { files = {}, stderr } = BROKEN[name] ?? {};
    writeFiles(checkout, files);
    expect(await rapido(['run', '--bisect'])).toEqual({ status: 128, stdout: '', stderr });
  });

  test.each(STATUSES)('%j: %i', async (args, status) => {
    expect(await rapido(args)).toMatchObject({ status, stdout: '' });
  });

  test('names a file that this user cannot read', async () => {
    build('return 0;');
    chmodSync(checkout, 0o755);
    chmodSync(join(checkout, 'dist/cli.js'), 0o600);
    const prefix = ORDINARY_USER;
    const refused = {
      status: 128,
      stdout: '',
      stderr: 'rapido: error: CHECKOUT/dist/cli.js: EACCES: permission denied\n',
    };
    expect(await rapido(['run', '--bisect'], { prefix })).toEqual(refused);
    // To Node, a file in a directory without search permission does not exist.
    chmodSync(join(checkout, 'dist/cli.js'), 0o644);
    chmodSync(join(checkout, 'dist'), 0o600);
    expect(await rapido(['run', '--bisect'], { prefix })).toEqual(refused);
  });

  test('reports a Node that is too old', async () => {
    build('return 0;');
    writeFiles(checkout, {
      'old.cjs': `const versions = { ...process.versions, node: '20.11.1' };
        Object.defineProperty(process, 'versions', { value: versions });
        Object.defineProperty(process, 'version', { value: 'v20.11.1' });`,
    });
    const env = { NODE_OPTIONS: `--require "${join(checkout, 'old.cjs')}"` };
    const { status, stderr } = await rapido(['run', '--bisect'], { env });
    expect(status).toBe(128);
    expect(stderr).toMatch(
      /^rapido: error: rapido needs Node 20\.12 or newer; this is v20\.11\.1 \(\/.*\)\n {2}hint: .*\n$/,
    );
  });

  test('takes the oldest supported Node from package.json', () => {
    const { engines } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
    const program = readFileSync(join(CHECKOUT, 'bin/rapido.js'), 'utf8');
    const [, oldest] = /OLDEST_NODE = '([\d.]+)'/.exec(program) ?? [];
    expect(engines.node).toBe(`>=${oldest}`);
  });
});

describe('after the command line is loaded', () => {
  test('exits with the status of the command', async () => {
    build('console.log(argv.join()); return 42;');
    expect(await rapido(['run', 'a', '--', 'b'])).toEqual({
      status: 42,
      stdout: 'run,a,--,b\n',
      stderr: '',
    });
  });

  /** Ways to fail that no `catch` around the command sees. */
  const FAILURES: Record<string, string> = {
    'an error in a listener': `
      setTimeout(() => { throw new Error('late'); }, 1);
      await new Promise((resolve) => setTimeout(resolve, 1000));`,
    'an error event without a listener': `
      const { EventEmitter } = await import('node:events');
      setTimeout(() => new EventEmitter().emit('error', new Error('late')), 1);
      await new Promise((resolve) => setTimeout(resolve, 1000));`,
    'an unhandled rejection': `
      Promise.reject(new Error('late'));
      await new Promise((resolve) => setTimeout(resolve, 1000));`,
    'an error that comes after the command has ended': `
      setTimeout(() => { throw new Error('late'); }, 10);
      return 0;`,
    'a command that rejects': "throw new Error('late');",
  };
  test.each(Object.keys(FAILURES))(
    '%s exits with the status that the command line determines',
    async (name) => {
      build(FAILURES[name] ?? '', "console.error(argv[0] + ': ' + error.message); return 99;");
      expect(await rapido(['run'])).toEqual({ status: 99, stdout: '', stderr: 'run: late\n' });
    },
  );

  test('a command whose event loop runs empty has not succeeded', async () => {
    build('await new Promise(() => {}); return 0;');
    expect(await rapido([])).toEqual({
      status: 70,
      stdout: '',
      stderr: 'rapido: error: internal error: the event loop ended before the command finished\n',
    });
  });

  test('reports a worker that runs out of memory', async () => {
    build(`
      const { Worker } = await import('node:worker_threads');
      const code = 'const all = []; for (;;) all.push(new Array(1e5).fill(1));';
      new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } });
      await new Promise(() => {});`);
    const { status, stderr } = await rapido([]);
    expect({ status, lines: stderr.split('\n').length }).toEqual({ status: 70, lines: 2 });
  });

  test('an error while an error is reported ends the process, and does not mark a commit bad', async () => {
    build("throw new Error('first');", "throw new Error('second');");
    expect(await rapido([])).toEqual({ status: 128, stdout: '', stderr: '' });
  });

  test('a main thread that runs out of memory ends by a signal, which stops a bisection', async () => {
    build('const all = []; for (;;) all.push(new Array(1e5).fill(1));');
    const program = join(checkout, 'bin/rapido.js');
    const ran = await run(['node', '--max-old-space-size=20', program, 'run', '--bisect'], {
      env: { PATH: process.env.PATH ?? '' },
      prefix: ['bash', '-c', 'ulimit -c 0; "$@"; exit $?', 'bash'],
    });
    expect(ran.status).toBe(128 + 6); // SIGABRT, as a shell reports it.
  });
});
