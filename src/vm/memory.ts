import type { ImageInfo } from '../image/plan.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The memory for a test whose cut does not say how much it needs. */
const ORDINARY = 512 * MIB;

/**
 * The memory that a VM needs for its image, in bytes: the larger of what the cut requests and what unpacking needs,
 * plus the size of its zram devices, whose contents may be incompressible. A zram device that a disk replaces does
 * not count.
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

/** The size of an image in bytes: of the archive, and of its files in the guest (`unpackedSize`). */
export interface ImageSize {
  archive: number;
  unpacked: number;
}

/**
 * Memory that a kernel uses before it unpacks the image. Those of Debian 12, 13 and sid (6.1 to 7.2, both flavours)
 * use 50 to 62 MiB, as seen from the size of the root filesystem in VMs of 512 MiB to 4 GiB. The rest is a reserve
 * for larger kernels.
 */
const KERNEL = 128 * MIB;

/** The share of memory for the kernel's own tables: measured 1.8 %, nearly all struct page (64 bytes for 4 KiB). */
const KERNEL_SHARE = 0.02;

/** The bounce buffers (swiotlb) of a PC with memory above 4 GiB. A q35 machine has such memory from 2 GiB on. */
const BOUNCE_BUFFERS = 64 * MIB;

/**
 * The memory in bytes that the kernel needs to unpack an image. The archive stays in memory meanwhile, and the root
 * filesystem, a tmpfs, may use half of the remaining memory. So the files count twice, and the archive once.
 * @param shadowShare from `shadowShareOf`
 */
export function memoryToUnpack({ archive, unpacked }: ImageSize, shadowShare = 0): number {
  const granule = 64 * MIB;
  const share = 1 - KERNEL_SHARE - shadowShare;
  const small = (2 * unpacked + archive + KERNEL) / share;
  const needed = small <= 2 * GIB ? small : small + BOUNCE_BUFFERS / share;
  return Math.ceil(needed / granule) * granule;
}

/**
 * The share of all memory that the kernel reserves as shadow memory: an eighth for KASAN, two thirds for KMSAN
 * (Documentation/dev-tools/kasan.rst, kmsan.rst). KASAN's quarantine does not count: it consists of memory that is
 * freed later.
 * @param config the text of the kernel configuration; undefined: not known
 */
export function shadowShareOf(config: string | undefined): number {
  if (config === undefined) return 0;
  if (/^CONFIG_KMSAN=y$/m.test(config)) return 2 / 3;
  if (/^CONFIG_KASAN_GENERIC=y$/m.test(config)) return 1 / 8;
  return /^CONFIG_KASAN_SW_TAGS=y$/m.test(config) ? 1 / 16 : 0;
}
