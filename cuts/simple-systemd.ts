import { defineCut } from 'rapido';

/** systemd as PID 1, with journal, udev and everyday programs. There is no D-Bus, because systemctl works without it. */
export default defineCut({
  summary: 'A system whose init is systemd, with journal and udev',
  // biome-ignore format: a list of short words
  binaries: [
    'sh', 'systemctl', 'journalctl', 'cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir',
    'touch', 'stat', 'df', 'mount', 'umount', 'findmnt', 'dmesg', 'ps', 'id', 'uname', 'date',
    'env', 'kill', 'seq', 'printf', 'echo', 'grep', 'sed', 'head', 'tail', 'wc', 'sort', 'cut',
    'tr', 'tee', 'sleep', 'true', 'false', 'test', 'dd', 'sync', 'stty', 'tty', 'readlink',
    'lsmod', 'modprobe', 'rmmod', 'find', 'xargs', 'chmod', 'chown', 'timeout',
  ],
  optionalBinaries: [
    'systemd-run',
    'systemd-analyze',
    'systemd-cgls',
    'systemd-detect-virt',
    'systemd-notify',
    'udevadm',
    'busctl',
    'vi',
    'less',
    'strace',
    'ip',
    'lsblk',
    'clear',
  ],
  init: 'systemd',
  contents: {
    // The script checks that these are applied. The kernel's default is 45 seconds.
    '/etc/tmpfiles.d/simple-systemd.conf': 'f /run/simple-systemd 0644 root root - applied\n',
    '/etc/sysctl.d/simple-systemd.conf': 'fs.lease-break-time = 44\n',
  },
  autorun: ['simple-systemd.sh'],
});
