import type { Accelerator } from '../vm/plan.ts';

/** How long a kernel may take to its init, in milliseconds: emulation is slow, neighbours are busy. */
const BOOT_LIMIT = { kvm: 60_000, tcg: 300_000 } as const;

/** @param asked what --boot-timeout says */
export function bootLimit(asked: number | undefined, { kind }: Accelerator): number {
  return asked ?? BOOT_LIMIT[kind];
}
