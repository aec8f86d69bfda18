import { type Cut, defineCut } from 'rapido';
import { fileServer, type ServedFilesystem } from './_file-server.ts';

/** Paths of Samba's module for btrfs, which clones files instead of copying them. */
const BTRFS_MODULES = [
  '/usr/lib/x86_64-linux-gnu/samba/vfs/btrfs.so',
  '/usr/lib/aarch64-linux-gnu/samba/vfs/btrfs.so',
  '/usr/lib64/samba/vfs/btrfs.so',
].map((source) => ({ source, optional: true }));

/** smbd with one share. smb-share.sh mounts it, samba.sh serves it. */
export function defineSamba(filesystem: ServedFilesystem, summary: string): Cut {
  const server = fileServer(filesystem);
  return defineCut({
    ...server,
    summary,
    // A built Samba tree has links to its programs there.
    searchPath: ['${SAMBA_SRC}/bin'],
    binaries: [...server.binaries, 'smbd', 'smbpasswd'],
    optionalBinaries: [
      ...server.optionalBinaries,
      'smbstatus',
      'testparm',
      'smbcontrol',
      'pdbedit',
    ],
    files: filesystem === 'btrfs' ? BTRFS_MODULES : [],
    autorun: ['smb-share.sh', 'samba.sh'],
    conf: {
      needs: ['CIFS_PW'],
      uses: ['CIFS_SHARE', 'CIFS_USER', 'CIFS_DOMAIN'],
      defines: server.conf.defines,
    },
  });
}
