import type { Stats } from 'node:fs';
import { lstatIfReachable } from './stat.ts';

/** What identifies the state of a file without reading it. Less than fs.Stats, as there may be 100,000 files. */
export type FileFacts = Readonly<
  Pick<Stats, 'mode' | 'size' | 'ino' | 'dev' | 'rdev' | 'nlink' | 'mtimeMs' | 'ctimeMs'>
>;

/** Signatures of files by path, from the time when a layer was built from them. */
export type FileSignatures = Record<string, string>;

/** The signature of a file that changed while it was read. It never matches. */
const RACY = 'racy';

/**
 * Timestamps of files have the granularity of the clock tick, up to 10 ms (CONFIG_HZ=100): a file that changed in
 * the tick in which it was read may look unchanged.
 */
const TICK_MS = 20;

/**
 * Shows whether a file has changed, without reading it: type, permissions, size, inode, mtime and ctime. The ctime
 * also detects a file that was replaced by one with the same mtime, as `cp -p` and `touch -r` do.
 */
export function signatureOf(stats: FileFacts): string {
  return `${stats.mode.toString(8)}:${stats.size}:${stats.ino}:${stats.mtimeMs}:${stats.ctimeMs}`;
}

/**
 * Signs files that were read since `startedMs` (Date.now()). A file that changed since then gets a signature that
 * never matches. A file that does not exist gets an empty one.
 */
export function signFiles(paths: Iterable<string>, startedMs: number): FileSignatures {
  const signatures: FileSignatures = {};
  for (const path of paths) {
    const stats = lstatIfReachable(path);
    if (stats === undefined) signatures[path] = '';
    else signatures[path] = isRacy(stats, startedMs) ? RACY : signatureOf(stats);
  }
  return signatures;
}

/** Whether a file may have changed after it was read, if it was read at `startedMs` or later. */
export function isRacy(stats: FileFacts, startedMs: number): boolean {
  return stats.ctimeMs > startedMs - TICK_MS;
}

/** Removes the signatures that never match. */
export function knownSignatures(signatures: FileSignatures): FileSignatures {
  return Object.fromEntries(Object.entries(signatures).filter(([, known]) => known !== RACY));
}

/** @returns the first path whose file has changed since it was signed; undefined: none has */
export function findChangedFile(signatures: FileSignatures): string | undefined {
  for (const [path, signature] of Object.entries(signatures)) {
    const stats = lstatIfReachable(path);
    if ((stats === undefined ? '' : signatureOf(stats)) !== signature) return path;
  }
  return undefined;
}
