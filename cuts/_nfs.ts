import { type Cut, defineCut } from 'rapido';
import { fileServer, type ServedFilesystem } from './_file-server.ts';

/** Databases for programs of Sun RPC: transports (netconfig(5)), protocols, ports, programs. */
const RPC_DATABASES = {
  '/etc/netconfig': [
    'udp   tpi_clts      v inet     udp - -',
    'tcp   tpi_cots_ord  v inet     tcp - -',
    'udp6  tpi_clts      v inet6    udp - -',
    'tcp6  tpi_cots_ord  v inet6    tcp - -',
    'local tpi_cots_ord  - loopback -   - -\n',
  ].join('\n'),
  '/etc/protocols': 'tcp 6 TCP\nudp 17 UDP\n',
  '/etc/services': ['tcp', 'udp']
    .map((protocol) => `sunrpc 111/${protocol} portmapper\nnfs 2049/${protocol}\n`)
    .join(''),
  '/etc/rpc': [
    'portmapper 100000 rpcbind sunrpc',
    'nfs 100003 nfsprog',
    'mountd 100005 mount',
    'nlockmgr 100021',
    'status 100024\n',
  ].join('\n'),
};

/** What both server and client need. NFSv3 has a separate protocol for locks (nfs-locks.sh). */
const NFS_COMMON = {
  binaries: ['rpcbind', 'rpc.statd'],
  optionalBinaries: ['rpcinfo', 'showmount', 'nfsstat', 'rpcdebug', 'mountstats'],
  contents: RPC_DATABASES,
} as const satisfies Omit<Cut, 'summary'>;

/** What an NFS client needs, except the script that mounts the export. */
export const NFS_CLIENT = {
  network: true,
  binaries: [...NFS_COMMON.binaries, 'mount.nfs'],
  optionalBinaries: NFS_COMMON.optionalBinaries,
  drivers: ['nfs'],
  kernelOptions: { CONFIG_NFS_V4: 'NFS version 4, which mount.nfs asks for first' },
  // Versions of the protocol, and layouts of pNFS.
  optionalDrivers: [
    'nfsv4',
    'nfsv3',
    'nfs_layout_nfsv41_files',
    'nfs_layout_flexfiles',
    'blocklayoutdriver',
  ],
  contents: NFS_COMMON.contents,
  autorun: ['nfs-locks.sh'],
  conf: { uses: ['NFS_SERVER', 'NFS_SHARE', 'NFS_MOUNT_OPTS'] },
} as const satisfies Omit<Cut, 'summary'>;

/** The kernel's NFS server with one export. nfsd.sh sets it up. */
export function defineNfsd(filesystem: ServedFilesystem, summary: string): Cut {
  const server = fileServer(filesystem);
  return defineCut({
    ...server,
    summary,
    binaries: [...server.binaries, ...NFS_COMMON.binaries, 'rpc.nfsd', 'rpc.mountd', 'exportfs'],
    optionalBinaries: [...server.optionalBinaries, ...NFS_COMMON.optionalBinaries, 'nfsdclnts'],
    drivers: [...server.drivers, 'nfsd'],
    kernelOptions: { CONFIG_NFSD_V4: 'NFS version 4, which clients ask for first' },
    contents: { ...server.contents, ...NFS_COMMON.contents },
    autorun: ['nfs-locks.sh', 'nfsd.sh'],
    conf: { uses: ['NFS_SHARE'], defines: server.conf.defines },
  });
}
