import { UserError } from '../errors.ts';

/** What differs between machine architectures. The image contains programs of the host, so host and guest have the same. */
export interface Architecture {
  /** The output of `uname -m`. */
  name: 'x86_64' | 'aarch64';
  qemu: string;
  /** Path of the kernel image in a build tree. */
  kernelImage: string;
  /** The line in .config of a kernel for this architecture. */
  configLine: string;
  /** Console device of the first serial port. */
  console: string;
  /** The second serial port, for kernels without virtio-serial. */
  secondSerial: string;
  /** Flags in /proc/cpuinfo of which a CPU needs one to run KVM guests; empty if there are no such flags. */
  kvmFlags: readonly string[];
}

const ARCHITECTURES = {
  x64: {
    name: 'x86_64',
    qemu: 'qemu-system-x86_64',
    kernelImage: 'arch/x86/boot/bzImage',
    configLine: 'CONFIG_X86_64=y',
    console: 'ttyS0',
    secondSerial: 'ttyS1',
    kvmFlags: ['vmx', 'svm'],
  },
  arm64: {
    name: 'aarch64',
    qemu: 'qemu-system-aarch64',
    kernelImage: 'arch/arm64/boot/Image',
    configLine: 'CONFIG_ARM64=y',
    console: 'ttyAMA0',
    secondSerial: 'ttyAMA1',
    kvmFlags: [],
  },
} satisfies Record<string, Architecture>;

/** @param nodeArch `process.arch` */
export function architectureOf(nodeArch: string): Architecture {
  const architecture = Object.entries(ARCHITECTURES).find(([arch]) => arch === nodeArch)?.[1];
  if (architecture !== undefined) return architecture;
  throw new UserError(`rapido does not support the architecture ${nodeArch}`, {
    hint: 'rapido runs on x86_64 and aarch64',
  });
}
