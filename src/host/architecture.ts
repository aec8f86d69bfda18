import { UserError } from '../errors.ts';

/** What differs between machine architectures. The image holds host binaries, so host and guest agree. */
export interface Architecture {
  /** As uname -m prints it. */
  name: 'x86_64' | 'aarch64';
  qemu: string;
  /** Kernel image in a build tree, as its Makefile leaves it. */
  kernelImage: string;
  /** The line in .config that says a kernel was built for it. */
  configLine: string;
  /** Console device of the first serial port. */
  console: string;
  /** The second serial port, for kernels without virtio-serial. */
  secondSerial: string;
  /** /proc/cpuinfo flags, one of which a CPU must have to run KVM guests; none: not told there. */
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
  throw new UserError(`rapido does not know the architecture ${nodeArch}`, {
    hint: 'it runs on x86_64 and aarch64',
  });
}
