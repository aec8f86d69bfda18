import { basename, dirname, join } from 'node:path';
import { isFile, isReadable, listIfReachable } from '../sys/stat.ts';

/** Data files that programs read. The search for libraries does not find them. */
interface ProgramFiles {
  programs: readonly string[];
  /** Host paths; a `*` in the last component matches any text. They have the same paths in the guest. */
  files: readonly string[];
  /** What the programs use them for, or why a guest must not have them. */
  why: string;
  /** Not copied, because they are specific to the host or may be secret. */
  omitted?: true;
}

const EXT4_TOOLS = ['mke2fs', 'mkfs.ext2', 'mkfs.ext3', 'mkfs.ext4'];
const IP_TOOLS = ['ip', 'tc', 'bridge', 'ss', 'rdma', 'devlink', 'dcb', 'vdpa'];
const RPC_TOOLS = ['rpcbind', 'rpcinfo', 'rpc.statd', 'rpc.mountd', 'rpc.nfsd', 'mount.nfs'];
const LVM_TOOLS = ['lvm', 'pvcreate', 'vgcreate', 'lvcreate', 'lvmdbusd', 'dmeventd'];

/**
 * Programs of rapido's cuts, and programs that users of the original tool add. A file that the cut creates
 * (`contents`) or that a user includes replaces the file of the host.
 */
export const PROGRAM_FILES: readonly ProgramFiles[] = [
  {
    programs: EXT4_TOOLS,
    files: ['/etc/mke2fs.conf'],
    why: 'features, block size and inode size of a new ext4',
  },
  {
    programs: ['e2fsck', 'fsck.ext2', 'fsck.ext3', 'fsck.ext4'],
    files: ['/etc/e2fsck.conf'],
    why: 'problems that e2fsck does not fix',
  },
  {
    programs: ['mkfs.xfs'],
    files: ['/usr/share/xfsprogs/mkfs/*.conf'],
    why: 'feature sets of older kernels, for MKFS_OPTIONS="-c options=FILE"',
  },
  {
    programs: ['cp', 'mv', 'install', 'patch'],
    files: ['/etc/xattr.conf'],
    why: 'extended attributes that are copied (libattr)',
  },
  {
    programs: ['openssl'],
    files: [
      '/usr/lib/ssl/openssl.cnf',
      '/etc/ssl/openssl.cnf',
      '/etc/pki/tls/openssl.cnf',
      '/etc/crypto-policies/back-ends/opensslcnf.config',
    ],
    why: 'required by `openssl req`, with which tests of fs-verity create certificates',
  },
  {
    programs: ['request-key'],
    files: ['/etc/request-key.conf', '/etc/request-key.d/*.conf'],
    why: 'programs that create the keys that the kernel requests',
  },
  {
    programs: ['key.dns_resolver'],
    files: ['/etc/keyutils/key.dns_resolver.conf'],
    why: 'how long hostnames that the kernel looked up are cached',
  },
  {
    programs: IP_TOOLS,
    files: ['/etc/iproute2/*', '/usr/share/iproute2/*'],
    why: 'names of routing tables, protocols and scopes in the output, which tests parse',
  },
  {
    programs: ['tc'],
    files: ['/usr/lib/tc/*.dist', '/usr/lib64/tc/*.dist', '/usr/share/tc/*.dist'],
    why: 'delay distributions for netem',
  },
  {
    programs: RPC_TOOLS,
    files: ['/etc/netconfig', '/etc/rpc', '/etc/protocols', '/etc/services'],
    why: 'transports, protocols, ports and program numbers of Sun RPC',
  },
  {
    programs: ['useradd', 'userdel', 'usermod', 'groupadd', 'su', 'sg', 'newgrp'],
    files: ['/etc/login.defs', '/etc/default/useradd'],
    why: 'ID ranges, and defaults for new users',
  },
  {
    programs: ['file'],
    files: ['/usr/lib/file/magic.mgc', '/usr/share/misc/magic.mgc', '/usr/share/misc/magic'],
    why: 'file signatures, without which it recognizes no types',
  },

  {
    programs: ['xfs_quota', 'xfs_io', 'xfs_growfs', 'xfs_spaceman', 'quota', 'setquota'],
    files: ['/etc/projects', '/etc/projid'],
    why: 'directories of the host',
    omitted: true,
  },
  {
    programs: [
      'mount',
      'umount',
      'findmnt',
      'fsck',
      'fstrim',
      'swapon',
      'cryptsetup',
      'mount.cifs',
    ],
    files: ['/etc/fstab', '/etc/crypttab', '/etc/blkid.conf', '/etc/filesystems'],
    why: 'disks of the host, and how they are probed',
    omitted: true,
  },
  {
    programs: LVM_TOOLS,
    files: ['/etc/lvm/lvm.conf', '/etc/lvm/lvmlocal.conf'],
    why: "filters for the host's devices, and use of udev, which a guest may not have; the defaults are built into LVM",
    omitted: true,
  },
  {
    programs: ['multipath', 'multipathd', 'mpathpersist'],
    files: ['/etc/multipath.conf', '/etc/multipath/*'],
    why: "names and blacklists of the host's disks; cuts configure the disks of the guest",
    omitted: true,
  },
  {
    programs: ['mdadm'],
    files: ['/etc/mdadm.conf', '/etc/mdadm/mdadm.conf'],
    why: 'arrays of the host',
    omitted: true,
  },
  {
    programs: ['nvme'],
    files: ['/etc/nvme/hostnqn', '/etc/nvme/hostid', '/etc/nvme/*'],
    why: 'the identity of the host, which two VMs would share, and keys of its connections',
    omitted: true,
  },
  {
    programs: ['exportfs', 'rpc.mountd', 'rpc.nfsd', 'mount.nfs', 'rpc.idmapd', 'nfsidmap'],
    files: ['/etc/exports', '/etc/nfs.conf', '/etc/nfsmount.conf', '/etc/idmapd.conf'],
    why: 'exports and mounts of the host; scripts of cuts configure the guest',
    omitted: true,
  },
  {
    programs: ['smbd', 'smbpasswd', 'testparm', 'ksmbd.mountd', 'ksmbd.adduser', 'ksmbd.tools'],
    files: ['/etc/samba/*', '/etc/ksmbd/*'],
    why: 'shares and passwords of the host',
    omitted: true,
  },
  {
    programs: ['iscsid', 'iscsiadm', 'tgtd', 'tgtadm', 'targetcli', 'tcmu-runner'],
    files: ['/etc/iscsi/*', '/etc/tgt/*', '/etc/target/*', '/etc/rtslib-fb-target/*'],
    why: 'CHAP secrets, and the initiator name of the host',
    omitted: true,
  },
  {
    programs: ['ssh', 'sshd', 'ssh-keygen', 'scp', 'sftp', 'dropbear'],
    files: ['/etc/ssh/*', '/etc/dropbear/*'],
    why: 'private keys and known hosts',
    omitted: true,
  },
  {
    programs: ['cifs.upcall', 'rpc.gssd', 'rpc.svcgssd', 'kinit'],
    files: ['/etc/krb5.conf', '/etc/krb5.keytab'],
    why: 'Kerberos realm and keys of the host',
    omitted: true,
  },
  {
    programs: ['ceph', 'rbd', 'rbd-nbd', 'ceph-fuse', 'fio', 'mount.ceph'],
    files: ['/etc/ceph/*'],
    why: "keys of the host's clusters",
    omitted: true,
  },
  {
    programs: ['nbd-server', 'nbd-client', 'rsync', 'logrotate', 'autofs', 'automount'],
    files: [
      '/etc/nbd-server/*',
      '/etc/nbdtab',
      '/etc/rsyncd.conf',
      '/etc/logrotate.conf',
      '/etc/auto.*',
    ],
    why: 'services of the host, some with passwords',
    omitted: true,
  },
  {
    programs: ['modprobe', 'insmod', 'rmmod', 'modinfo'],
    files: ['/etc/modprobe.d/*', '/etc/depmod.d/*'],
    why: 'host settings such as blacklists, which would affect the modules that tests load',
    omitted: true,
  },
  {
    programs: ['sysctl'],
    files: ['/etc/sysctl.conf', '/etc/sysctl.d/*'],
    why: 'tuning of the host; tests start from the defaults of the kernel',
    omitted: true,
  },
  {
    programs: ['bash', 'vi', 'less', 'top', 'gdb', 'dmesg'],
    files: ['/etc/profile', '/etc/bash.bashrc', '/etc/vim/*', '/etc/gdb/*', '/etc/toprc'],
    why: 'personal settings, with paths that a guest does not have',
    omitted: true,
  },
];

/**
 * Finds the files of programs that the host has and the user may read.
 * @param paths paths of programs; only their base names matter
 */
export function findProgramFiles(paths: Iterable<string>): string[] {
  const names = new Set([...paths].map((path) => basename(path)));
  const wanted = PROGRAM_FILES.filter(
    ({ programs, omitted }) => omitted !== true && programs.some((program) => names.has(program)),
  );
  const found = wanted.flatMap(({ files }) => files.flatMap(expandPattern));
  return [...new Set(found)].filter((path) => isFile(path) && isReadable(path)).sort();
}

/** As in a shell, `*` does not match a leading dot. */
function expandPattern(path: string): string[] {
  const pattern = basename(path);
  const [start = '', end] = pattern.split('*');
  if (end === undefined) return [path];
  return listIfReachable(dirname(path))
    .filter((name) => !name.startsWith('.'))
    .filter((name) => name.length >= pattern.length - 1)
    .filter((name) => name.startsWith(start) && name.endsWith(end))
    .map((name) => join(dirname(path), name));
}
