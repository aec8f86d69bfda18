/** Programs for cuts that serve or use a block device over the network. */
// biome-ignore format: a list of short words
export const blockTools: readonly string[] = [
  'sh', 'cat', 'ls', 'cp', 'mkdir', 'rmdir', 'ln', 'rm', 'mount', 'umount', 'findmnt', 'dmesg',
  'dd', 'cmp', 'od', 'blockdev', 'lsblk', 'sync', 'sleep', 'ps', 'kill', 'grep', 'find', 'df',
  'sha256sum', 'head', 'tail', 'stty', 'modprobe', 'rmmod', 'lsmod',
  'ip', 'ping', 'ss', 'getent',
];

/**
 * Programs that are added if the host has them. fio is not among them, because its libraries are 70 MB. A run adds
 * the program of its command; `-i fio` adds it for interactive use.
 */
export const optionalBlockTools: readonly string[] = [
  'mkfs.xfs',
  'mkfs.ext4',
  'mkfs.btrfs',
  'tcpdump',
  'strace',
  'vi',
  'less',
];

/** Filesystems for the served block device. */
export const filesystems: readonly string[] = ['xfs', 'ext4', 'btrfs'];
