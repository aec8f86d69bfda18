import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { sizeOnDisk } from '../sys/size-on-disk.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { chooseSurplus, type Removable } from '../sys/surplus.ts';
import { isImage } from './image-header.ts';

/** A file that rapido made and can make again. */
export interface CacheFile extends Removable {
  path: string;
}

/** How long QEMU may take to open its kernel and its image, in milliseconds. Nothing else shows that it will. */
const START_GRACE = 60_000;

/** The layers and unpacked kernels in rapido's cache directory. */
export function listCache(cache: string): CacheFile[] {
  return [
    ...listOwnFiles(join(cache, 'layers'), '.layer'),
    ...listOwnFiles(join(cache, 'kernels'), '.vmlinux'),
  ];
}

/** The images of runs. @param directory IMAGE_DIR */
function listRunImages(directory: string): CacheFile[] {
  return listOwnFiles(join(directory, 'run'), '.img').filter(({ path }) => isImage(path));
}

/** The images of cuts and of runs in IMAGE_DIR. What is not an image is not listed. */
export function listImages(directory: string): CacheFile[] {
  const cuts = listOwnFiles(directory, '.img').filter(({ path }) => isImage(path));
  return [...cuts, ...listRunImages(directory)];
}

/** Whether a VM may be about to boot it. A layer never is: a cut keeps those that it uses open. */
export function mayBeStarting({ path, used }: CacheFile, now: number): boolean {
  return !path.endsWith('.layer') && now - used < START_GRACE;
}

function listOwnFiles(directory: string, suffix: string): CacheFile[] {
  return listIfReachable(directory)
    .filter((name) => name.endsWith(suffix) && !name.startsWith('.'))
    .flatMap((name) => {
      const path = join(directory, name);
      const stats = lstatIfReachable(path);
      if (stats?.isFile() !== true || stats.uid !== process.geteuid?.()) return [];
      // A layer and a kernel have the time of last use as mtime. An image is only read, at least once for each boot.
      const used = Math.max(stats.mtimeMs, stats.atimeMs);
      return [{ path, bytes: sizeOnDisk(path), used }];
    });
}

/**
 * Removes the least recently used layers, unpacked kernels and images of runs until they fit the size.
 * @param directory IMAGE_DIR
 * @param size CACHE_SIZE in bytes; undefined: no limit
 */
export function limitCache(cache: string, directory: string, size: number | undefined): void {
  if (size === undefined) return;
  const all = [...listCache(cache), ...listRunImages(directory)];
  for (const file of chooseSurplus(all, { size })) {
    if (!mayBeStarting(file, Date.now())) rmSync(file.path, { force: true });
  }
}
