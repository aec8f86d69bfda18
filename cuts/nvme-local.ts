import { defineCut } from 'rapido';

/**
 * An NVMe device from nvmet in the same kernel, backed by zram, over the loop transport. If the kernel does not have it
 * (Debian), over TCP on the loopback interface.
 */
export default defineCut({
  summary: 'An NVMe device over nvmet (loop, or TCP to itself), backed by zram',
  // biome-ignore format: a list of short words
  binaries: [
    'sh', 'cat', 'ls', 'mkdir', 'rmdir', 'ln', 'rm', 'mount', 'umount', 'findmnt', 'dmesg',
    'dd', 'cmp', 'blockdev', 'sync', 'sleep', 'ps', 'grep', 'find', 'df', 'sha256sum', 'head',
    'lsblk', 'modprobe', 'rmmod', 'lsmod', 'tail', 'stty', 'ip',
  ],
  optionalBinaries: ['nvme', 'mkfs.xfs', 'mkfs.ext4', 'strace', 'vi', 'less'],
  zram: { BACKING: '${NVME_LOCAL_SIZE}' },
  drivers: ['nvmet', 'nvme-fabrics'],
  kernelOptions: { CONFIG_CONFIGFS_FS: 'the directory where the target is set up' },
  optionalDrivers: ['nvme-loop', 'nvmet-tcp', 'nvme-tcp', 'configfs', 'xfs', 'ext4'],
  autorun: ['nvme-local.sh'],
  conf: {
    defines: {
      NVME_LOCAL_SIZE: {
        type: 'size',
        meaning: 'Size of the device of nvme-local.',
        default: '1G',
      },
    },
  },
});
