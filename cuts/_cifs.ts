import type { Cut } from 'rapido';
import { SMB_CRYPTO } from './_file-server.ts';

/** What an SMB client needs, except the script that mounts the share. */
export const CIFS_CLIENT = {
  network: true,
  // It reads the password from a file. Without it, mount needs the password as an argument.
  binaries: ['mount.cifs'],
  drivers: ['cifs'],
  optionalDrivers: SMB_CRYPTO,
  autorun: ['cifs-credentials.sh'],
  conf: {
    needs: ['CIFS_PW'],
    uses: ['CIFS_SERVER', 'CIFS_SHARE', 'CIFS_MOUNT_OPTS', 'CIFS_DOMAIN', 'CIFS_USER'],
  },
} as const satisfies Omit<Cut, 'summary'>;
