import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { withLock, withSharedLock } from '../../src/sys/lock.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { compileScript, runScript } from '../support/typescript-process.ts';

let directory: string;
let lock: string;
beforeEach(() => {
  directory = makeTemporaryDirectory();
  lock = join(directory, 'made with it/lock');
});

test('returns the result of the work, and leaves a private file to lock', async () => {
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
     import { withLock, withSharedLock } from './sys/lock.ts';
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

test('work that fails releases the lock', async () => {
  await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withLock(lock, () => 'next')).toBe('next');
});

test('a process that is killed releases the lock', async () => {
  const script = compileScript(
    directory,
    'holder',
    `import { withLock, withSharedLock } from './sys/lock.ts';
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

test('names a lock that cannot be taken, with the reason', async () => {
  const tooLong = join(directory, 'x'.repeat(300));
  expect(
    await complaintOf(() => withLock(tooLong, () => 'never'), { LOCK: tooLong }),
  ).toMatchInlineSnapshot(`"rapido: error: LOCK: name too long (open)"`);
});

describe('files of others in place of the lock', () => {
  const refused = (): Promise<string> =>
    complaintOf(() => withLock(lock, () => 'never'), { LOCK: lock });
  beforeEach(() => {
    mkdirSync(dirname(lock));
  });

  test('does not follow a link, and creates nothing at its target', async () => {
    symlinkSync(join(directory, 'elsewhere'), lock);
    expect(await refused()).toBe('rapido: error: LOCK: too many symbolic links (open)');
    expect(existsSync(join(directory, 'elsewhere'))).toBe(false);
  });

  test('does not wait for a pipe', async () => {
    spawnSync('mkfifo', [lock]);
    expect(await refused()).toContain('LOCK is not a regular file that belongs to this user');
  });

  test.runIf(process.getuid?.() === 0)('a file of another user', async () => {
    writeFileSync(lock, '', { mode: 0o666 });
    chownSync(lock, 65534, 65534);
    expect(await refused()).toMatchInlineSnapshot(`
      "rapido: error: LOCK is not a regular file that belongs to this user
        hint: check its owner with \`ls -l\` and remove it"
    `);
  });
});

test('does not wait for ever for a lock that every user can take', async () => {
  writeFiles(directory, { shared: '' });
  const shared = join(directory, 'shared');
  const holder = spawn('flock', [shared, 'bash', '-c', 'echo held; read'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const refused = await complaintOf(() => withSharedLock(shared, 0.1, () => 'never'), {
    LOCK: shared,
  });
  expect(refused).toMatchInlineSnapshot(`
    "rapido: error: LOCK is locked by another process
      hint: \`lslocks\` shows the process; it may be another rapido"
  `);
  holder.stdin.end();
  expect(await withSharedLock(shared, 20, () => 'done')).toBe('done');
});

test('says what to install on a host without flock', async () => {
  vi.stubEnv('PATH', directory);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(await complaintOf(() => withLock(lock, () => 'never'))).toMatchInlineSnapshot(`
    "rapido: error: flock cannot be executed
      hint: install util-linux, or run \`rapido doctor\`"
  `);
});
