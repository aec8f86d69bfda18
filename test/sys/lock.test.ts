import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { withLock } from '../../src/sys/lock.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { compileScript, runScript } from '../support/typescript-process.ts';

let directory: string;
let lock: string;
beforeEach(() => {
  directory = makeTemporaryDirectory();
  lock = join(directory, 'made with it/lock');
});

test('what the work returns comes back, and a file of this user alone is left to lock', async () => {
  expect(await withLock(lock, () => 'done')).toBe('done');
  expect(await withLock(lock, async () => 'done again')).toBe('done again');
  expect(statSync(dirname(lock)).mode & 0o777).toBe(0o700);
});

test('work in one process waits for its turn', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside++;
    most = Math.max(most, inside);
    await new Promise((next) => setTimeout(next, 5));
    inside--;
  };
  await Promise.all([withLock(lock, work), withLock(lock, work), withLock(lock, work)]);
  expect(most).toBe(1);
});

test('processes that take the same lock never overlap', async () => {
  const log = join(directory, 'log');
  const script = compileScript(
    directory,
    'worker',
    `import { appendFileSync } from 'node:fs';
     import { withLock } from './sys/lock.ts';
     for (let turn = 0; turn < 4; turn++) {
       await withLock(process.argv[2], async () => {
         appendFileSync(process.argv[3], process.pid + ' enters\\n');
         await new Promise((next) => setTimeout(next, 5));
         appendFileSync(process.argv[3], process.pid + ' leaves\\n');
       });
     }`,
  );
  await Promise.all([1, 2, 3].map(() => runScript(script, [lock, log])));
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(24);
  for (let i = 0; i < lines.length; i += 2) {
    expect(lines[i]).toMatch(/^\d+ enters$/);
    expect(lines[i + 1]).toBe(lines[i]?.replace('enters', 'leaves'));
  }
});

test('work that fails frees the lock', async () => {
  await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withLock(lock, () => 'next')).toBe('next');
});

test('a process that is killed frees the lock', async () => {
  const script = compileScript(
    directory,
    'holder',
    `import { withLock } from './sys/lock.ts';
     await withLock(process.argv[2], () => {
       console.log('held');
       return new Promise((never) => setTimeout(never, 60_000));
     });`,
  );
  const holder = spawn(process.execPath, [script, lock], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    holder.kill('SIGKILL');
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  expect(await withLock(lock, () => 'next')).toBe('next');
});

test('a lock that cannot be taken is named, with how flock ended', async () => {
  const tooLong = join(directory, 'x'.repeat(300));
  expect(
    await complaintOf(() => withLock(tooLong, () => 'never'), { LOCK: tooLong }),
  ).toMatchInlineSnapshot(`"rapido: error: LOCK: cannot be locked (flock exited with 66)"`);
});

test('a host without flock is told what to install', async () => {
  vi.stubEnv('PATH', directory);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(await complaintOf(() => withLock(lock, () => 'never'))).toMatchInlineSnapshot(`
    "rapido: error: flock cannot be executed
      hint: install util-linux, or run \`rapido doctor\`"
  `);
});
