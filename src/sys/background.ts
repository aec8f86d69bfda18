import type { ChildProcess } from 'node:child_process';
import { spawnProcess } from './spawn.ts';

/**
 * Starts this program again with the same arguments, in a session of its own, so that it survives the terminal
 * and this process. Its stderr and its file descriptor 3 are pipes.
 * @param env added to the environment of this process
 */
export function startSelfInBackground(env: Readonly<Record<string, string>>): ChildProcess {
  return spawnProcess(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
}
