import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { errorCode, explainSystemError, UserError } from '../errors.ts';

/**
 * Like spawn of node:child_process. That returns a child without streams if there are no file descriptors left, and
 * reports it only by a later event.
 * @throws a system error, EMFILE, in this case; other errors are reported by the event `error`
 */
export function spawnProcess(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(file, args, options);
  const streams: unknown = child.stdio;
  if (streams !== undefined) return child;
  child.once('error', () => {}); // Reports the same error again.
  const error = new Error(`spawn ${file} EMFILE`);
  throw Object.assign(error, { code: 'EMFILE', syscall: 'spawn', path: file });
}

/** What to do where a program of util-linux (setpriv, flock) is not there. */
export const UTIL_LINUX_HINT = 'install util-linux, or run `rapido doctor`';

/**
 * Converts the error of a program that could not be started.
 * @param hint used if the program does not exist; it does not help if the system lacks memory or processes
 */
export function explainSpawnError(program: string, cause: unknown, hint: string): UserError {
  const explained = explainSystemError(cause);
  const isThere = errorCode(cause) !== 'ENOENT';
  if (isThere && explained instanceof UserError) return explained;
  return new UserError(`${program} cannot be executed`, { cause, hint });
}
