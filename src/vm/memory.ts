import { statSync } from 'node:fs';
import type { ImageInfo } from '../image/plan.ts';

const MIB = 1024 * 1024;

/** What a test gets for itself that does not say how much it needs. */
const ORDINARY = 512 * MIB;

/**
 * Bytes of memory that a VM needs for its image: what the cut asks for, or unpacking takes, and its zram
 * devices full of what cannot be compressed. A disk that takes the place of one takes none.
 */
export function memoryNeeded(
  { memory, zram }: Pick<ImageInfo, 'memory' | 'zram'>,
  toUnpack: number,
  disks: readonly { serial: string }[],
): number {
  const replaced = new Set(disks.map(({ serial }) => serial));
  const sizes = Object.entries(zram).flatMap(([name, bytes]) =>
    replaced.has(name) ? [] : [bytes],
  );
  const own = Math.max(memory ?? (sizes.length === 0 ? 0 : ORDINARY), toUnpack);
  return sizes.reduce((sum, bytes) => sum + bytes, own);
}

/**
 * Memory below which the kernel cannot unpack an image. It stands in memory packed and unpacked, and
 * the root file system gets half of all there is; the kernel wants some, too.
 */
export function memoryToUnpack(path: string): number {
  const granule = 64 * MIB;
  return Math.ceil((2 * statSync(path).size + 128 * MIB) / granule) * granule;
}
