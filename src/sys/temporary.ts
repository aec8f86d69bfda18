import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makePrivateDirectory } from './private-directory.ts';
import { identifySelf, isAlive } from './process-identity.ts';
import { listIfReachable, lstatIfReachable } from './stat.ts';

/** `.NAME.PID-STARTTIME-RANDOM.tmp`: says who made it, so that the next one can tell it is litter. */
const TEMPORARY_NAME = /^\..+\.(\d+)-(\d+)-[0-9a-f]{8}\.tmp$/s;

/** Every temporary name that this process was given. */
const own = new Set<string>();

/** Removes whatever this process has under temporary names: it is about to end early. */
export function removeOwnTemporaries(): void {
  for (const name of own) removeQuietly(name);
}

/**
 * A name beside `path` that no other process uses. It is on the same filesystem: renaming it to
 * `path` is atomic.
 */
export function temporaryNameFor(path: string): string {
  const { pid, startTime } = identifySelf();
  const unique = `${pid}-${startTime}-${randomBytes(4).toString('hex')}`;
  const name = join(dirname(path), `.${basename(path)}.${unique}.tmp`);
  own.add(name);
  return name;
}

/** Removes what killed processes left behind under the names of `temporaryNameFor` in a directory. */
export function removeLitter(directory: string): void {
  for (const name of listIfReachable(directory)) {
    const [, pid, startTime] = TEMPORARY_NAME.exec(name) ?? [];
    if (pid === undefined || startTime === undefined) continue;
    if (isAlive({ pid: Number(pid), startTime })) continue;
    const path = join(directory, name);
    // Others may have theirs there, and change what is in it while it is removed.
    if (lstatIfReachable(path)?.uid === process.geteuid?.()) removeQuietly(path);
  }
}

/** Cleaning up is never worth a failure: what belongs to another user stays. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  } catch {}
}

/** Writes `data` to `path` so that a reader sees the old content or the new, never a part. */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): void {
  replaceFile(path, (temporary) => writeFileSync(temporary, data, { mode, flag: 'wx' }));
}

/**
 * Replaces `path` by what `write` makes at the temporary name it is given; if `write` throws, the
 * old file stays and nothing is left behind.
 */
export function replaceFile<T>(path: string, write: (temporary: string) => T): T {
  makePrivateDirectory(dirname(path));
  const temporary = temporaryNameFor(path);
  try {
    const result = write(temporary);
    renameSync(temporary, path);
    return result;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw namingPath(error, path, temporary);
  }
}

/** A full disk is that of this file: what write(2) refuses has no path, and nobody knows the temporary one. */
function namingPath(error: unknown, path: string, temporary: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const named = 'path' in error ? error.path : temporary;
  return named === temporary ? Object.assign(error, { path }) : error;
}
