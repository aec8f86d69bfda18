import { defineCut } from 'rapido';

/**
 * The Linux Test Project, installed or built in its tree. `rapido run ltp -- -f math,syscalls -s getpid`
 * runs files of runtest/, or those tests in them that match a pattern. `-- getpid01 math` runs a test and a file by
 * name, `-- -c 'getpid01 -i 5'` a command.
 */
export default defineCut({
  summary: 'Linux Test Project (LTP_DIR): runtest files, single tests or commands',

  // biome-ignore format: a list of short words
  binaries: [
    'sh', 'awk', 'basename', 'cat', 'chmod', 'chown', 'cp', 'cut', 'date', 'dd', 'df', 'diff',
    'dirname', 'dmesg', 'expr', 'find', 'getconf', 'grep', 'head', 'id', 'kill', 'ln', 'ls',
    'lsmod', 'mkdir', 'mkfifo', 'mknod', 'mktemp', 'modprobe', 'mount', 'mv', 'nproc', 'od',
    'ps', 'readlink', 'rm', 'rmdir', 'rmmod', 'insmod', 'modinfo', 'sed', 'seq', 'sleep',
    'sort', 'stat', 'sync', 'tail', 'tee', 'timeout', 'touch', 'tr', 'true', 'false',
    'truncate', 'umount', 'uname', 'uniq', 'wc', 'xargs',
  ],
  // biome-ignore format: a list of short words
  optionalBinaries: [
    'attr',
      'bc',
      'blkid',
      'blockdev',
      'chattr',
      'chgrp',
      'cmp',
      'cpio',
      'debugfs',
      'dmsetup',
      'du',
    'egrep', 'exportfs', 'fallocate', 'fdformat', 'fdisk', 'fgrep', 'file', 'free', 'gdb',
    'getfacl', 'getfattr', 'hexdump', 'hostname', 'ip', 'keyctl', 'killall', 'ldd', 'link',
    'logrotate', 'losetup', 'lsattr', 'md5sum', 'mkfs', 'mkfs.btrfs', 'mkfs.exfat',
    'mkfs.ext2', 'mkfs.ext3', 'mkfs.ext4', 'mkfs.ntfs', 'mkfs.vfat', 'mkfs.xfs', 'mkswap',
    'mountpoint', 'numactl', 'parted', 'pgrep', 'ping', 'pkill', 'printf', 'quota',
    'quotacheck', 'quotaon', 'resize', 'rev', 'setfacl', 'setfattr', 'setpriv', 'sha256sum',
    'strace', 'su', 'swapoff', 'swapon', 'sysctl', 'tac', 'tar', 'taskset', 'tc', 'test',
    'tune2fs', 'unlink', 'unshare', 'gzip', 'gunzip', 'realpath', 'setsid', 'uuidgen',
    'whoami', 'groups', 'ss', 'useradd', 'userdel', 'which', 'xxd', 'yes', 'zcat',
  ],
  // biome-ignore format: a list of short words
  optionalDrivers: [
    'loop', 'zram', 'ext4', 'xfs', 'btrfs', 'vfat', 'exfat', 'ntfs3', 'fuse', 'overlay',
    'tun', 'veth', 'dummy', 'configs', 'msdos', 'minix', 'nls_iso8859-1', 'nls_cp437',
    'quota_v2', 'algif_hash', 'algif_aead', 'algif_skcipher', 'af_packet', 'sctp', 'can',
    'vcan', 'uinput', 'snd-timer', 'snd-seq', 'kvm', 'kvm-intel', 'kvm-amd', 'binfmt_misc',
  ],

  // The tree may be built but not installed. Files that only builds need are excluded.
  trees: [
    {
      source: '${LTP_DIR}',
      contains: ['runtest'],
      exclude: [
        '.git',
        '*.o',
        '*.a',
        '*.c',
        '*.h',
        '*.d',
        '*.rst',
        '*.dwo',
        'autom4te.cache',
        '/doc',
        '/m4',
        '/ci',
        '/output',
        '/results',
        '/metadata',
        '/include',
        '/lib',
        '/libs',
      ],
    },
  ],
  kernelConfig: true,
  contents: {
    '/etc/passwd':
      'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/:/bin/sh\nbin:x:2:2:bin:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
    '/etc/group':
      'root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nusers:x:100:\nnogroup:x:65534:\nnobody:x:65533:\n',
    '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  },
  directory: '${LTP_DIR}',
  autorun: ['ltp.sh'],

  test: { command: ['run-ltp'], output: 'ltp', resumes: true, expected: ['ltp.txt'] },
  resources: { cpus: 2, memory: '2G' },
  conf: {
    needs: ['LTP_DIR'],
    uses: ['LTP_AUTORUN_CMD'],
  },
});
