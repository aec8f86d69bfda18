import { createHash } from 'node:crypto';
import { linkSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { readRegularFile } from '../sys/regular-file.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';

/** Beside the runs: the configuration of each kernel once, named by its SHA-256. */
const CONFIGS = '.configs';

/** In bytes. Those of distributions have 300 KB. */
const LARGEST_CONFIG = 4 * 1024 * 1024;

/** The directory of a run (`RunDirectory`). */
interface KeepingRun {
  path: string;
  file: (name: 'kernel.config') => string;
}

/**
 * Keeps the configuration of a kernel as `kernel.config` in the directory of a run. Runs with the same configuration
 * have hard links to one file, so each content is stored once, a copy of the directory is complete, and the last run
 * that is removed frees it.
 * @param source file with the configuration
 * @returns its SHA-256 in hexadecimal; undefined: it cannot be read
 * @throws Error of the file system
 */
export function keepConfig(run: KeepingRun, source: string): string | undefined {
  const content = readRegularFile(source, { limit: LARGEST_CONFIG, mayBeLink: true });
  if (content === undefined) return undefined;
  const hash = createHash('sha256').update(content).digest('hex');
  const file = run.file('kernel.config');
  if (!linkFromStore(dirname(run.path), hash, content, file)) writeFileAtomic(file, content);
  return hash;
}

/** @returns whether there is a link; not on a file system without hard links, or if others own the store */
function linkFromStore(parent: string, hash: string, content: Buffer, file: string): boolean {
  const stored = join(parent, CONFIGS, hash);
  try {
    makePrivateDirectory(dirname(stored));
    const stats = lstatIfReachable(stored);
    if (stats === undefined) writeFileAtomic(stored, content);
    else if (!stats.isFile() || !isOwn(stored) || stats.size !== content.length) return false;
    linkSync(stored, file);
    return true;
  } catch {
    return false;
  }
}

/** Removes the configurations that no run has any more. */
export function pruneConfigs(parent: string): void {
  const store = join(parent, CONFIGS);
  for (const name of listIfReachable(store)) {
    const path = join(store, name);
    const stats = lstatIfReachable(path);
    if (stats?.isFile() !== true || stats.nlink > 1 || !isOwn(path)) continue;
    try {
      rmSync(path, { force: true });
    } catch {}
  }
  try {
    rmdirSync(store);
  } catch {} // It is not empty, or does not exist.
}

function isOwn(path: string): boolean {
  return lstatIfReachable(path)?.uid === process.geteuid?.();
}
