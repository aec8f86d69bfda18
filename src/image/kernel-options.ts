import type { Cut } from '../cut/cut.ts';
import { readOption } from '../formats/kconfig/kconfig.ts';
import type { Architecture } from '../host/architecture.ts';

/** A kernel option that a VM or a cut needs. */
export interface KernelOption {
  /** `CONFIG_DEVTMPFS` */
  name: string;
  /** What the guest has only with it, for messages: `device files in /dev`. */
  provides: string;
  /** The module that it makes as =m, with which the option is there, too. */
  module?: string | undefined;
}

/** The options for a purpose. */
export interface OptionGroup {
  purpose: string;
  options: readonly KernelOption[];
  /** Whether rapido rejects a kernel without them. Without the others, a VM has less, or is slower. */
  isRequired: boolean;
}

type Names = Readonly<Record<string, string>>;

/** Without one of these, a VM does not work, or rapido cannot see how it ends. */
const ALWAYS: Names = {
  CONFIG_64BIT: 'the programs of this host, which are in the image',
  CONFIG_BLK_DEV_INITRD: 'the image, an initramfs',
  CONFIG_BINFMT_ELF: 'programs',
  CONFIG_BINFMT_SCRIPT: 'scripts, such as init',
  CONFIG_DEVTMPFS: 'device files in /dev',
  CONFIG_PROC_FS: '/proc, where init reads the kernel command line',
  CONFIG_SYSFS: '/sys, where init finds disks and the channel to rapido',
  CONFIG_PRINTK: 'the kernel log, and with it all kernel reports',
  CONFIG_FUTEX: 'threads of programs',
};

const ALWAYS_ON: Readonly<Record<Architecture['name'], Names>> = {
  x86_64: {
    CONFIG_SERIAL_8250_CONSOLE: 'the serial console, and with it all kernel reports',
    CONFIG_ACPI: 'power-off, the end of every VM',
  },
  aarch64: {
    CONFIG_SERIAL_AMBA_PL011_CONSOLE: 'the serial console, and with it all kernel reports',
  },
};

/** What makes a VM complete. rapido works without them. */
const COMPLETE: Names = {
  CONFIG_MULTIUSER: 'users other than root',
  CONFIG_TMPFS: '/tmp, /run and /dev/shm',
  CONFIG_UNIX98_PTYS: 'terminals of `rapido exec`',
  CONFIG_UNIX: 'local sockets',
  CONFIG_FILE_LOCKING: 'file locks',
  CONFIG_POSIX_TIMERS: 'timers: timeout(1)',
  CONFIG_EPOLL: 'epoll',
  CONFIG_EVENTFD: 'eventfd',
  CONFIG_SIGNALFD: 'signalfd',
  CONFIG_TIMERFD: 'timerfd',
  CONFIG_PROC_SYSCTL: '/proc/sys',
};

const DIAGNOSIS: Names = {
  CONFIG_BUG: 'reports of BUG and WARN',
  CONFIG_KALLSYMS: 'names of functions in kernel reports',
  CONFIG_MAGIC_SYSRQ: 'backtraces from a VM that hangs',
};

const DEVICES: Names = {
  CONFIG_VIRTIO_PCI: 'all virtio devices',
  CONFIG_VIRTIO_CONSOLE: 'a fast channel to rapido, and standard input of commands',
  CONFIG_VIRTIO_BLK: 'disks (--disk)',
};

const RESULTS: Names = {
  CONFIG_NET_9P_VIRTIO: 'results of tests on the host, and VIRTFS_SHARE_PATH',
  CONFIG_9P_FS: 'results of tests on the host, and VIRTFS_SHARE_PATH',
};

const NETWORK: Names = {
  CONFIG_VIRTIO_NET: 'the network card',
  CONFIG_INET: 'TCP and UDP',
};

/** https://github.com/systemd/systemd/blob/main/README */
const SYSTEMD: Names = {
  CONFIG_CGROUPS: 'systemd as PID 1',
  CONFIG_INOTIFY_USER: 'systemd as PID 1',
  CONFIG_SIGNALFD: 'systemd as PID 1',
  CONFIG_TIMERFD: 'systemd as PID 1',
  CONFIG_EPOLL: 'systemd as PID 1',
  CONFIG_UNIX: 'systemd as PID 1',
  CONFIG_TMPFS: 'systemd as PID 1',
  CONFIG_FHANDLE: 'systemd as PID 1',
};

/** Modules that cuts name, with the option that makes each. A cut names the option of any other: `nfs=CONFIG_NFS_FS`. */
const MODULE_OPTIONS: Names = {
  '9p': 'CONFIG_9P_FS',
  '9pnet_virtio': 'CONFIG_NET_9P_VIRTIO',
  af_packet: 'CONFIG_PACKET',
  brd: 'CONFIG_BLK_DEV_RAM',
  btrfs: 'CONFIG_BTRFS_FS',
  cifs: 'CONFIG_CIFS',
  configfs: 'CONFIG_CONFIGFS_FS',
  exfat: 'CONFIG_EXFAT_FS',
  ext4: 'CONFIG_EXT4_FS',
  f2fs: 'CONFIG_F2FS_FS',
  fuse: 'CONFIG_FUSE_FS',
  ipv6: 'CONFIG_IPV6',
  iscsi_target_mod: 'CONFIG_ISCSI_TARGET',
  iscsi_tcp: 'CONFIG_ISCSI_TCP',
  ksmbd: 'CONFIG_SMB_SERVER',
  loop: 'CONFIG_BLK_DEV_LOOP',
  nfs: 'CONFIG_NFS_FS',
  nfsd: 'CONFIG_NFSD',
  nfsv3: 'CONFIG_NFS_V3',
  nfsv4: 'CONFIG_NFS_V4',
  null_blk: 'CONFIG_BLK_DEV_NULL_BLK',
  nvme: 'CONFIG_BLK_DEV_NVME',
  'nvme-fabrics': 'CONFIG_NVME_FABRICS',
  'nvme-loop': 'CONFIG_NVME_TARGET_LOOP',
  'nvme-tcp': 'CONFIG_NVME_TCP',
  nvmet: 'CONFIG_NVME_TARGET',
  'nvmet-tcp': 'CONFIG_NVME_TARGET_TCP',
  overlay: 'CONFIG_OVERLAY_FS',
  scsi_debug: 'CONFIG_SCSI_DEBUG',
  sd_mod: 'CONFIG_BLK_DEV_SD',
  target_core_iblock: 'CONFIG_TCM_IBLOCK',
  target_core_mod: 'CONFIG_TARGET_CORE',
  tcm_loop: 'CONFIG_LOOPBACK_TARGET',
  tun: 'CONFIG_TUN',
  udf: 'CONFIG_UDF_FS',
  unix: 'CONFIG_UNIX',
  virtio_blk: 'CONFIG_VIRTIO_BLK',
  virtio_console: 'CONFIG_VIRTIO_CONSOLE',
  virtio_net: 'CONFIG_VIRTIO_NET',
  virtio_pci: 'CONFIG_VIRTIO_PCI',
  xfs: 'CONFIG_XFS_FS',
  zram: 'CONFIG_ZRAM',
};

/**
 * What options depend on, as far as a minimal configuration (`make tinyconfig`) lacks it. Only for fragments: kconfig
 * ignores an option without these. They differ between versions of the kernel, so a check does not require them.
 */
const DEPENDENCIES: Readonly<Record<string, readonly string[]>> = {
  CONFIG_9P_FS: ['CONFIG_NETWORK_FILESYSTEMS', 'CONFIG_NET_9P'],
  CONFIG_ACPI: ['CONFIG_PCI'],
  CONFIG_BLK_DEV: ['CONFIG_BLOCK'],
  CONFIG_BLK_DEV_LOOP: ['CONFIG_BLK_DEV'],
  CONFIG_BLK_DEV_NVME: ['CONFIG_PCI', 'CONFIG_BLOCK'],
  CONFIG_BLK_DEV_SD: ['CONFIG_SCSI'],
  CONFIG_BTRFS_FS: ['CONFIG_BLOCK'],
  CONFIG_CIFS: ['CONFIG_NETWORK_FILESYSTEMS', 'CONFIG_INET', 'CONFIG_MULTIUSER'],
  CONFIG_EXFAT_FS: ['CONFIG_BLOCK'],
  CONFIG_EXT4_FS: ['CONFIG_BLOCK'],
  CONFIG_F2FS_FS: ['CONFIG_BLOCK', 'CONFIG_MISC_FILESYSTEMS'],
  CONFIG_INET: ['CONFIG_NET'],
  CONFIG_ISCSI_TARGET: ['CONFIG_TARGET_CORE', 'CONFIG_INET'],
  CONFIG_ISCSI_TCP: ['CONFIG_SCSI', 'CONFIG_SCSI_LOWLEVEL', 'CONFIG_INET'],
  CONFIG_LOOPBACK_TARGET: ['CONFIG_TARGET_CORE', 'CONFIG_SCSI'],
  CONFIG_NET_9P: ['CONFIG_NET'],
  CONFIG_NET_9P_VIRTIO: ['CONFIG_NET_9P', 'CONFIG_VIRTIO_PCI'],
  CONFIG_NFSD: [
    ...['CONFIG_NETWORK_FILESYSTEMS', 'CONFIG_INET', 'CONFIG_FILE_LOCKING', 'CONFIG_MULTIUSER'],
    // It selects FSNOTIFY, which has no prompt.
    'CONFIG_INOTIFY_USER',
  ],
  CONFIG_NFSD_V4: ['CONFIG_NFSD', 'CONFIG_PROC_FS'],
  CONFIG_NFS_FS: [
    'CONFIG_NETWORK_FILESYSTEMS',
    'CONFIG_INET',
    'CONFIG_FILE_LOCKING',
    'CONFIG_MULTIUSER',
  ],
  CONFIG_NFS_V3: ['CONFIG_NFS_FS'],
  CONFIG_NFS_V4: ['CONFIG_NFS_FS'],
  // NVME_FABRICS has no prompt: these select it.
  CONFIG_NVME_FABRICS: ['CONFIG_NVME_TCP', 'CONFIG_NVME_TARGET_LOOP'],
  CONFIG_NVME_TARGET: ['CONFIG_BLOCK', 'CONFIG_CONFIGFS_FS'],
  CONFIG_NVME_TARGET_LOOP: ['CONFIG_NVME_TARGET', 'CONFIG_BLK_DEV'],
  CONFIG_NVME_TARGET_TCP: ['CONFIG_NVME_TARGET', 'CONFIG_INET'],
  CONFIG_NVME_TCP: ['CONFIG_BLK_DEV', 'CONFIG_INET'],
  CONFIG_PACKET: ['CONFIG_NET'],
  CONFIG_PVH: ['CONFIG_HYPERVISOR_GUEST'],
  CONFIG_SCSI: ['CONFIG_BLOCK'],
  CONFIG_SERIAL_8250_CONSOLE: ['CONFIG_TTY', 'CONFIG_SERIAL_8250'],
  CONFIG_SERIAL_AMBA_PL011_CONSOLE: ['CONFIG_TTY', 'CONFIG_SERIAL_AMBA_PL011'],
  CONFIG_SMB_SERVER: [
    ...['CONFIG_NETWORK_FILESYSTEMS', 'CONFIG_INET', 'CONFIG_FILE_LOCKING', 'CONFIG_MULTIUSER'],
  ],
  CONFIG_TARGET_CORE: ['CONFIG_BLOCK', 'CONFIG_SCSI', 'CONFIG_CONFIGFS_FS'],
  CONFIG_TCM_IBLOCK: ['CONFIG_TARGET_CORE'],
  CONFIG_TMPFS: ['CONFIG_SHMEM'],
  CONFIG_UDF_FS: ['CONFIG_BLOCK'],
  CONFIG_UNIX: ['CONFIG_NET'],
  CONFIG_UNIX98_PTYS: ['CONFIG_TTY'],
  CONFIG_VIRTIO_BLK: ['CONFIG_BLK_DEV', 'CONFIG_VIRTIO_PCI'],
  CONFIG_VIRTIO_CONSOLE: ['CONFIG_TTY', 'CONFIG_VIRTIO_PCI'],
  CONFIG_VIRTIO_NET: ['CONFIG_NET', 'CONFIG_NETDEVICES', 'CONFIG_NET_CORE', 'CONFIG_VIRTIO_PCI'],
  CONFIG_VIRTIO_PCI: ['CONFIG_PCI', 'CONFIG_PCI_MSI', 'CONFIG_VIRTIO_MENU'],
  CONFIG_XFS_FS: ['CONFIG_BLOCK'],
  // The first compressor; newer kernels have their own for zram.
  CONFIG_ZRAM: ['CONFIG_BLK_DEV', 'CONFIG_SYSFS', 'CONFIG_CRYPTO', 'CONFIG_CRYPTO_LZO'],
};

/** Everything that an option depends on, dependencies first, without the option itself. */
export function dependenciesOf(option: string): string[] {
  const own = DEPENDENCIES[option] ?? [];
  return [...new Set(own.flatMap((each) => [...dependenciesOf(each), each]))];
}

/** Parses `ksmbd=CONFIG_SMB_SERVER`: a module, and the option that makes it, if it is known. */
export function parseDriver(text: string): { name: string; option: string | undefined } {
  const [name = '', option] = text.split('=', 2);
  return {
    name,
    option: option ?? MODULE_OPTIONS[name.replaceAll('-', '_')] ?? MODULE_OPTIONS[name],
  };
}

/** The module that an option makes, by the drivers of the cut and the modules that rapido knows. */
function moduleOf(option: string, drivers: readonly string[]): string | undefined {
  const own = drivers.map(parseDriver).find((driver) => driver.option === option)?.name;
  return own ?? Object.entries(MODULE_OPTIONS).find(([, each]) => each === option)?.[0];
}

function optionsOf(names: Names, drivers: readonly string[] = []): KernelOption[] {
  return Object.entries(names).map(([name, provides]) => ({
    name,
    provides,
    module: moduleOf(name, drivers),
  }));
}

/** The options that every VM needs. */
export function optionsOfEveryVm({ name }: Architecture): OptionGroup[] {
  const isX86 = name === 'x86_64';
  const emulated = { CONFIG_PVH: 'a faster start of emulated VMs, which boot the vmlinux' };
  return [
    {
      purpose: 'Every VM',
      options: optionsOf({ ...ALWAYS, ...ALWAYS_ON[name] }),
      isRequired: true,
    },
    { purpose: 'A complete system', options: optionsOf(COMPLETE), isRequired: false },
    { purpose: 'Kernel reports', options: optionsOf(DIAGNOSIS), isRequired: false },
    {
      purpose: 'Devices',
      options: optionsOf({
        ...(isX86 ? emulated : { CONFIG_PCI_HOST_GENERIC: 'the PCI bus, and with it all devices' }),
        ...DEVICES,
      }),
      isRequired: false,
    },
    { purpose: 'Results', options: optionsOf(RESULTS), isRequired: false },
    {
      purpose: 'Networks',
      options: optionsOf({ ...NETWORK, CONFIG_PACKET: 'DHCP, and tcpdump' }),
      isRequired: false,
    },
  ];
}

/**
 * The options that a cut needs, in addition to those of every VM. All are required.
 * @param drivers its required modules, with conf keys expanded, and zram if it has such a device
 */
export function optionsOfCut(cut: Cut, drivers: readonly string[]): KernelOption[] {
  const ofDrivers = drivers
    .map(parseDriver)
    .flatMap(({ name, option }) =>
      option === undefined ? [] : [{ name: option, provides: `the driver ${name}`, module: name }],
    );
  const all = [
    ...optionsOf(cut.kernelOptions ?? {}, drivers),
    ...optionsOf(cut.network === true ? NETWORK : {}),
    ...optionsOf(cut.init === 'systemd' ? SYSTEMD : {}),
    ...optionsOf(cut.sshServer === true ? { CONFIG_UNIX98_PTYS: 'terminals for logins' } : {}),
    ...ofDrivers,
  ];
  return all.filter(({ name }, index) => all.findIndex((each) => each.name === name) === index);
}

/** An option that a kernel lacks. */
export interface MissingOption extends KernelOption {
  /** Whether it is =m, and the module is not in the image. */
  isModule: boolean;
  /** Which of its dependencies are not set either. */
  lacks: string[];
}

/**
 * Finds the options that a kernel lacks. Pure.
 * @param config its configuration
 * @param hasModule whether a module is in the image
 */
export function findMissingOptions(
  config: string,
  options: readonly KernelOption[],
  hasModule: (name: string) => boolean,
): MissingOption[] {
  return options.flatMap((option) => {
    const value = readOption(config, option.name);
    const isModule = value === 'm';
    if (value === 'y' || (isModule && option.module !== undefined && hasModule(option.module))) {
      return [];
    }
    const lacks = isModule
      ? []
      : dependenciesOf(option.name).filter((each) => readOption(config, each) === undefined);
    return [{ ...option, isModule, lacks }];
  });
}

/** `CONFIG_9P_FS is not set (nor CONFIG_NET_9P): no …` */
export function describeMissing({
  name,
  provides,
  module,
  isModule,
  lacks,
}: MissingOption): string {
  const nor = lacks.length === 0 ? '' : ` (nor ${lacks.join(', ')}, on which it depends)`;
  const state = isModule
    ? `is a module (=m), but ${module ?? 'the module'} is not in the image`
    : `is not set${nor}`;
  return `${name} ${state}; it provides ${provides}`;
}

/** The fragment for scripts/kconfig/merge_config.sh: each option below what it provides, dependencies first. */
export function formatFragment(groups: readonly OptionGroup[]): string[] {
  const printed = new Set<string>();
  const lines: string[] = [];
  for (const { purpose, options } of groups) {
    const own = options.filter(({ name }) => !printed.has(name));
    if (own.length === 0) continue;
    lines.push('', `# ${purpose}`);
    for (const { name, provides } of own) {
      if (printed.has(name)) continue;
      const needed = [...dependenciesOf(name), name].filter((each) => !printed.has(each));
      lines.push(`# ${name.slice('CONFIG_'.length)}: ${provides}`);
      for (const each of needed) {
        printed.add(each);
        lines.push(`${each}=y`);
      }
    }
  }
  return lines.slice(1);
}
