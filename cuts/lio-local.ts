import { defineCut } from 'rapido';

/** A SCSI disk from LIO in the same kernel, over the loopback fabric, backed by zram. */
export default defineCut({
  summary: 'A SCSI disk over LIO and its loopback fabric, backed by zram',
  // biome-ignore format: a list of short words
  binaries: [
    'sh', 'cat', 'ls', 'mkdir', 'rmdir', 'ln', 'rm', 'mount', 'umount', 'findmnt', 'dmesg',
    'dd', 'cmp', 'blockdev', 'sync', 'sleep', 'ps', 'grep', 'find', 'df', 'sha256sum', 'head',
    'lsblk', 'modprobe', 'rmmod', 'lsmod', 'tail', 'stty',
  ],
  optionalBinaries: ['sg_inq', 'lsscsi', 'mkfs.xfs', 'mkfs.ext4', 'strace', 'vi', 'less'],
  zram: { BACKING: '${LIO_LOCAL_SIZE}' },
  drivers: ['target_core_mod', 'target_core_iblock', 'tcm_loop', 'sd_mod'],
  kernelOptions: { CONFIG_CONFIGFS_FS: 'the directory where the target is set up' },
  optionalDrivers: ['configfs', 'sg', 'target_core_file', 'xfs', 'ext4'],
  autorun: ['lio-local.sh'],
  conf: {
    defines: {
      LIO_LOCAL_SIZE: {
        type: 'size',
        meaning: 'Size of the disk of lio-local.',
        default: '1G',
      },
    },
  },
});
