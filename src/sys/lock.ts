import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { explainSystemError, UserError } from '../errors.ts';
import { toolEnvironment } from './environment.ts';
import { makePrivateDirectory } from './private-directory.ts';
import { explainSpawnError, spawnProcess, UTIL_LINUX_HINT } from './spawn.ts';

/**
 * Waits for an exclusive lock on `path` and runs `work` under it. The file is created if it does not exist.
 * @param onWait called if the lock is not free at once
 * @throws UserError if it is not a regular file, belongs to another user, or cannot be opened
 */
export async function withLock<T>(
  path: string,
  work: () => T | Promise<T>,
  onWait?: () => void,
): Promise<T> {
  const waiting = onWait === undefined ? undefined : setTimeout(onWait, PATIENCE);
  return withLockOn(path, openOwnFile(path), ['--exclusive'], () => {
    clearTimeout(waiting);
    return work();
  }).finally(() => clearTimeout(waiting));
}

/** After this time, a lock is not free: flock itself takes a few milliseconds. In milliseconds. */
const PATIENCE = 300;

/**
 * Like `withLock`, for a file that every user can lock, such as one in /proc. Another user could hold the lock
 * forever, so the wait is limited.
 * @param timeout in seconds
 * @throws UserError if the lock is not free in time
 */
export async function withSharedLock<T>(
  path: string,
  timeout: number,
  work: () => T | Promise<T>,
): Promise<T> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
  const options = ['--exclusive', '--timeout', String(timeout)];
  options.push('--conflict-exit-code', String(STILL_LOCKED));
  return withLockOn(path, fd, options, work);
}

/** Differs from the statuses that flock uses itself, which are those of sysexits.h. */
const STILL_LOCKED = 101;

function openOwnFile(path: string): number {
  let fd: number;
  try {
    makePrivateDirectory(dirname(path));
    const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0o600);
  } catch (error) {
    throw explainSystemError(error);
  }
  const stats = fstatSync(fd);
  if (stats.isFile() && stats.uid === process.geteuid?.()) return fd;
  closeSync(fd);
  throw new UserError(`${path} is not a regular file that belongs to this user`, {
    hint: 'check its owner with `ls -l` and remove it',
  });
}

/**
 * Node has no flock(2), so util-linux's flock locks the open file description that it shares with rapido, and
 * exits. The kernel releases the lock when rapido's descriptor is closed, even if rapido is killed.
 */
async function withLockOn<T>(
  path: string,
  fd: number,
  options: readonly string[],
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    const holder = spawnProcess('flock', [...options, '3'], {
      stdio: ['ignore', 'ignore', 'inherit', fd],
      env: toolEnvironment(process.env),
    });
    let status: number | null;
    try {
      [status] = await once(holder, 'exit');
    } catch (cause) {
      throw explainSpawnError('flock', cause, UTIL_LINUX_HINT);
    }
    if (status === STILL_LOCKED) {
      throw new UserError(`${path} is locked by another process`, {
        hint: '`lslocks` shows the process; it may be another rapido',
      });
    }
    if (status !== 0) {
      throw new UserError(`${path}: cannot be locked (flock exited with ${status})`);
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}
