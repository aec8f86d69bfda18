import { join } from 'node:path';
import { listIfReachable, lstatIfReachable } from './stat.ts';

/** The unit of st_blocks in bytes, stat(2). */
const BLOCK = 512;

/** How many bytes a file takes on its disk, or a directory with all that is in it. */
export function sizeOnDisk(path: string): number {
  const stats = lstatIfReachable(path);
  if (stats === undefined) return 0;
  const entries = stats.isDirectory() ? listIfReachable(path) : [];
  return entries.reduce((sum, name) => sum + sizeOnDisk(join(path, name)), stats.blocks * BLOCK);
}
