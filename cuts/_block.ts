/** Programs of the cuts that serve a block device over the network, or use one. */
export const blockTools: readonly string[] = [
  ...['sh', 'cat', 'ls', 'cp', 'mkdir', 'rmdir', 'ln', 'rm', 'mount', 'umount', 'findmnt', 'dmesg'],
  ...['dd', 'cmp', 'od', 'blockdev', 'lsblk', 'sync', 'sleep', 'ps', 'kill', 'grep', 'find', 'df'],
  ...['sha256sum', 'head', 'tail', 'stty', 'modprobe', 'rmmod', 'lsmod'],
  ...['ip', 'ping', 'ss', 'getent'],
];

/** The same, where the host has them. */
export const optionalBlockTools: readonly string[] = [
  ...['mkfs.xfs', 'mkfs.ext4', 'mkfs.btrfs', 'fio', 'tcpdump', 'strace', 'vi', 'less'],
];

/** Filesystems to put on what was served. */
export const filesystems: readonly string[] = ['xfs', 'ext4', 'btrfs'];
