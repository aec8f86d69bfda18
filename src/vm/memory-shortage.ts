import { formatBytes } from '../ui/format.ts';
import type { VmPlan } from './plan.ts';

/** The memory of a VM, in bytes. */
export interface VmMemory {
  /** The memory that the VM has. */
  bytes: number;
  /** The memory that unpacking its image needs (`memoryToUnpack`). */
  toUnpack: number;
}

export function memoryOf({
  memory,
  memoryToUnpack,
}: Pick<VmPlan, 'memory' | 'memoryToUnpack'>): VmMemory {
  return { bytes: memory, toUnpack: memoryToUnpack };
}

/** Whether the memory is too small to unpack the image. */
export function isTooSmall({ bytes, toUnpack }: VmMemory): boolean {
  return bytes < toUnpack;
}

/** Kernel messages when memory runs out before init runs (init/initramfs.c, mm/oom_kill.c). */
const KERNEL_MESSAGES =
  /(?:Initramfs|rootfs image) unpacking failed: write error|invoked oom-killer|System is deadlocked on memory|Out of memory and no killable processes/;

/** The panics of a kernel whose init is missing because it could not be unpacked. */
const WITHOUT_INIT =
  /Kernel panic - not syncing: (?:VFS: Unable to mount root fs|No working init found)/;

/** QEMU checks whether the image fits before it starts the VM (hw/i386/x86.c, x86-common.c). */
const QEMU_MESSAGES = /initrd is too large/;

interface Evidence {
  memory: VmMemory | undefined;
  qemuSaid: string;
  consoleTail: string;
  /** Whether the VM ended by a reset, with or without a panic. */
  isReset: boolean;
}

/**
 * Describes in one line that a VM whose init did not run lacked memory; undefined if nothing indicates that. A
 * kernel with far too little memory resets without a message, or finds no init. Then the amount of memory decides.
 */
export function describeShortage(evidence: Evidence): string | undefined {
  const { memory, qemuSaid, consoleTail, isReset } = evidence;
  const words = QEMU_MESSAGES.exec(qemuSaid)?.[0] ?? KERNEL_MESSAGES.exec(consoleTail)?.[0];
  const hasPanicked = consoleTail.includes('Kernel panic - not syncing');
  const isSmall = memory !== undefined && isTooSmall(memory);
  const isLikely = isSmall && isReset && (!hasPanicked || WITHOUT_INIT.test(consoleTail));
  if (words === undefined && !isLikely) return undefined;
  const said = words === undefined ? '' : ` ("${words}")`;
  if (!isSmall) return `the VM ran out of memory before init${said}; increase it with --memory`;
  const { bytes, toUnpack } = memory;
  return `the VM has too little memory for its image${said}: ${formatBytes(bytes)}, but unpacking takes about ${formatBytes(toUnpack)}; increase it with --memory`;
}
