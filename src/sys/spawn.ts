import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { errorCode, explainSystemError, UserError } from '../errors.ts';

/**
 * node:child_process's spawn, which has no streams to give where the process is out of file descriptors, and says
 * so only in an event that comes later.
 * @throws a system error, EMFILE, then; what else goes wrong is an event, `error`
 */
export function spawnProcess(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(file, args, options);
  const streams: unknown = child.stdio;
  if (streams !== undefined) return child;
  child.once('error', () => {}); // The same.
  const error = new Error(`spawn ${file} EMFILE`);
  throw Object.assign(error, { code: 'EMFILE', syscall: 'spawn', path: file });
}

/** What to do where a program of util-linux (setpriv, flock) is not there. */
export const UTIL_LINUX_HINT = 'install util-linux, or run `rapido doctor`';

/**
 * What to tell of a program that could not be started.
 * @param hint for one that is not there; where the system is short of something, installing does not help
 */
export function explainSpawnError(program: string, cause: unknown, hint: string): UserError {
  const explained = explainSystemError(cause);
  const isThere = errorCode(cause) !== 'ENOENT';
  if (isThere && explained instanceof UserError) return explained;
  return new UserError(`${program} cannot be executed`, { cause, hint });
}
