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

/** Arguments with which QEMU starts firmware that wants a bzImage: OVMF, and the like. */
const FIRMWARE = /^--?(bios|pflash)$|if=pflash/;

/**
 * The file of a kernel that QEMU boots: KERNEL_FORMAT. One that is to be unpacked, is.
 * @param onUnpack called before the work of a second or two that is done once for each kernel
 * @throws UserError where KERNEL_FORMAT=vmlinux and it cannot be
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
    throw new UserError(`KERNEL_FORMAT: there is no vmlinux to boot: ${unpacked.reason}`, {
      dependsOn: 'kernel',
      hint: 'KERNEL_FORMAT="auto" boots the bzImage then',
    });
  }
  if (context.debug) context.ui.note(`booting the bzImage: ${unpacked.reason}`);
  return kernel.image;
}

/** What `prepareKernelImage` gives, as far as can be told without unpacking anything. */
export function foreseeKernelImage(sources: KernelSources): string {
  const { kernel, context } = sources;
  const path = wantsUnpacked(sources)
    ? unpackedKernelPath(kernel.image, context.directories.cache)
    : undefined;
  // An empty one says that this kernel cannot be entered directly.
  return path === undefined || statIfReachable(path)?.size === 0 ? kernel.image : path;
}

interface KernelSources {
  kernel: Kernel;
  conf: Conf;
  context: Context;
  /** What follows `--`. */
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
