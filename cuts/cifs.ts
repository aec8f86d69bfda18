import { defineCut } from 'rapido';
import { CIFS_CLIENT } from './_cifs.ts';
import { FILE_PROGRAMS, OPTIONAL_FILE_PROGRAMS } from './_file-server.ts';

/** The kernel's SMB client, with a share of rapido-server or any other server at /mnt/cifs. */
export default defineCut({
  ...CIFS_CLIENT,
  summary: "The kernel's SMB client, with a share mounted at /mnt/cifs",
  binaries: [...FILE_PROGRAMS, ...CIFS_CLIENT.binaries],
  // getcifsacl and setcifsacl are omitted because of their libraries (35 MB).
  optionalBinaries: OPTIONAL_FILE_PROGRAMS,
  autorun: [...CIFS_CLIENT.autorun, 'cifs.sh'],
  directory: '/mnt/cifs',
});
