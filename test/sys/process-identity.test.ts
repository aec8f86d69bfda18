import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { identifyProcess, identifySelf, isAlive } from '../../src/sys/process-identity.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

function start(program: string, args: string[]): ChildProcess & { pid: number } {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  if (child.pid === undefined) throw new Error(`${program} was not started`);
  return child as ChildProcess & { pid: number };
}

test('this very process is alive', () => {
  expect(identifySelf().pid).toBe(process.pid);
  expect(isAlive(identifySelf())).toBe(true);
});

test('a process is identified while it runs, and dead once it has ended', async () => {
  const child = start('sleep', ['60']);
  const identity = identifyProcess(child.pid);
  expect(identity && isAlive(identity)).toBe(true);
  child.kill();
  await once(child, 'exit');
  expect(identifyProcess(child.pid)).toBeUndefined();
  expect(identity && isAlive(identity)).toBe(false);
});

test('another process with the same pid is not mistaken for it', () => {
  const { pid, startTime } = identifySelf();
  expect(isAlive({ pid, startTime: String(Number(startTime) - 1) })).toBe(false);
});

test('a name with spaces and parentheses does not shift the start time', () => {
  const program = join(makeTemporaryDirectory(), 'a) R 1 (b');
  copyFileSync('/bin/sleep', program);
  const odd = identifyProcess(start(program, ['60']).pid);
  const self = identifySelf();
  expect(Number(odd?.startTime)).toBeGreaterThanOrEqual(Number(self.startTime));
});

test('a zombie counts as dead: its pid is taken, but nothing runs', async () => {
  // The shell becomes a sleep, which does not wait for the shell's child. The child ends after that: the shell
  // itself would wait for it.
  const child = 'while [ "$(cat /proc/$$/comm)" != sleep ]; do :; done';
  const parent = start('sh', ['-c', `${child} & echo $!; exec sleep 60`]);
  const [line] = await once(createInterface({ input: parent.stdout! }), 'line');
  const pid = Number(line);
  while (identifyProcess(pid) !== undefined) await new Promise((next) => setTimeout(next, 5));
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(' Z ');
});
