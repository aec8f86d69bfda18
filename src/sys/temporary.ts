import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makePrivateDirectory } from './private-directory.ts';
import { identifySelf, isAlive } from './process-identity.ts';
import { listIfReachable, lstatIfReachable } from './stat.ts';

/** `.NAME.PID-STARTTIME-RANDOM.tmp`: identifies the process, so that a later one can remove its leftovers. */
const TEMPORARY_NAME = /^\..+\.(\d+)-(\d+)-[0-9a-f]{8}\.tmp$/s;

/** All temporary names of this process. */
const own = new Set<string>();

/** Removes the temporary files of this process, which is about to exit early. */
export function removeOwnTemporaries(): void {
  for (const name of own) removeQuietly(name);
}

/**
 * @returns a unique name in the directory of `path`: on the same filesystem, so that it can be renamed to `path`
 * atomically
 */
export function temporaryNameFor(path: string): string {
  const { pid, startTime } = identifySelf();
  const unique = `${pid}-${startTime}-${randomBytes(4).toString('hex')}`;
  const name = join(dirname(path), `.${basename(path)}.${unique}.tmp`);
  own.add(name);
  return name;
}

/** Removes the temporary files that killed processes left behind in a directory. */
export function removeLitter(directory: string): void {
  for (const path of listLitter(directory)) removeQuietly(path);
}

/** The temporary files and directories that killed processes of this user left behind in a directory. */
export function listLitter(directory: string): string[] {
  return (
    listIfReachable(directory)
      .filter((name) => {
        const [, pid, startTime] = TEMPORARY_NAME.exec(name) ?? [];
        if (pid === undefined || startTime === undefined) return false;
        return !isAlive({ pid: Number(pid), startTime });
      })
      .map((name) => join(directory, name))
      // Not those of other users, who could change their contents during the removal.
      .filter((path) => lstatIfReachable(path)?.uid === process.geteuid?.())
  );
}

/** A failure to clean up is not an error: the file may belong to another user. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  } catch {}
}

/** Writes `data` to `path` atomically: a reader sees the old content or the new. */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): void {
  replaceFile(path, (temporary) => writeFileSync(temporary, data, { mode, flag: 'wx' }));
}

/**
 * Replaces `path` with the file that `write` creates at a temporary name. If `write` throws, the old file is kept
 * and the temporary one is removed.
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
    throw addPath(error, path, temporary);
  }
}

/** Makes a system error name `path`: an error of write(2) has no path, and others have the temporary one. */
function addPath(error: unknown, path: string, temporary: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const named = 'path' in error ? error.path : temporary;
  return named === temporary ? Object.assign(error, { path }) : error;
}
