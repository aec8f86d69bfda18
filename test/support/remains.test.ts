import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import { makeTestDirectory, removeRemains, removeRemainsOfKilledTests } from './remains.ts';

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

/** A directory in which a process runs and a filesystem is mounted, as after a test that failed. */
function leaveRemains(directory: string): number {
  const mountPoint = join(directory, 'mounted');
  mkdirSync(mountPoint);
  if (canMount) execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', mountPoint]);
  const child = spawn('sleep', ['1000'], {
    env: { ...process.env, HOME: directory },
    stdio: 'ignore',
    detached: true,
  });
  child.unref();
  return child.pid ?? 0;
}

test('the processes and mounts of a test are ended with its directory', async () => {
  const directory = makeTestDirectory();
  const pid = leaveRemains(directory);
  expect(identifyProcess(pid)).toBeDefined();
  await removeRemains(directory);
  expect(identifyProcess(pid)).toBeUndefined();
  expect(existsSync(directory)).toBe(false);
});

test('a start of the tests removes what killed tests left, and nothing of running ones', async () => {
  const running = makeTestDirectory();
  const { pid: dead } = spawnSync('true');
  const killed = join(dirname(running), `rapido test-${dead}-abc123`);
  renameSync(makeTestDirectory(), killed);
  const pid = leaveRemains(killed);
  await removeRemainsOfKilledTests();
  expect([existsSync(killed), identifyProcess(pid)]).toEqual([false, undefined]);
  expect(existsSync(running)).toBe(true);
  await removeRemains(running);
});
