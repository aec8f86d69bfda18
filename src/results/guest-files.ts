import { join } from 'node:path';
import { readRegularFile } from '../sys/regular-file.ts';
import { lstatIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import { listEarlierRuns, type RunDirectory } from './store.ts';

/*
 * Files that a guest left in /rapido/results. It may have made anything there: links, pipes, what fills
 * the memory or the disk. Whatever is no plain file of a usual size is as if it were not there.
 */

const MIB = 1024 * 1024;

/** Bytes. No file that rapido itself reads of a guest's is as large. */
const LARGEST_READ = 4 * MIB;

/** Bytes of a file that the next run gets. */
export const LARGEST_CARRIED = 64 * MIB;

/** The text of a file right below a run's `guest`. */
export function readGuestFile(run: RunDirectory, name: string): string | undefined {
  return readRegularFile(join(run.file('guest'), name), { limit: LARGEST_READ })?.toString();
}

/**
 * Copies into a run's `guest` what the newest earlier run of the same cut left there under that name.
 * Where none did, or it cannot be read, there is nothing to carry.
 * @returns the file of a run before, if it was too large
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
    } catch {} // A run can do without: where the disk is full, more than this will tell.
    return undefined;
  }
  return undefined;
}
