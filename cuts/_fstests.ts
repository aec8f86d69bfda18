import { type Cut, defineCut } from 'rapido';

/** Programs of each filesystem: required ones, and those that only some tests need. */
const PROGRAMS = {
  xfs: {
    needs: ['mkfs.xfs', 'xfs_repair', 'xfs_db'],
    // biome-ignore format: a list of short words
    wants: [
      'xfs_admin', 'xfs_bmap', 'xfs_copy', 'xfs_freeze', 'xfs_fsr', 'xfs_growfs', 'xfs_info',
      'xfs_logprint', 'xfs_mdrestore', 'xfs_metadump', 'xfs_mkfile', 'xfs_ncheck',
      'xfs_property', 'xfs_protofile', 'xfs_quota', 'xfs_rtcp', 'xfs_spaceman',
      'xfsdump', 'xfsrestore', 'xfsinvutil', 'fsck.xfs',
    ],
  },
  ext4: {
    needs: ['mkfs.ext4', 'e2fsck', 'fsck.ext4', 'tune2fs', 'dumpe2fs'],
    wants: ['resize2fs', 'debugfs', 'e2image', 'e2fuzz', 'e4defrag', 'filefrag', 'dump', 'restore'],
  },
  btrfs: {
    needs: ['mkfs.btrfs', 'btrfs', 'btrfstune'],
    wants: [
      'btrfs-convert',
      'btrfs-corrupt-block',
      'btrfs-image',
      'btrfs-map-logical',
      'btrfs-find-root',
      'duperemove',
      'fsck.btrfs',
      'mkfs.ext4',
      'e2fsck',
    ],
  },
  exfat: {
    needs: ['mkfs.exfat', 'fsck.exfat', 'tune.exfat'],
    wants: ['dump.exfat', 'exfatlabel', 'exfat2img'],
  },
  f2fs: {
    needs: ['mkfs.f2fs', 'fsck.f2fs'],
    wants: ['dump.f2fs', 'f2fs_io', 'inject.f2fs', 'resize.f2fs', 'defrag.f2fs'],
  },
  udf: { needs: ['mkudffs'], wants: ['udfinfo', 'udflabel', 'wrudf'] },
  tmpfs: { needs: [], wants: [] },
} as const;

type Filesystem = keyof typeof PROGRAMS;

/** Lists of kernel reports that tests provoke on purpose: the generic ones, and those of a filesystem. */
function expectedOf(...filesystems: readonly Filesystem[]): string[] {
  const listed = filesystems.filter((name) => ['xfs', 'ext4', 'btrfs'].includes(name));
  return ['generic', ...listed].map((name) => `fstests-${name}.txt`);
}

/** xfs_scrub needs 37 MB of ICU, and most kernels do not support it. */
const KERNEL_PROGRAMS = { CONFIG_XFS_ONLINE_SCRUB: ['xfs_scrub'] };

/** Programs that `check` requires (common/config of xfstests), or that nearly every test runs. */
// biome-ignore format: a list of short words
const NEEDED = [
  'sh', 'mkfs', 'mount', 'umount', 'perl', 'awk', 'sed', 'bc', 'df', 'xfs_io', 'hostname',
  'ls', 'cat', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir', 'touch', 'stat', 'du', 'dd', 'od',
  'id', 'uname', 'date', 'env', 'kill', 'seq', 'expr', 'grep', 'head', 'tail', 'wc', 'sort',
  'uniq', 'cut', 'tr', 'tee', 'tac', 'sleep', 'true', 'false', 'test', 'diff', 'cmp', 'comm',
  'sync', 'md5sum', 'sha256sum', 'find', 'xargs', 'chmod', 'chown', 'chgrp', 'truncate',
  'mktemp', 'mkfifo', 'mknod', 'basename', 'dirname', 'readlink', 'realpath', 'link', 'unlink',
  'nproc', 'getconf', 'yes', 'paste', 'fold', 'printf', 'echo', 'egrep', 'fgrep', 'timeout',
  'ps', 'pgrep', 'pkill', 'dmesg', 'findmnt', 'mountpoint', 'losetup', 'blkid', 'blockdev',
  'mkswap', 'swapon', 'swapoff', 'sysctl', 'lsmod', 'rmmod', 'insmod', 'modinfo', 'ip', 'su',
] as const;

/**
 * Programs of single tests, which are "not run" without them. Omitted because of their size: fio (45 MB with
 * its libraries on Debian), dbench (26 MB of data), python3 and a compiler. `-i fio` adds one.
 */
// biome-ignore format: a list of short words
const WANTED = [
  'getfattr', 'setfattr', 'attr', 'getfacl', 'setfacl', 'chacl', 'lsattr', 'chattr',
  'setcap', 'getcap', 'capsh', 'keyctl', 'getent', 'setpriv', 'unshare', 'newuidmap',
  'newgidmap', 'which', 'free',
  'quota', 'repquota', 'setquota', 'quotacheck', 'quotaon', 'quotaoff', 'edquota',
  'dmsetup', 'lvm', 'pvcreate', 'pvremove', 'vgcreate', 'vgremove', 'lvcreate', 'lvremove',
  'fstrim', 'blkdiscard', 'blkzone', 'wipefs', 'parted', 'lsblk', 'fsck', 'resize', 'partx',
  'thin_check', 'fallocate', 'filefrag', 'flock', 'hexdump', 'xxd', 'column', 'rev',
  'killall', 'ipcmk', 'ipcrm', 'ipcs', 'logger', 'uuidgen', 'shuf', 'tar', 'gzip', 'xz',
  'lz4', 'zcat', 'strace',
  'fsverity', 'fscryptctl', 'openssl', 'sqlite3', 'indent', 'accton', 'e2image',
  'mkfs.ext4', 'mkfs.vfat', 'nohup', 'sum', 'cksum', 'split', 'install', 'shred', 'chroot',
  'less', 'lsof', 'fuser', 'ldd', 'gawk', 'clear', 'tput', 'nl', 'sha1sum', 'base64',
] as const;

// biome-ignore format: a list of short words
const DRIVERS = [
  'zram', 'brd', 'loop', 'scsi_debug',
  'sd_mod', 'sg', 'dm-mod', 'dm-flakey', 'dm-snapshot', 'dm-log-writes', 'dm-thin-pool',
  'dm-delay',
  'dm-zero', 'dm-crypt', 'dm-verity', 'dm-dust', 'overlay', 'quota_v2', 'crc32c',
  'xxhash_generic',
  'blake2b_generic', 'sha256', 'nls_utf8', 'nls_iso8859-1', 'libcrc32c', 'raid6_pq', 'fuse',
] as const;

/** Sources and build files of the tree, and results of the user's own runs. */
// biome-ignore format: a list of short words
const LEFTOVERS = [
  '.git', '*.c', '*.h', '*.o', '*.lo', '*.la', '*.a', '*.Po', '.dep', '.ltdep', '.libs',
  'autom4te.cache',
  '/libtool', '/ltmain.sh', '/configure', '/aclocal.m4', '/config.log', '/config.status',
  '/m4',
  '/doc', '/LICENSES', '/debian', '/lsqa.pl', '/results', '/local.config', '/install-sh',
  '/config.guess', '/config.sub', '/build',
] as const;

/** The users that tests need (README of xfstests). */
const USERS = ['fsgqa', 'fsgqa2', '123456-fsgqa'].map((name, index) => ({
  name,
  id: 2000 + index,
}));

const PASSWD = [
  'root:x:0:0:root:/root:/bin/bash',
  'daemon:x:1:1:daemon:/:/bin/false',
  'bin:x:2:2:bin:/:/bin/false',
  'nobody:x:65534:65534:nobody:/:/bin/false',
  ...USERS.map(({ name, id }) => `${name}:x:${id}:${id}::/home/${name}:/bin/bash`),
];

const GROUP = [
  'root:x:0:',
  'daemon:x:1:',
  'bin:x:2:',
  'sys:x:3:',
  'tty:x:5:',
  'nogroup:x:65534:',
  ...USERS.map(({ name, id }) => `${name}:x:${id}:`),
];

const SUBORDINATE = 'root:100000:65536\n';

/** LVM rejects unknown types of devices, such as zram. There is no udevd that it could query. */
const LVM =
  'devices { types = ["zram", 16] obtain_device_list_from_udev = 0 }\nactivation { udev_sync = 0 udev_rules = 0 }\n';

/** Only root may switch users, for tests that use `su`. */
const PAM =
  'auth sufficient pam_rootok.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n';

/** Directories with modules of PAM and of perl on Debian, Fedora and openSUSE. */
const PAM_DIRECTORIES = [
  '/usr/lib/x86_64-linux-gnu/security',
  '/usr/lib/aarch64-linux-gnu/security',
  '/usr/lib64/security',
  '/usr/lib/security',
];
const PERL_DIRECTORIES = [
  '/usr/lib/x86_64-linux-gnu/perl-base',
  '/usr/lib/aarch64-linux-gnu/perl-base',
];

/** The default devices for the filesystem under test, and additional ones for a pool. */
const SIZE = '${FSTESTS_ZRAM_SIZE}';
const DEVICES = { TEST_DEV: SIZE, SCRATCH_DEV: SIZE };
const POOL = [2, 3, 4, 5].map((number) => `SCRATCH_DEV_POOL${number}`);

export interface FstestsOptions {
  /** The filesystem under test, or the base of an overlay. */
  filesystem: Filesystem;
  summary: string;
  /** Whether an overlay on the filesystem is tested. */
  overlay?: true;
  searchPath?: readonly string[];
}

/** xfstests on one filesystem. fstests.sh handles the differences between filesystems in the guest. */
export function defineFstests(options: FstestsOptions): Cut {
  const { filesystem, overlay, summary, searchPath } = options;
  const { needs, wants } = PROGRAMS[filesystem];
  return defineCut({
    ...common(`FSTYP=${filesystem}\nOVERLAY=${overlay === true ? 1 : 0}\n`, expectedOf(filesystem)),
    summary,
    zram: {
      ...(filesystem === 'tmpfs' ? {} : DEVICES),
      ...(filesystem === 'btrfs' ? Object.fromEntries(POOL.map((name) => [name, SIZE])) : {}),
    },
    // The files of tmpfs are in memory, too.
    resources: { cpus: 2, memory: filesystem === 'tmpfs' ? '4G' : '2G' },
    ...(searchPath === undefined ? {} : { searchPath }),
    binaries: [...NEEDED, ...needs],
    ...(filesystem === 'xfs' ? { kernelBinaries: KERNEL_PROGRAMS } : {}),
    optionalBinaries: [...new Set([...WANTED, ...wants])],
    // tmpfs is always built into the kernel.
    drivers: [
      ...(filesystem === 'tmpfs' ? [] : [filesystem]),
      ...(overlay === true ? ['overlay'] : []),
    ],
  });
}

/** xfstests on the filesystem that FSTESTS_FSTYP names. */
export function defineFstestsLocal(summary: string): Cut {
  const choices = ['xfs', 'ext4', 'btrfs'] as const;
  return defineCut({
    ...common('FSTYP=$FSTESTS_FSTYP\nOVERLAY=0\n', expectedOf(...choices), ['FSTESTS_FSTYP']),
    summary,
    searchPath: ['${BTRFS_PROGS_SRC}'],
    binaries: [...NEEDED, 'mkfs.${FSTESTS_FSTYP}', 'fsck.${FSTESTS_FSTYP}'],
    optionalBinaries: [
      ...new Set([
        ...WANTED,
        ...choices.flatMap((choice) => [...PROGRAMS[choice].needs, ...PROGRAMS[choice].wants]),
      ]),
    ],
    kernelBinaries: KERNEL_PROGRAMS,
    zram: {
      ...DEVICES,
      ...Object.fromEntries(
        POOL.map((name) => [name, { size: SIZE, when: { FSTESTS_FSTYP: 'btrfs' } }]),
      ),
    },
    resources: { cpus: 2, memory: '2G' },
    drivers: ['${FSTESTS_FSTYP}'],
  });
}

/**
 * xfstests on a share of a server. fstests.sh creates two directories in it, which are tested.
 * @param client what the client needs to mount the share
 */
export function defineFstestsOnShare(
  filesystem: 'nfs' | 'cifs',
  summary: string,
  client: Omit<Cut, 'summary'>,
): Cut {
  const own = common(`FSTYP=${filesystem}\nOVERLAY=0\n`, expectedOf());
  return defineCut({
    ...own,
    summary,
    network: true,
    resources: { cpus: 2, memory: '1G' },
    binaries: [...NEEDED, ...(client.binaries ?? [])],
    optionalBinaries: [...WANTED, ...(client.optionalBinaries ?? [])],
    drivers: client.drivers ?? [],
    ...(client.kernelOptions === undefined ? {} : { kernelOptions: client.kernelOptions }),
    optionalDrivers: [...(client.optionalDrivers ?? []), ...(own.optionalDrivers ?? [])],
    // A server elsewhere may have its name from DNS.
    contents: {
      ...own.contents,
      ...client.contents,
      '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    },
    autorun: [...(client.autorun ?? []), 'fstests.sh'],
    conf: {
      needs: [...(own.conf?.needs ?? []), ...(client.conf?.needs ?? [])],
      uses: [...(own.conf?.uses ?? []), ...(client.conf?.uses ?? [])],
    },
  });
}

/** @param choice lines of a shell script, which fstests.sh sources */
function common(
  choice: string,
  expected: readonly string[],
  keys: readonly string[] = [],
): Omit<Cut, 'summary'> {
  return {
    optionalDrivers: DRIVERS,
    trees: [{ source: '${FSTESTS_SRC}', exclude: LEFTOVERS, contains: ['check', 'ltp/fsstress'] }],
    files: [
      { source: '${FSTESTS_EXPUNGE}', target: '/etc/fstests/expunge', optional: true },
      ...PAM_DIRECTORIES.flatMap((directory) =>
        ['pam_rootok.so', 'pam_permit.so'].map((name) => ({
          source: `${directory}/${name}`,
          optional: true,
        })),
      ),
      ...PERL_DIRECTORIES.map((source) => ({ source, optional: true })),
    ],
    kernelConfig: true,
    contents: {
      '/etc/fstests/choice': choice,
      '/etc/passwd': `${PASSWD.join('\n')}\n`,
      '/etc/group': `${GROUP.join('\n')}\n`,
      // For `unshare --map-auto`.
      '/etc/subuid': SUBORDINATE,
      '/etc/subgid': SUBORDINATE,
      '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
      '/etc/pam.d/su': PAM,
      '/etc/pam.d/su-l': PAM,
      '/etc/lvm/lvm.conf': LVM,
      '/etc/login.defs': '',
      '/etc/mtab': '',
    },
    autorun: ['no-udevd.sh', 'fstests.sh'],
    directory: '${FSTESTS_SRC}',
    test: {
      command: ['fstests-check'],
      output: 'fstests',
      carry: ['check.time'],
      resumes: true,
      expected,
    },
    conf: {
      needs: ['FSTESTS_SRC'],
      uses: [
        'FSTESTS_ZRAM_SIZE',
        'FSTESTS_OPTIONS',
        'FSTESTS_EXPUNGE',
        'FSTESTS_AUTORUN_CMD',
        'MKFS_OPTIONS',
        'MOUNT_OPTIONS',
        ...keys,
      ],
    },
  };
}
