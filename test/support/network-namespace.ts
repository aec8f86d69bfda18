import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { onTestFinished } from 'vitest';
import { readTextIfReachable } from '../../src/sys/stat.ts';

/** Whether namespaces with bridges and taps can be made here: it takes root, iproute2 and tun. */
export const canMakeNetworks =
  process.getuid?.() === 0 &&
  spawnSync('ip', ['netns', 'list']).status === 0 &&
  spawnSync('unshare', ['--net', 'true']).status === 0 &&
  opens('/dev/net/tun');

function opens(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A network namespace for a test: what it sets up there is neither seen nor touched elsewhere. */
export interface NetworkNamespace {
  /** What goes before a command to run it there. */
  prefix: string[];
  /** Runs a command there, and gives its stdout. */
  run: (...argv: string[]) => string;
  /** The command lines of what runs there. */
  processes: () => string[];
}

let count = 0;

/** Makes one with lo up; it is gone with the test, and so is whatever is in it. */
export function makeNetworkNamespace(
  cleanUp: (undo: () => void) => void = onTestFinished,
): NetworkNamespace {
  count += 1;
  const name = `rapido-test-${process.pid}-${count}`;
  execFileSync('ip', ['netns', 'add', name]);
  const pids = (): string[] =>
    execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n').filter(Boolean);
  cleanUp(() => {
    for (const pid of pids()) killIfThere(Number(pid));
    execFileSync('ip', ['netns', 'delete', name]);
  });
  const prefix = ['ip', 'netns', 'exec', name];
  const run = (...argv: string[]): string =>
    execFileSync('ip', ['netns', 'exec', name, ...argv], { encoding: 'utf8' });
  // IPv6 addresses need no second of waiting.
  run('bash', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad');
  run('ip', 'link', 'set', 'dev', 'lo', 'up');
  const processes = (): string[] =>
    pids().flatMap((pid) => {
      const words = readTextIfReachable(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? [];
      return words.length === 0 ? [] : [words.join(' ')];
    });
  return { prefix, run, processes };
}

/** What a failed test has left running there. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}
