import { join } from 'node:path';
import { readRegularFile } from '../sys/regular-file.ts';
import { lstatIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import { listEarlierRuns, type RunDirectory } from './store.ts';

/*
 * Files that a guest wrote to /rapido/results. A hostile guest can create links, pipes, or files that fill the memory
 * or the disk of the host. Anything but a regular file of a normal size is treated as missing.
 */

const MIB = 1024 * 1024;

/** Maximum size of a file that rapido reads itself, in bytes. */
const LARGEST_READ = 4 * MIB;

/** Maximum size of a file that is passed on to the next run, in bytes. */
export const LARGEST_CARRIED = 64 * MIB;

/** @returns the text of a file in the directory `guest` of a run; undefined: it cannot be read */
export function readGuestFile(run: RunDirectory, name: string): string | undefined {
  return readRegularFile(join(run.file('guest'), name), { limit: LARGEST_READ })?.toString();
}

/**
 * Copies a file from the newest earlier run of the same cut that has it to the directory `guest` of this run. Does
 * nothing if no run has it or it cannot be read.
 * @returns the path of the file if it is too large
 */
export function carryFile(run: RunDirectory, name: string): string | undefined {
  for (const earlier of listEarlierRuns(run)) {
    const path = join(earlier.file('guest'), name);
    const stats = lstatIfReachable(path);
    if (stats?.isFile() !== true) continue;
    const data = readRegularFile(path, { limit: LARGEST_CARRIED });
    if (data === undefined) return stats.size > LARGEST_CARRIED ? path : undefined;
    try {
      writeFileAtomic(join(run.file('guest'), name), data);
    } catch {} // The file is optional. A full disk is reported elsewhere.
    return undefined;
  }
  return undefined;
}
