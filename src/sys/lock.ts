import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { explainSystemError, UserError } from '../errors.ts';
import { toolEnvironment } from './environment.ts';
import { makePrivateDirectory } from './private-directory.ts';
import { explainSpawnError, spawnProcess, UTIL_LINUX_HINT } from './spawn.ts';

/**
 * Runs `work` while this process alone holds `path`, waiting for its turn. The file is made where there
 * is none; in a directory that others may write, too, it must be this user's own.
 * @throws UserError when it is another user's, is no file, or cannot be opened
 */
export async function withLock<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  return withLockOn(path, openOwnFile(path), ['--exclusive'], work);
}

/**
 * The same for a file that every user can lock, such as one of /proc: nobody is waited for without end.
 * @param patience seconds
 */
export async function withSharedLock<T>(
  path: string,
  patience: number,
  work: () => T | Promise<T>,
): Promise<T> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
  const options = ['--exclusive', '--timeout', String(patience)];
  options.push('--conflict-exit-code', String(STILL_LOCKED));
  return withLockOn(path, fd, options, work);
}

/** Our own, so that it is none of flock's or of sysexits.h. */
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
  throw new UserError(`${path}: is not a file of this user`, {
    hint: 'see whose it is (ls -l), and remove it',
  });
}

/**
 * Node has no flock(2): util-linux's flock locks the open file that it shares with us, and ends. The
 * kernel frees the lock when our descriptor is closed, however we end: there is no stale lock.
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
      throw new UserError(`${path}: another process keeps it locked`, {
        hint: '`lslocks` shows which; it may be another rapido',
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
