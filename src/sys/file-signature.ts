import type { Stats } from 'node:fs';
import { lstatIfReachable } from './stat.ts';

/** What is known of a file without reading it: of fs.Stats, what matters for a hundred thousand. */
export type FileFacts = Readonly<
  Pick<Stats, 'mode' | 'size' | 'ino' | 'dev' | 'rdev' | 'nlink' | 'mtimeMs' | 'ctimeMs'>
>;

/** Signatures of files by their path, as they were when a layer was made from them. */
export type FileSignatures = Record<string, string>;

/** The signature of a file that changed while it was read: no file ever has it. */
const RACY = 'racy';

/**
 * Timestamps of files are those of the last clock tick, up to 10 ms old (CONFIG_HZ=100): a file
 * changed in the same tick as it was read may look unchanged.
 */
const TICK_MS = 20;

/**
 * What tells whether a file is still the same without reading it: type, permissions, size, inode,
 * and the times of the last change of its content and of its metadata. The latter (ctime) also
 * catches a file replaced by one with its old timestamp, which `cp -p` and `touch -r` make.
 */
export function signatureOf(stats: FileFacts): string {
  return `${stats.mode.toString(8)}:${stats.size}:${stats.ino}:${stats.mtimeMs}:${stats.ctimeMs}`;
}

/**
 * Signs files that were read since `startedMs` (Date.now()). One that changed since then gets a
 * signature that never matches; one that does not exist gets the empty one.
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

/** Whether a file changed so late that what was read from `startedMs` on may be older. */
export function isRacy(stats: FileFacts, startedMs: number): boolean {
  return stats.ctimeMs > startedMs - TICK_MS;
}

/** The same signatures without those that never match: what was read then cannot be told by now. */
export function knownSignatures(signatures: FileSignatures): FileSignatures {
  return Object.fromEntries(Object.entries(signatures).filter(([, known]) => known !== RACY));
}

/** @returns the first path whose file is not the one that was signed, or undefined if all are */
export function findChangedFile(signatures: FileSignatures): string | undefined {
  for (const [path, signature] of Object.entries(signatures)) {
    const stats = lstatIfReachable(path);
    if ((stats === undefined ? '' : signatureOf(stats)) !== signature) return path;
  }
  return undefined;
}
