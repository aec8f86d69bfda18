import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { onTestFinished } from 'vitest';
import { readTextIfReachable } from '../../src/sys/stat.ts';

/** Whether namespaces with bridges and taps can be made here, which requires root, iproute2 and tun. */
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

/** A network namespace for a test, so that its network does not affect others. */
export interface NetworkNamespace {
  /** Prefix of a command that runs it in the namespace. */
  prefix: string[];
  /** Runs a command in the namespace. @returns its standard output */
  run: (...argv: string[]) => string;
  /** The command lines of the processes in the namespace. */
  processes: () => string[];
}

let count = 0;

/** Makes a namespace with lo up. At the end of the test, it is removed and its processes are killed. */
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
  // Without duplicate address detection, IPv6 addresses are usable at once.
  run('bash', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad');
  run('ip', 'link', 'set', 'dev', 'lo', 'up');
  const processes = (): string[] =>
    pids().flatMap((pid) => {
      const words = readTextIfReachable(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1) ?? [];
      return words.length === 0 ? [] : [words.join(' ')];
    });
  return { prefix, run, processes };
}

/** A failed test may leave processes. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}
