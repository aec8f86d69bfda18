import type { ImageInfo } from '../image/plan.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

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

/** Bytes of an image: as it is packed, and as its files are in the guest (`unpackedSize`). */
export interface ImageSize {
  archive: number;
  unpacked: number;
}

/**
 * What a kernel takes before it unpacks: 50 to 62 MiB for those of Debian 12, 13 and sid (6.1 to 7.2, both flavours),
 * by the size of the root file system in VMs of 512 MiB to 4 GiB. The rest is for larger kernels.
 */
const KERNEL = 128 * MIB;

/** What it takes for each byte of memory: measured 1.8 %, nearly all of it struct page (64 bytes for 4 KiB). */
const KERNEL_SHARE = 0.02;

/** The bounce buffers of a PC with memory above 4 GiB (swiotlb), which a q35 has from 2 GiB on. */
const BOUNCE_BUFFERS = 64 * MIB;

/**
 * Memory without which the kernel may not unpack an image. It stands there packed while it is unpacked, and the
 * root file system, a tmpfs, gets half of what is left: so its files count twice, and the archive once.
 * @param shadowShare of `shadowShareOf`
 */
export function memoryToUnpack({ archive, unpacked }: ImageSize, shadowShare = 0): number {
  const granule = 64 * MIB;
  const share = 1 - KERNEL_SHARE - shadowShare;
  const small = (2 * unpacked + archive + KERNEL) / share;
  const needed = small <= 2 * GIB ? small : small + BOUNCE_BUFFERS / share;
  return Math.ceil(needed / granule) * granule;
}

/**
 * The share of all memory that the kernel sets aside to check accesses by: an eighth for KASAN, two thirds for
 * KMSAN (Documentation/dev-tools/kasan.rst, kmsan.rst). The quarantine of KASAN comes of what is freed later.
 * @param config text of the kernel's configuration
 */
export function shadowShareOf(config: string | undefined): number {
  if (config === undefined) return 0;
  if (/^CONFIG_KMSAN=y$/m.test(config)) return 2 / 3;
  if (/^CONFIG_KASAN_GENERIC=y$/m.test(config)) return 1 / 8;
  return /^CONFIG_KASAN_SW_TAGS=y$/m.test(config) ? 1 / 16 : 0;
}
