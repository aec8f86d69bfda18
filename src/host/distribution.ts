import { readTextIfReachable } from '../sys/stat.ts';

/** How software is installed here. */
export interface Distribution {
  /** PRETTY_NAME of os-release(5), or "unknown". */
  name: string;
  packageManager: PackageManager | undefined;
}

export type PackageManager = 'apt' | 'zypper' | 'dnf';

const FAMILIES: Readonly<Record<string, PackageManager>> = {
  debian: 'apt',
  ubuntu: 'apt',
  suse: 'zypper',
  opensuse: 'zypper',
  fedora: 'dnf',
  rhel: 'dnf',
  centos: 'dnf',
};

const INSTALL_COMMANDS: Readonly<Record<PackageManager, string>> = {
  apt: 'apt install',
  zypper: 'zypper install',
  dnf: 'dnf install',
};

function detectDistribution(): Distribution {
  return parseOsRelease(
    readTextIfReachable('/etc/os-release') ?? readTextIfReachable('/usr/lib/os-release') ?? '',
  );
}

/** @param text os-release(5) */
export function parseOsRelease(text: string): Distribution {
  const field = (name: string): string =>
    new RegExp(`^${name}=["']?(.*?)["']?$`, 'm').exec(text)?.[1] ?? '';
  const ids = [field('ID'), ...field('ID_LIKE').split(/\s+/)];
  const family = ids
    .flatMap((id) => [id, id.replace(/-.*/, '')])
    .find((id) => Object.hasOwn(FAMILIES, id));
  return {
    name: field('PRETTY_NAME') || 'unknown',
    packageManager: family === undefined ? undefined : FAMILIES[family],
  };
}

const NFS_SERVER_PACKAGES = {
  apt: 'nfs-kernel-server',
  zypper: 'nfs-kernel-server',
  dnf: 'nfs-utils',
} as const;
const NFS_CLIENT_PACKAGES = { apt: 'nfs-common', zypper: 'nfs-client', dnf: 'nfs-utils' } as const;

/**
 * Packages by the program they bring, where the package is not simply called like the program.
 * One name serves all distributions unless they differ.
 */
const PACKAGES: Readonly<Record<string, string | Partial<Record<PackageManager, string>>>> = {
  'qemu-system-x86_64': { apt: 'qemu-system-x86', zypper: 'qemu-x86', dnf: 'qemu-system-x86-core' },
  'qemu-system-aarch64': {
    apt: 'qemu-system-arm',
    zypper: 'qemu-arm',
    dnf: 'qemu-system-aarch64-core',
  },
  dracut: { apt: 'dracut-core', zypper: 'dracut', dnf: 'dracut' },
  setpriv: 'util-linux',
  setsid: 'util-linux',
  flock: 'util-linux',
  mount: { apt: 'mount', zypper: 'util-linux', dnf: 'util-linux' },
  umount: { apt: 'mount', zypper: 'util-linux', dnf: 'util-linux' },
  mountpoint: 'util-linux',
  losetup: { apt: 'mount', zypper: 'util-linux', dnf: 'util-linux' },
  blkid: 'util-linux',
  lsblk: 'util-linux',
  blockdev: 'util-linux',
  wipefs: 'util-linux',
  findmnt: 'util-linux',
  dmesg: 'util-linux',
  modprobe: 'kmod',
  insmod: 'kmod',
  rmmod: 'kmod',
  lsmod: 'kmod',
  depmod: 'kmod',
  modinfo: 'kmod',
  smbd: 'samba',
  smbpasswd: { apt: 'samba-common-bin', zypper: 'samba', dnf: 'samba-common-tools' },
  'mount.cifs': 'cifs-utils',
  'ksmbd.tools': 'ksmbd-tools',
  'rpc.nfsd': NFS_SERVER_PACKAGES,
  'rpc.mountd': NFS_SERVER_PACKAGES,
  exportfs: NFS_SERVER_PACKAGES,
  'rpc.statd': NFS_CLIENT_PACKAGES,
  'mount.nfs': NFS_CLIENT_PACKAGES,
  ip: { apt: 'iproute2', zypper: 'iproute2', dnf: 'iproute' },
  ps: { apt: 'procps', zypper: 'procps', dnf: 'procps-ng' },
  free: { apt: 'procps', zypper: 'procps', dnf: 'procps-ng' },
  top: { apt: 'procps', zypper: 'procps', dnf: 'procps-ng' },
  find: 'findutils',
  xargs: 'findutils',
  awk: 'gawk',
  xz: { apt: 'xz-utils', zypper: 'xz', dnf: 'xz' },
  'mkfs.xfs': 'xfsprogs',
  xfs_io: 'xfsprogs',
  xfs_repair: 'xfsprogs',
  'mkfs.ext4': 'e2fsprogs',
  mke2fs: 'e2fsprogs',
  'mkfs.btrfs': { apt: 'btrfs-progs', zypper: 'btrfsprogs', dnf: 'btrfs-progs' },
  'mkfs.exfat': 'exfatprogs',
  'fsck.exfat': 'exfatprogs',
  'mkfs.f2fs': 'f2fs-tools',
  'fsck.f2fs': 'f2fs-tools',
  mkudffs: 'udftools',
  btrfs: { apt: 'btrfs-progs', zypper: 'btrfsprogs', dnf: 'btrfs-progs' },
  dnsmasq: { apt: 'dnsmasq-base', zypper: 'dnsmasq', dnf: 'dnsmasq' },
  ping: { apt: 'iputils-ping', zypper: 'iputils', dnf: 'iputils' },
  ss: { apt: 'iproute2', zypper: 'iproute2', dnf: 'iproute' },
  tgtd: { apt: 'tgt', zypper: 'tgt', dnf: 'scsi-target-utils' },
  tgtadm: { apt: 'tgt', zypper: 'tgt', dnf: 'scsi-target-utils' },
  iscsid: { apt: 'open-iscsi', zypper: 'open-iscsi', dnf: 'iscsi-initiator-utils' },
  iscsiadm: { apt: 'open-iscsi', zypper: 'open-iscsi', dnf: 'iscsi-initiator-utils' },
  nvme: 'nvme-cli',
  dropbear: { apt: 'dropbear-bin', zypper: 'dropbear', dnf: 'dropbear' },
  dropbearkey: { apt: 'dropbear-bin', zypper: 'dropbear', dnf: 'dropbear' },
  dropbearconvert: { apt: 'dropbear-bin', zypper: 'dropbear', dnf: 'dropbear' },
  ssh: { apt: 'openssh-client', zypper: 'openssh-clients', dnf: 'openssh-clients' },
  'ssh-keygen': { apt: 'openssh-client', zypper: 'openssh-common', dnf: 'openssh' },
  systemctl: 'systemd',
  journalctl: 'systemd',
  'systemd-networkd': { apt: 'systemd', zypper: 'systemd-network', dnf: 'systemd-networkd' },
  strace: 'strace',
  fio: 'fio',
  vi: { apt: 'vim-tiny', zypper: 'vim-small', dnf: 'vim-minimal' },
};

/** The everyday programs of GNU coreutils, which all come in one package everywhere. */
const COREUTILS = new Set(
  `basename cat chmod chown cksum comm cp cut date dd df dirname du echo env expand expr false fold
   head id install join link ln ls md5sum mkdir mkfifo mknod mktemp mv nl nproc od paste printf pwd
   readlink realpath rm rmdir seq sha1sum sha256sum shuf sleep sort split stat stty sum sync tac
   tail tee test timeout touch tr true truncate tty uname uniq unlink wc who whoami yes`.split(
    /\s+/,
  ),
);

/** The package that brings a program, or undefined where that is not known. */
export function packageOf(program: string, manager: PackageManager): string | undefined {
  if (COREUTILS.has(program)) return 'coreutils';
  const entry = Object.hasOwn(PACKAGES, program) ? PACKAGES[program] : undefined;
  return typeof entry === 'string' ? entry : entry?.[manager];
}

/**
 * The command that installs what brings the given programs, or undefined where none is known.
 * @param sudo whether the user must become root first
 */
export function installCommand(
  distribution: Distribution,
  programs: readonly string[],
  sudo: boolean,
): string | undefined {
  const manager = distribution.packageManager;
  if (manager === undefined) return undefined;
  const packages = programs.map((program) => packageOf(program, manager));
  const known = [...new Set(packages.filter((name) => name !== undefined))].sort();
  if (known.length === 0) return undefined;
  return `${sudo ? 'sudo ' : ''}${INSTALL_COMMANDS[manager]} ${known.join(' ')}`;
}

/** `installCommand` for this host and this user. */
export function suggestInstall(programs: readonly string[]): string | undefined {
  return installCommand(detectDistribution(), programs, process.getuid?.() !== 0);
}
