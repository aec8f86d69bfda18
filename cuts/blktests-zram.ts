import { defineCut } from 'rapido';

/**
 * blktests. Tests that need a device run on a zram device and on a loop device; others create their own null_blk,
 * loop, scsi_debug or NVMe devices. `rapido run blktests-zram -- block loop/001` runs a group
 * and a test; options of `check` must precede their names.
 */
export default defineCut({
  summary: 'Block layer tests: blktests (BLKTESTS_SRC) on zram, null_blk and loop devices',

  // Programs that check requires, or that most tests call.
  // biome-ignore format: a list of short words
  binaries: [
    'sh', 'awk', 'basename', 'blockdev', 'cat', 'chmod', 'column', 'cp', 'cut', 'date', 'dd',
    'df', 'diff', 'dirname', 'dmesg', 'expr', 'find', 'findmnt', 'getconf', 'getopt', 'grep',
    'head', 'id', 'kill', 'ln', 'losetup', 'ls', 'lsblk', 'lsmod', 'mkdir', 'mktemp',
    'mknod', 'mkfifo',
    'modinfo', 'modprobe', 'mount', 'mv', 'nproc', 'ps', 'readlink', 'realpath', 'rm', 'rmdir',
    'rmmod', 'sed', 'seq', 'sleep', 'sort', 'stat', 'stty', 'sync', 'tac', 'tail', 'tee',
    'timeout', 'touch', 'tr', 'truncate', 'tput', 'umount', 'uname', 'uniq', 'wc', 'xargs',
    'true', 'false', 'taskset', 'md5sum',
  ],
  // biome-ignore format: a list of short words
  optionalBinaries: [
    'bc', 'blkdiscard', 'blkparse', 'blktrace', 'blkzone', 'cmp', 'cryptsetup', 'dmsetup',
    'ethtool', 'fio', 'hexdump', 'ip', 'killall', 'lsscsi', 'lvm', 'mdadm', 'mkfs.btrfs',
    'mkfs.ext2', 'mkfs.ext4', 'mkfs.f2fs', 'mkfs.vfat', 'mkfs.xfs', 'nbd-client', 'nbd-server',
    'rdma', 'nvme', 'od', 'parted', 'partprobe', 'partx', 'pgrep', 'pkill', 'setpci',
    'setpriv',
    'sfdisk', 'gawk', 'sg_raw', 'sha256sum', 'strace', 'su', 'sysctl', 'udevadm', 'vgcreate',
    'which',
    // zgrep reads the kernel's configuration.
    'xfs_io', 'egrep', 'perl', 'zgrep', 'zcat', 'gzip', 'blkid', 'wipefs', 'mountpoint',
    'sg_reset', 'lsof',
  ],

  drivers: ['loop'],
  // biome-ignore format: a list of short words
  optionalDrivers: [
    'null_blk', 'scsi_debug', 'sd_mod', 'sg', 'brd', 'nbd', 'ublk_drv',
    'scsi_dh_alua', 'scsi_dh_emc', 'scsi_dh_rdac', 'sr_mod', 'target_core_iblock',
    'nvme', 'nvme-loop', 'nvme-tcp', 'nvmet', 'nvmet-tcp', 'nvme-fc', 'nvmet-fc',
    'nvme-fcloop', 'nvme-rdma', 'nvmet-rdma', 'rdma_rxe', 'siw', 'rnbd-client', 'rnbd-server',
    'dm-mod', 'dm-crypt', 'dm-flakey', 'dm-dust', 'dm-queue-length', 'dm-service-time',
    'dm-delay', 'dm-multipath', 'dm-zero', 'raid0', 'raid1', 'raid10', 'raid456', 'linear',
    'bcache', 'bfq', 'kyber-iosched', 'mq-deadline', 'ext4', 'xfs', 'btrfs', 'f2fs', 'vfat',
    'configfs',
  ],

  trees: [
    {
      source: '${BLKTESTS_SRC}',
      exclude: ['.git', '*.o', '/results', '/config'],
      contains: ['check', 'tests'],
    },
  ],
  kernelConfig: true,
  contents: {
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  },
  directory: '${BLKTESTS_SRC}',
  autorun: ['no-udevd.sh', 'blktests.sh'],

  // The first is tested directly, the second through a loop device.
  zram: { TEST_DEV: '${BLKTESTS_ZRAM_SIZE}', LOOP_BACKING: '${BLKTESTS_ZRAM_SIZE}' },
  test: {
    command: ['./check'],
    output: 'blktests',
    resumes: true,
    expected: ['blktests.txt'],
  },
  resources: { cpus: 2, memory: '1G' },
  conf: {
    needs: ['BLKTESTS_SRC'],
    uses: ['BLKTESTS_AUTORUN_CMD'],
    defines: {
      BLKTESTS_ZRAM_SIZE: {
        type: 'size',
        meaning: 'Size of each of the two devices that blktests-zram tests.',
        default: '1G',
      },
    },
  },
});
