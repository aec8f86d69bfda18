import { basename, dirname, join } from 'node:path';
import { isFile, isReadable, listIfReachable } from '../sys/stat.ts';

/** Files that programs read by themselves, and that no library search finds. */
interface ProgramFiles {
  programs: readonly string[];
  /** Host paths; a `*` in the last component is any text. Guests have them under the same paths. */
  files: readonly string[];
  /** What the programs do with them, or why a guest must not have them. */
  why: string;
  /** Known, and left out: it is the host's own business, or may be secret. */
  left?: true;
}

const EXT4_TOOLS = ['mke2fs', 'mkfs.ext2', 'mkfs.ext3', 'mkfs.ext4'];
const IP_TOOLS = ['ip', 'tc', 'bridge', 'ss', 'rdma', 'devlink', 'dcb', 'vdpa'];
const RPC_TOOLS = ['rpcbind', 'rpcinfo', 'rpc.statd', 'rpc.mountd', 'rpc.nfsd', 'mount.nfs'];
const LVM_TOOLS = ['lvm', 'pvcreate', 'vgcreate', 'lvcreate', 'lvmdbusd', 'dmeventd'];

/**
 * The programs of our cuts, and what users of the original tool add to theirs. A file that the cut makes itself
 * (`contents`) or that a user includes takes the place of the host's.
 */
export const PROGRAM_FILES: readonly ProgramFiles[] = [
  {
    programs: EXT4_TOOLS,
    files: ['/etc/mke2fs.conf'],
    why: 'says which features a new ext4 has, and how large its blocks and inodes are',
  },
  {
    programs: ['e2fsck', 'fsck.ext2', 'fsck.ext3', 'fsck.ext4'],
    files: ['/etc/e2fsck.conf'],
    why: 'says which problems e2fsck leaves alone',
  },
  {
    programs: ['mkfs.xfs'],
    files: ['/usr/share/xfsprogs/mkfs/*.conf'],
    why: 'sets of features of older kernels, for MKFS_OPTIONS="-c options=FILE"',
  },
  {
    programs: ['cp', 'mv', 'install', 'patch'],
    files: ['/etc/xattr.conf'],
    why: 'says which extended attributes are copied (libattr)',
  },
  {
    programs: ['openssl'],
    files: [
      ...['/usr/lib/ssl/openssl.cnf', '/etc/ssl/openssl.cnf', '/etc/pki/tls/openssl.cnf'],
      '/etc/crypto-policies/back-ends/opensslcnf.config',
    ],
    why: '`openssl req`, by which tests of fs-verity make certificates, does nothing without it',
  },
  {
    programs: ['request-key'],
    files: ['/etc/request-key.conf', '/etc/request-key.d/*.conf'],
    why: 'says which program makes a key that the kernel asks for',
  },
  {
    programs: ['key.dns_resolver'],
    files: ['/etc/keyutils/key.dns_resolver.conf'],
    why: 'says how long names that the kernel looked up are kept',
  },
  {
    programs: IP_TOOLS,
    files: ['/etc/iproute2/*', '/usr/share/iproute2/*'],
    why: 'names of routing tables, protocols and scopes, which tests read in the output',
  },
  {
    programs: ['tc'],
    files: ['/usr/lib/tc/*.dist', '/usr/lib64/tc/*.dist', '/usr/share/tc/*.dist'],
    why: 'distributions of delays for netem',
  },
  {
    programs: RPC_TOOLS,
    files: ['/etc/netconfig', '/etc/rpc', '/etc/protocols', '/etc/services'],
    why: 'transports, protocols, ports and program numbers of Sun RPC',
  },
  {
    programs: ['useradd', 'userdel', 'usermod', 'groupadd', 'su', 'sg', 'newgrp'],
    files: ['/etc/login.defs', '/etc/default/useradd'],
    why: 'ranges of ids, and what a new user gets',
  },
  {
    programs: ['file'],
    files: ['/usr/lib/file/magic.mgc', '/usr/share/misc/magic.mgc', '/usr/share/misc/magic'],
    why: 'how it tells types: it knows none without',
  },

  {
    programs: ['xfs_quota', 'xfs_io', 'xfs_growfs', 'xfs_spaceman', 'quota', 'setquota'],
    files: ['/etc/projects', '/etc/projid'],
    why: 'directories of the host',
    left: true,
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
    why: 'disks of the host, and how it looks at them',
    left: true,
  },
  {
    programs: LVM_TOOLS,
    files: ['/etc/lvm/lvm.conf', '/etc/lvm/lvmlocal.conf'],
    why: "filters for the host's devices, and a udev that a guest may not have; LVM's defaults are in the program",
    left: true,
  },
  {
    programs: ['multipath', 'multipathd', 'mpathpersist'],
    files: ['/etc/multipath.conf', '/etc/multipath/*'],
    why: 'names and black lists of the disks of the host; a cut says which of the guest are meant',
    left: true,
  },
  {
    programs: ['mdadm'],
    files: ['/etc/mdadm.conf', '/etc/mdadm/mdadm.conf'],
    why: 'arrays of the host',
    left: true,
  },
  {
    programs: ['nvme'],
    files: ['/etc/nvme/hostnqn', '/etc/nvme/hostid', '/etc/nvme/*'],
    why: 'the identity of the host, which two VMs would share, and keys of its connections',
    left: true,
  },
  {
    programs: ['exportfs', 'rpc.mountd', 'rpc.nfsd', 'mount.nfs', 'rpc.idmapd', 'nfsidmap'],
    files: ['/etc/exports', '/etc/nfs.conf', '/etc/nfsmount.conf', '/etc/idmapd.conf'],
    why: 'what the host exports and mounts, and how; the scripts of cuts say so for guests',
    left: true,
  },
  {
    programs: ['smbd', 'smbpasswd', 'testparm', 'ksmbd.mountd', 'ksmbd.adduser', 'ksmbd.tools'],
    files: ['/etc/samba/*', '/etc/ksmbd/*'],
    why: 'shares and passwords of the host',
    left: true,
  },
  {
    programs: ['iscsid', 'iscsiadm', 'tgtd', 'tgtadm', 'targetcli', 'tcmu-runner'],
    files: ['/etc/iscsi/*', '/etc/tgt/*', '/etc/target/*', '/etc/rtslib-fb-target/*'],
    why: 'CHAP secrets, and the name by which targets know the host',
    left: true,
  },
  {
    programs: ['ssh', 'sshd', 'ssh-keygen', 'scp', 'sftp', 'dropbear'],
    files: ['/etc/ssh/*', '/etc/dropbear/*'],
    why: 'private keys, and where the host logs in',
    left: true,
  },
  {
    programs: ['cifs.upcall', 'rpc.gssd', 'rpc.svcgssd', 'kinit'],
    files: ['/etc/krb5.conf', '/etc/krb5.keytab'],
    why: 'realm and keys of the host',
    left: true,
  },
  {
    programs: ['ceph', 'rbd', 'rbd-nbd', 'ceph-fuse', 'fio', 'mount.ceph'],
    files: ['/etc/ceph/*'],
    why: "keys of the host's clusters",
    left: true,
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
    left: true,
  },
  {
    programs: ['modprobe', 'insmod', 'rmmod', 'modinfo'],
    files: ['/etc/modprobe.d/*', '/etc/depmod.d/*'],
    why: 'modules that the host must not load are what tests load',
    left: true,
  },
  {
    programs: ['sysctl'],
    files: ['/etc/sysctl.conf', '/etc/sysctl.d/*'],
    why: 'how the host is tuned: a test starts from what the kernel sets',
    left: true,
  },
  {
    programs: ['bash', 'vi', 'less', 'top', 'gdb', 'dmesg'],
    files: ['/etc/profile', '/etc/bash.bashrc', '/etc/vim/*', '/etc/gdb/*', '/etc/toprc'],
    why: 'habits of people, with paths that a guest does not have',
    left: true,
  },
];

/**
 * The files of these programs that the host has and the user may read.
 * @param paths of programs; what counts is their name
 */
export function findProgramFiles(paths: Iterable<string>): string[] {
  const names = new Set([...paths].map((path) => basename(path)));
  const wanted = PROGRAM_FILES.filter(
    ({ programs, left }) => left !== true && programs.some((program) => names.has(program)),
  );
  const found = wanted.flatMap(({ files }) => files.flatMap(expandPattern));
  return [...new Set(found)].filter((path) => isFile(path) && isReadable(path)).sort();
}

/** A `*` does not stand for what begins with a dot, as in a shell. */
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
