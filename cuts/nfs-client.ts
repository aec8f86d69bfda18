import { defineCut } from 'rapido';
import { FILE_PROGRAMS, OPTIONAL_FILE_PROGRAMS } from './_file-server.ts';
import { NFS_CLIENT_DRIVERS, NFS_COMMON } from './_nfs.ts';

/** The kernel's NFS client: an export, of rapido-server or of any other server, at /mnt/nfs. */
export default defineCut({
  summary: "The kernel's NFS client, with an export mounted at /mnt/nfs",
  network: true,
  binaries: [...FILE_PROGRAMS, ...NFS_COMMON.binaries, 'mount.nfs'],
  optionalBinaries: [...OPTIONAL_FILE_PROGRAMS, ...NFS_COMMON.optionalBinaries],
  drivers: ['nfs=CONFIG_NFS_FS'],
  optionalDrivers: NFS_CLIENT_DRIVERS,
  contents: NFS_COMMON.contents,
  autorun: ['nfs-locks.sh', 'nfs-client.sh'],
  directory: '/mnt/nfs',
  conf: { uses: ['NFS_SERVER', 'NFS_SHARE', 'NFS_MOUNT_OPTS'] },
});
