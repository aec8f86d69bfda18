import type { Context } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import { UserError } from '../errors.ts';
import { architectureOf } from '../host/architecture.ts';
import type { Kernel } from '../host/kernel.ts';
import { probeKvm } from '../host/kvm.ts';
import { cleaningUpOnSignals, type EndingSignal } from '../sys/signals.ts';
import { statIfReachable } from '../sys/stat.ts';
import { chooseAccelerator } from '../vm/plan.ts';
import { unpackedKernelPath, unpackKernel } from '../vm/unpacked-kernel.ts';

/** QEMU arguments for firmware, such as OVMF, that can only boot a bzImage. */
const FIRMWARE = /^--?(bios|pflash)$|if=pflash/;

/**
 * @returns the file that QEMU boots, as KERNEL_FORMAT says: the kernel image, or the vmlinux unpacked from it
 * @param onUnpack called before the kernel is unpacked, which takes a second or two, once for each kernel
 * @throws UserError if KERNEL_FORMAT=vmlinux and the kernel has no vmlinux that QEMU can boot
 */
export async function prepareKernelImage(
  sources: KernelSources,
  { onUnpack, onSignal }: { onUnpack: () => void; onSignal?: (signal: EndingSignal) => number },
): Promise<string> {
  const { kernel, context } = sources;
  if (!wantsUnpacked(sources)) return kernel.image;
  const cached = unpackedKernelPath(kernel.image, context.directories.cache);
  if (cached !== undefined && statIfReachable(cached) === undefined) onUnpack();
  const unpacked = await cleaningUpOnSignals(
    () => unpackKernel(kernel.image, context.directories.cache),
    onSignal,
  );
  if ('path' in unpacked) return unpacked.path;
  if (isDemanded(sources)) {
    throw new UserError(
      `KERNEL_FORMAT: QEMU cannot boot a vmlinux of this kernel: ${unpacked.reason}`,
      {
        dependsOn: 'kernel',
        hint: 'with KERNEL_FORMAT="auto", rapido boots the bzImage of such a kernel',
      },
    );
  }
  if (context.debug) context.ui.note(`booting the bzImage: ${unpacked.reason}`);
  return kernel.image;
}

/** Predicts the result of `prepareKernelImage` without unpacking anything. */
export function foreseeKernelImage(sources: KernelSources): string {
  const { kernel, context } = sources;
  const path = wantsUnpacked(sources)
    ? unpackedKernelPath(kernel.image, context.directories.cache)
    : undefined;
  // An empty file marks a kernel without a PVH entry, see unpackKernel.
  return path === undefined || statIfReachable(path)?.size === 0 ? kernel.image : path;
}

interface KernelSources {
  kernel: Kernel;
  conf: Conf;
  context: Context;
  /** Those of `--qemu-arg`, and those after `--`. */
  qemuArguments: readonly string[];
}

function isDemanded({ conf }: KernelSources): boolean {
  return conf.get('KERNEL_FORMAT') === 'vmlinux';
}

function wantsUnpacked(sources: KernelSources): boolean {
  const { conf, qemuArguments } = sources;
  const architecture = architectureOf(process.arch);
  if (architecture.name !== 'x86_64' || conf.get('KERNEL_FORMAT') === 'bzImage') return false;
  if (isDemanded(sources)) return true;
  const extra = [...conf.get('QEMU_EXTRA_ARGS'), ...qemuArguments];
  if (extra.some((argument) => FIRMWARE.test(argument))) return false;
  return chooseAccelerator(conf.get('VM_ACCEL'), probeKvm(architecture)).kind === 'tcg';
}
