import type { Cut } from 'rapido';

/** The filesystem of a share or an export. */
export type ServedFilesystem = 'xfs' | 'btrfs';

/** Programs for the shell of a file server or client, and for tests of files. */
// biome-ignore format: a list of short words
export const FILE_PROGRAMS = [
  'sh', 'cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir', 'touch', 'stat', 'df', 'du',
  'mount', 'umount', 'findmnt', 'dmesg', 'ps', 'id', 'uname', 'date', 'env', 'kill', 'grep',
  'sed', 'head', 'tail', 'wc', 'sort', 'dd', 'cmp', 'sync', 'sleep', 'true', 'sha256sum',
  'lsmod', 'modprobe', 'rmmod', 'find', 'chmod', 'chown', 'truncate', 'tee', 'seq', 'ip',
] as const;

export const OPTIONAL_FILE_PROGRAMS = [
  'getfattr',
  'setfattr',
  'getfacl',
  'setfacl',
  'flock',
  'fallocate',
  'xfs_io',
  'filefrag',
  'ping',
  'ss',
  'strace',
  'vi',
  'less',
  'free',
  'clear',
  'timeout',
] as const;

/**
 * A server of one filesystem, on a device in memory or a disk with the serial SHARE. Its script reads the type of the
 * filesystem from /etc/rapido-share, and mounts it with `mount_disk SHARE`.
 */
export function fileServer(filesystem: ServedFilesystem) {
  return {
    network: true,
    binaries: [...FILE_PROGRAMS, `mkfs.${filesystem}`],
    optionalBinaries: [
      ...OPTIONAL_FILE_PROGRAMS,
      ...(filesystem === 'btrfs' ? ['btrfs'] : ['xfs_info', 'xfs_db', 'xfs_quota']),
    ],
    drivers: [filesystem],
    zram: { SHARE: '${SHARE_SIZE}' },
    contents: { '/etc/rapido-share': `filesystem=${filesystem}\n` },
    conf: {
      defines: {
        SHARE_SIZE: {
          type: 'size',
          meaning:
            'Size of the device in memory that the file servers (samba-*, nfsd-*, ksmbd) serve. Set it to 0 to use a disk with serial=SHARE instead.',
          default: '1G',
        },
      },
    },
  } as const satisfies Omit<Cut, 'summary'>;
}

/**
 * Modules that cifs.ko and ksmbd.ko request by name, in addition to their declared dependencies: to sign and encrypt
 * with AES-CCM, AES-GCM and AES-CMAC, and to convert file names.
 */
export const SMB_CRYPTO = [
  'ccm',
  'gcm',
  'ctr',
  'ghash-generic',
  'cmac',
  'hmac',
  'md5',
  'sha256',
  'sha512',
  'aes',
  'aesni-intel',
  'ghash-clmulni-intel',
  'nls_utf8',
] as const;
