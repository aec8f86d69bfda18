import { defineCut } from 'rapido';
import { fileServer, SMB_CRYPTO } from './_file-server.ts';

const server = fileServer('xfs');

/** Files with which glibc converts names and passwords to UTF-16. */
const ENCODINGS = [
  '/usr/lib/x86_64-linux-gnu/gconv',
  '/usr/lib/aarch64-linux-gnu/gconv',
  '/usr/lib64/gconv',
].flatMap((directory) =>
  ['gconv-modules', 'UTF-16.so'].map((name) => ({
    source: `${directory}/${name}`,
    optional: true,
  })),
);

/** The kernel's SMB server with one share. smb-share.sh mounts the filesystem, ksmbd.sh serves it. */
export default defineCut({
  ...server,
  summary: "The kernel's SMB server: a share on XFS",
  // A built tree, an installation directory or an unpacked package. ksmbd.tools is not in PATH.
  searchPath: [
    ...['tools', 'build/tools', 'libexec', 'usr/libexec', 'usr/local/libexec'].map(
      (directory) => `\${KSMBD_TOOLS_SRC}/${directory}`,
    ),
    '/usr/libexec',
    '/usr/local/libexec',
    '/usr/lib/ksmbd-tools',
  ],
  binaries: [...server.binaries, 'ksmbd.tools'],
  drivers: [...server.drivers, 'ksmbd'],
  optionalDrivers: SMB_CRYPTO,
  files: ENCODINGS,
  autorun: ['smb-share.sh', 'ksmbd.sh'],
  conf: {
    needs: ['CIFS_PW'],
    uses: ['CIFS_SHARE', 'CIFS_USER', 'CIFS_DOMAIN'],
    defines: server.conf.defines,
  },
});
