import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { runTool } from '../../src/sys/exec.ts';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { compileScript } from '../support/typescript-process.ts';
import { run } from '../support/workspace.ts';

afterEach(() => vi.unstubAllEnvs());

const purpose = 'making the userspace layer';
const sh = (script: string): [string, ...string[]] => ['sh', '-c', script];

test('all that the program prints is returned, the lines of each stream in their order', async () => {
  const output = await runTool(sh('echo 1; echo a >&2; echo 2; echo b >&2; echo 3'), { purpose });
  const lines = output.split('\n');
  expect(lines.filter((line) => line < 'a')).toEqual(['1', '2', '3']);
  expect(lines.filter((line) => line >= 'a')).toEqual(['a', 'b']);
});

test('each line is handed over as it comes, and all of them are returned', async () => {
  const lines: string[] = [];
  const fifo = join(makeTemporaryDirectory(), 'fifo');
  const output = await runTool(sh(`mkfifo '${fifo}'; echo go; cat '${fifo}'; printf 'no end'`), {
    purpose,
    onLine: (line) => {
      lines.push(line);
      // The program goes on only because its first line has arrived.
      if (line === 'go') writeFileSync(fifo, 'on\n');
    },
  });
  expect(lines).toEqual(['go', 'on', 'no end']);
  expect(output).toBe('go\non\nno end');
});

test('the program runs in the given directory, in the UTF-8 C locale', async () => {
  const cwd = makeTemporaryDirectory();
  vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
  expect(await runTool(sh('pwd; echo $LC_ALL'), { purpose, cwd })).toBe(`${cwd}\nC.UTF-8`);
});

test.each([
  ['listed', 'no yes'],
  ['inherited', 'yes yes'],
  ['none', 'no yes'],
] as const)(
  'of the environment it has what is %s, and what it is given',
  async (environment, said) => {
    vi.stubEnv('FOREIGN', 'yes');
    const options = { purpose, environment, env: { EXTRA: 'yes' } };
    const words = sh('echo ${FOREIGN:-no} ${EXTRA:-no}');
    expect(await runTool(words, options)).toBe(said);
  },
);

test('nothing else is in an environment that has none of the user', async () => {
  const env = { A: '1' };
  expect(await runTool(['/usr/bin/env'], { purpose, environment: 'none', env })).toBe('A=1');
});

test('variables that are named are let through', async () => {
  vi.stubEnv('CROSS_COMPILE', 'riscv64-');
  const said = runTool(sh('echo $CROSS_COMPILE'), { purpose, passes: ['CROSS_COMPILE', 'LLVM'] });
  expect(await said).toBe('riscv64-');
});

test('it has the mask for new files that it is given, and rapido keeps its own', async () => {
  const before = process.umask(0o077);
  try {
    expect(await runTool(sh('umask'), { purpose, umask: 0o022 })).toBe('0022');
    expect(await runTool(sh('umask'), { purpose })).toBe('0077');
  } finally {
    process.umask(before);
  }
});

test('it has nothing to read', async () => {
  expect(await runTool(['cat'], { purpose })).toBe('');
});

test('no shell reads the arguments', async () => {
  expect(await runTool(['printf', '%s', '$HOME; `id` *'], { purpose })).toBe('$HOME; `id` *');
});

test('a program that fails: its status, its command line as one would type it, its last lines', async () => {
  const script = 'seq 1 20; echo "cannot find xfs_io" >&2; exit 3';
  expect(await complaintOf(() => runTool(sh(script), { purpose }))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer: sh failed: it exited with status 3
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

test('the same when its lines are watched', async () => {
  const lines: string[] = [];
  const run = { purpose, onLine: (line: string) => lines.push(line) };
  expect(await complaintOf(() => runTool(sh('echo hello; exit 1'), run))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer: sh failed: it exited with status 1
      - command: sh -c 'echo hello; exit 1'
      - hello"
  `);
  expect(lines).toEqual(['hello']);
});

test('a program that is killed: the signal', async () => {
  expect(await complaintOf(() => runTool(sh('kill -KILL $$'), { purpose }))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer: sh failed: it was killed by SIGKILL
      - command: sh -c 'kill -KILL $$'"
  `);
});

test('a program that does not exist: what to install', async () => {
  // A directory of PATH that may not be searched would make it "Permission denied".
  vi.stubEnv('PATH', '/usr/bin:/bin');
  const run = { purpose, installHint: 'sudo apt install dracut-core' };
  expect(
    await complaintOf(() => runTool(['dracut-nowhere', '--kver', '6.1'], run)),
  ).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer: dracut-nowhere failed: it cannot be executed
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
    "rapido: error: making the userspace layer: TOOL failed: it cannot be executed
      - command: 'TOOL'
      - setpriv: failed to execute TOOL: Permission denied"
  `);
});

test('a program found, but not setpriv which ends it with rapido: that is what is missing', async () => {
  vi.stubEnv('PATH', makeTemporaryDirectory());
  const run = { purpose, installHint: 'sudo apt install dracut-core' };
  expect(await complaintOf(() => runTool(['/bin/true'], run))).toMatchInlineSnapshot(`
    "rapido: error: making the userspace layer: setpriv cannot be executed
      hint: install util-linux, or run \`rapido doctor\`"
  `);
});

test('a program that is started is ended with the signal that was asked for when we die', async () => {
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
