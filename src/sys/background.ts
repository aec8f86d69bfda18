import type { ChildProcess } from 'node:child_process';
import { spawnProcess } from './spawn.ts';

/**
 * Starts this program once more with the same arguments, in a session of its own, where neither the
 * terminal nor our end reaches it. Its stderr is a pipe, and so is file descriptor 3.
 * @param env what it has beside our environment
 */
export function startSelfInBackground(env: Readonly<Record<string, string>>): ChildProcess {
  return spawnProcess(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
}
