import { formatBytes } from '../ui/format.ts';
import type { VmPlan } from './plan.ts';

/** Bytes of memory of a VM. */
export interface VmMemory {
  /** What it has. */
  bytes: number;
  /** What unpacking its image takes, by `memoryToUnpack`. */
  toUnpack: number;
}

export function memoryOf({
  memory,
  memoryToUnpack,
}: Pick<VmPlan, 'memory' | 'memoryToUnpack'>): VmMemory {
  return { bytes: memory, toUnpack: memoryToUnpack };
}

/** Whether its image cannot be unpacked in it. */
export function isTooSmall({ bytes, toUnpack }: VmMemory): boolean {
  return bytes < toUnpack;
}

/** What the kernel says of memory that runs out before its init runs (init/initramfs.c, mm/oom_kill.c). */
const WORDS =
  /(?:Initramfs|rootfs image) unpacking failed: write error|invoked oom-killer|System is deadlocked on memory|Out of memory and no killable processes/;

/** How it ends where its init did not make it into the root file system. */
const WITHOUT_INIT =
  /Kernel panic - not syncing: (?:VFS: Unable to mount root fs|No working init found)/;

/** QEMU looks whether the image fits before it starts anything (hw/i386/x86.c, x86-common.c). */
const QEMU_WORDS = /initrd is too large/;

interface Signs {
  memory: VmMemory | undefined;
  qemuSaid: string;
  consoleTail: string;
  /** The VM ended by a reset, with or without a panic. */
  isReset: boolean;
}

/**
 * Why a VM whose init did not run lacked memory, in a line; undefined where nothing points to that. A kernel
 * that has far too little resets without a word, or finds no init: then how much it has tells.
 */
export function describeShortage(signs: Signs): string | undefined {
  const { memory, qemuSaid, consoleTail, isReset } = signs;
  const words = QEMU_WORDS.exec(qemuSaid)?.[0] ?? WORDS.exec(consoleTail)?.[0];
  const hasPanicked = consoleTail.includes('Kernel panic - not syncing');
  const isSmall = memory !== undefined && isTooSmall(memory);
  const isLikely = isSmall && isReset && (!hasPanicked || WITHOUT_INIT.test(consoleTail));
  if (words === undefined && !isLikely) return undefined;
  const said = words === undefined ? '' : ` ("${words}")`;
  if (!isSmall) return `the VM ran out of memory before init${said}; give it more: --memory`;
  const { bytes, toUnpack } = memory;
  return `the VM has too little memory for its image${said}: it has ${formatBytes(bytes)}, and unpacking takes about ${formatBytes(toUnpack)}: --memory`;
}
