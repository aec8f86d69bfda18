import { defineCut } from 'rapido';
import { FILE_PROGRAMS, OPTIONAL_FILE_PROGRAMS, SMB_CRYPTO } from './_file-server.ts';

/** The kernel's SMB client: a share, of rapido-server or of any other server, at /mnt/cifs. */
export default defineCut({
  summary: "The kernel's SMB client, with a share mounted at /mnt/cifs",
  network: true,
  // mount.cifs reads the password from a file. mount alone would want it among its arguments.
  binaries: [...FILE_PROGRAMS, 'mount.cifs'],
  // Not here, for the 35 MB of their libraries: getcifsacl, setcifsacl.
  optionalBinaries: OPTIONAL_FILE_PROGRAMS,
  drivers: ['cifs=CONFIG_CIFS'],
  optionalDrivers: SMB_CRYPTO,
  autorun: ['cifs-credentials.sh', 'cifs.sh'],
  directory: '/mnt/cifs',
  conf: {
    needs: ['CIFS_PW'],
    uses: ['CIFS_SERVER', 'CIFS_SHARE', 'CIFS_MOUNT_OPTS', 'CIFS_DOMAIN', 'CIFS_USER'],
  },
});
