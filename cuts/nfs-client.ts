import { defineCut } from 'rapido';
import { FILE_PROGRAMS, OPTIONAL_FILE_PROGRAMS } from './_file-server.ts';
import { NFS_CLIENT } from './_nfs.ts';

/** The kernel's NFS client, with an export of rapido-server or any other server at /mnt/nfs. */
export default defineCut({
  ...NFS_CLIENT,
  summary: "The kernel's NFS client, with an export mounted at /mnt/nfs",
  binaries: [...FILE_PROGRAMS, ...NFS_CLIENT.binaries],
  optionalBinaries: [...OPTIONAL_FILE_PROGRAMS, ...NFS_CLIENT.optionalBinaries],
  autorun: [...NFS_CLIENT.autorun, 'nfs-client.sh'],
  directory: '/mnt/nfs',
});
