import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { runTool } from '../../src/sys/exec.ts';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import { complaintOf } from '../support/complaint.ts';
import { withoutRoot } from '../support/ordinary-user.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { compileScript } from '../support/typescript-process.ts';
import { run } from '../support/workspace.ts';

afterEach(() => vi.unstubAllEnvs());

const purpose = 'making the userspace layer';
const sh = (script: string): [string, ...string[]] => ['sh', '-c', script];

test('returns all that the program prints, with the lines of each stream in order', async () => {
  const output = await runTool(sh('echo 1; echo a >&2; echo 2; echo b >&2; echo 3'), { purpose });
  const lines = output.split('\n');
  expect(lines.filter((line) => line < 'a')).toEqual(['1', '2', '3']);
  expect(lines.filter((line) => line >= 'a')).toEqual(['a', 'b']);
});

test('passes on each line as it arrives, and returns all of them', async () => {
  const lines: string[] = [];
  const fifo = join(makeTemporaryDirectory(), 'fifo');
  const output = await runTool(sh(`mkfifo '${fifo}'; echo go; cat '${fifo}'; printf 'no end'`), {
    purpose,
    onLine: (line) => {
      lines.push(line);
      // The program continues only after its first line has arrived.
      if (line === 'go') writeFileSync(fifo, 'on\n');
    },
  });
  expect(lines).toEqual(['go', 'on', 'no end']);
  expect(output).toBe('go\non\nno end');
});

test('runs the program in the given directory, in the C.UTF-8 locale', async () => {
  const cwd = makeTemporaryDirectory();
  vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
  expect(await runTool(sh('pwd; echo $LC_ALL'), { purpose, cwd })).toBe(`${cwd}\nC.UTF-8`);
});

test.each([
  ['listed', 'no yes'],
  ['inherited', 'yes yes'],
  ['none', 'no yes'],
] as const)(
  'passes the environment that is %s, and the given variables',
  async (environment, said) => {
    vi.stubEnv('FOREIGN', 'yes');
    const options = { purpose, environment, env: { EXTRA: 'yes' } };
    const words = sh('echo ${FOREIGN:-no} ${EXTRA:-no}');
    expect(await runTool(words, options)).toBe(said);
  },
);

test('runs the program in / if the user may not enter the current directory', async () => {
  const before = process.cwd();
  const closed = join(makeTemporaryDirectory(), 'closed');
  mkdirSync(closed);
  process.chdir(closed);
  onTestFinished(() => process.chdir(before));
  chmodSync(closed, 0);
  expect(await withoutRoot(() => runTool(['pwd'], { purpose: 'testing' }))).toBe('/');
});

test("passes nothing else in an environment without the user's", async () => {
  const env = { A: '1' };
  expect(await runTool(['/usr/bin/env'], { purpose, environment: 'none', env })).toBe('A=1');
});

test('passes variables that are named', async () => {
  vi.stubEnv('CROSS_COMPILE', 'riscv64-');
  const said = runTool(sh('echo $CROSS_COMPILE'), { purpose, passes: ['CROSS_COMPILE', 'LLVM'] });
  expect(await said).toBe('riscv64-');
});

test("sets the given umask for it, and keeps rapido's own", async () => {
  const before = process.umask(0o077);
  try {
    expect(await runTool(sh('umask'), { purpose, umask: 0o022 })).toBe('0022');
    expect(await runTool(sh('umask'), { purpose })).toBe('0077');
  } finally {
    process.umask(before);
  }
});

test('gives it no standard input', async () => {
  expect(await runTool(['cat'], { purpose })).toBe('');
});

test('uses no shell', async () => {
  expect(await runTool(['printf', '%s', '$HOME; `id` *'], { purpose })).toBe('$HOME; `id` *');
});

test('a program that fails: its status, its command line as one would type it, its last lines', async () => {
  const script = 'seq 1 20; echo "cannot find xfs_io" >&2; exit 3';
  expect(await complaintOf(() => runTool(sh(script), { purpose }))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer failed: sh exited with status 3
      - command: sh -c 'seq 1 20; echo "cannot find xfs_io" >&2; exit 3'
      - 10
      - 11
      - 12
      - 13
      - 14
      - 15
      - 16
      - 17
      - 18
      - 19
      - 20
      - cannot find xfs_io"
  `);
});

test('the same if its lines are watched', async () => {
  const lines: string[] = [];
  const run = { purpose, onLine: (line: string) => lines.push(line) };
  expect(await complaintOf(() => runTool(sh('echo hello; exit 1'), run))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer failed: sh exited with status 1
      - command: sh -c 'echo hello; exit 1'
      - hello"
  `);
  expect(lines).toEqual(['hello']);
});

test('a program that is killed: the signal', async () => {
  expect(await complaintOf(() => runTool(sh('kill -KILL $$'), { purpose }))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer failed: sh was killed by SIGKILL
      - command: sh -c 'kill -KILL $$'"
  `);
});

test('a missing program: the command that installs it', async () => {
  // A directory of PATH that may not be searched would make it "Permission denied".
  vi.stubEnv('PATH', '/usr/bin:/bin');
  const run = { purpose, installHint: 'sudo apt install dracut-core' };
  expect(
    await complaintOf(() => runTool(['dracut-nowhere', '--kver', '6.1'], run)),
  ).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer failed: dracut-nowhere could not be executed
      - command: dracut-nowhere --kver 6.1
      - setpriv: failed to execute dracut-nowhere: No such file or directory
      hint: sudo apt install dracut-core"
  `);
});

test('a program without execute permission', async () => {
  const program = join(makeTemporaryDirectory(), 'tool');
  writeFileSync(program, '#!/bin/sh\n');
  chmodSync(program, 0o644);
  expect(
    await complaintOf(() => runTool([program], { purpose }), { TOOL: program }),
  ).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer failed: TOOL could not be executed
      - command: 'TOOL'
      - setpriv: failed to execute TOOL: Permission denied"
  `);
});

test('a missing setpriv, not the program: setpriv is reported', async () => {
  vi.stubEnv('PATH', makeTemporaryDirectory());
  const run = { purpose, installHint: 'sudo apt install dracut-core' };
  expect(await complaintOf(() => runTool(['/bin/true'], run))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer: setpriv cannot be executed
      hint: install util-linux, or run \`rapido doctor\`"
  `);
});

test('a started program gets the requested signal when rapido dies', async () => {
  const directory = makeTemporaryDirectory();
  const script = compileScript(
    directory,
    'parent',
    `import { once } from 'node:events';
     import { startTool } from './sys/exec.ts';
     const tool = startTool(['sh', '-c', 'echo $$; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'], deathSignal: 'KILL', detached: false });
     const [line] = await once(tool.stdout, 'data');
     console.log(String(line).trim());
     process.kill(process.pid, 'SIGKILL');`,
  );
  const { stdout, signal } = await run([process.execPath, script], {});
  expect(signal).toBe('SIGKILL');
  const pid = Number(stdout);
  expect(pid).toBeGreaterThan(1);
  while (identifyProcess(pid) !== undefined) await new Promise((next) => setTimeout(next, 5));
});
