import { parse as parseIni } from 'ini';
import { readTextIfReachable } from '../sys/stat.ts';

/** The distribution of this host and its package manager. */
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
  const fields = parseIni(text);
  const field = (name: string): string => String(fields[name] ?? '');
  const ids = [field('ID'), ...field('ID_LIKE').split(/\s+/)];
  const family = ids
    .flatMap((id) => [id, id.replace(/-.*/, '')])
    .find((id) => Object.hasOwn(FAMILIES, id));
  return {
    name: field('PRETTY_NAME') || 'unknown',
    packageManager: family === undefined ? undefined : FAMILIES[family],
  };
}

type Packages = string | Readonly<Record<PackageManager, string | undefined>>;

const QEMU_X86 = { apt: 'qemu-system-x86', zypper: 'qemu-x86', dnf: 'qemu-system-x86-core' };
const QEMU_ARM = { apt: 'qemu-system-arm', zypper: 'qemu-arm', dnf: 'qemu-system-aarch64-core' };
const BTRFS_PROGS = { apt: 'btrfs-progs', zypper: 'btrfsprogs', dnf: 'btrfs-progs' };
const PROCPS = { apt: 'procps', zypper: 'procps', dnf: 'procps-ng' };
const ISCSI = { apt: 'open-iscsi', zypper: 'open-iscsi', dnf: 'iscsi-initiator-utils' };
const NFS_SERVER = { apt: 'nfs-kernel-server', zypper: 'nfs-kernel-server', dnf: 'nfs-utils' };
const NFS_CLIENT = { apt: 'nfs-common', zypper: 'nfs-client', dnf: 'nfs-utils' };

/**
 * Programs by the package that contains them, for Debian 12 and 13, openSUSE Leap 15.6 and Tumbleweed, Fedora 41 to 43.
 * A single name is used for all distributions. undefined: the repositories of the distribution do not have it.
 */
const PACKAGES: readonly (readonly [Packages, string])[] = [
  [
    'coreutils',
    `basename cat chgrp chmod chown cksum comm cp cut date dd df dirname du echo env expand expr false fold
     head id install join link ln ls md5sum mkdir mkfifo mknod mktemp mv nl nproc od paste printf pwd
     readlink realpath rm rmdir seq sha1sum sha256sum shuf sleep sort split stat stty sum sync tac
     tail tee test timeout touch tr true truncate tty uname uniq unlink wc who whoami yes`,
  ],
  [
    'util-linux',
    'blkid blockdev dmesg flock getopt mkfs mkswap mountpoint setpriv setsid su taskset wipefs',
  ],
  [
    { apt: 'mount', zypper: 'util-linux', dnf: 'util-linux' },
    'losetup mount swapoff swapon umount',
  ],
  [{ apt: 'util-linux', zypper: 'util-linux-systemd', dnf: 'util-linux' }, 'findmnt lsblk'],
  [{ apt: 'bsdextrautils', zypper: 'util-linux', dnf: 'util-linux' }, 'column'],
  [{ apt: 'procps', zypper: 'util-linux', dnf: 'util-linux' }, 'kill'],
  [PROCPS, 'free pgrep pkill ps sysctl top'],
  ['findutils', 'find xargs'],
  ['diffutils', 'cmp diff'],
  ['grep', 'egrep fgrep grep'],
  ['sed', 'sed'],
  ['gawk', 'awk'],
  ['bc', 'bc'],
  ['cpio', 'cpio'],
  ['zstd', 'zstd'],
  ['bash', 'bash'],
  [{ apt: 'dash', zypper: 'bash', dnf: 'bash' }, 'sh'],
  ['hostname', 'hostname'],
  [{ apt: 'perl-base', zypper: 'perl', dnf: 'perl-interpreter' }, 'perl'],
  [{ apt: 'libc-bin', zypper: 'glibc', dnf: 'glibc-common' }, 'getconf getent'],
  [{ apt: 'ncurses-bin', zypper: 'ncurses-utils', dnf: 'ncurses' }, 'clear tput'],
  [{ apt: 'xz-utils', zypper: 'xz', dnf: 'xz' }, 'xz'],
  [{ apt: 'vim-tiny', zypper: 'vim-small', dnf: 'vim-minimal' }, 'vi'],
  ['strace', 'strace'],
  ['fio', 'fio'],
  ['kmod', 'depmod insmod lsmod modinfo modprobe rmmod'],
  [QEMU_X86, 'qemu-system-x86_64'],
  [QEMU_ARM, 'qemu-system-aarch64'],
  [{ apt: 'dracut-core', zypper: 'dracut', dnf: 'dracut' }, 'dracut'],
  ['systemd', 'journalctl systemctl systemd-journald systemd-sysctl systemd-tmpfiles'],
  [{ apt: 'systemd', zypper: 'udev', dnf: 'systemd-udev' }, 'systemd-modules-load'],
  [{ apt: 'udev', zypper: 'udev', dnf: 'systemd-udev' }, 'systemd-udevd udevadm'],
  [{ apt: 'systemd', zypper: 'systemd-network', dnf: 'systemd-networkd' }, 'systemd-networkd'],
  [{ apt: 'dmsetup', zypper: 'device-mapper', dnf: 'device-mapper' }, 'dmsetup'],
  ['xfsprogs', 'mkfs.xfs xfs_db xfs_io xfs_repair'],
  ['e2fsprogs', 'dumpe2fs e2fsck fsck.ext4 mke2fs mkfs.ext4 tune2fs'],
  [BTRFS_PROGS, 'btrfs btrfstune mkfs.btrfs'],
  ['exfatprogs', 'fsck.exfat mkfs.exfat tune.exfat'],
  ['f2fs-tools', 'fsck.f2fs mkfs.f2fs'],
  ['udftools', 'mkudffs'],
  ['nvme-cli', 'nvme'],
  [{ apt: 'iproute2', zypper: 'iproute2', dnf: 'iproute' }, 'ip ss'],
  [{ apt: 'iputils-ping', zypper: 'iputils', dnf: 'iputils' }, 'ping'],
  [{ apt: 'dnsmasq-base', zypper: 'dnsmasq', dnf: 'dnsmasq' }, 'dnsmasq'],
  [{ apt: 'udhcpc', zypper: 'busybox', dnf: 'busybox' }, 'udhcpc'],
  [{ apt: 'tgt', zypper: 'tgt', dnf: 'scsi-target-utils' }, 'tgtadm tgtd'],
  [ISCSI, 'iscsiadm iscsid'],
  ['samba', 'smbd'],
  [{ apt: 'samba-common-bin', zypper: 'samba-client', dnf: 'samba-common-tools' }, 'smbpasswd'],
  ['cifs-utils', 'mount.cifs'],
  ['ksmbd-tools', 'ksmbd.tools'],
  [NFS_SERVER, 'exportfs rpc.mountd rpc.nfsd'],
  [NFS_CLIENT, 'mount.nfs rpc.statd'],
  ['rpcbind', 'rpcbind'],
  [
    { apt: 'dropbear-bin', zypper: undefined, dnf: 'dropbear' },
    'dropbear dropbearconvert dropbearkey',
  ],
  [{ apt: 'openssh-client', zypper: 'openssh-clients', dnf: 'openssh-clients' }, 'ssh'],
  [{ apt: 'openssh-client', zypper: 'openssh-common', dnf: 'openssh' }, 'ssh-keygen'],
];

/** The package that contains a program; undefined if it is not known. */
export function packageOf(program: string, manager: PackageManager): string | undefined {
  const packages = PACKAGES.find(([, programs]) => programs.split(/\s+/).includes(program))?.[0];
  return typeof packages === 'object' ? packages[manager] : packages;
}

/**
 * The command that installs the packages of these programs; undefined if no package is known.
 * @param sudo whether the user needs sudo
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
