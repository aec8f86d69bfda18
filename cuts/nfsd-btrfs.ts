import { defineNfsd } from './_nfs.ts';

export default defineNfsd(
  'btrfs',
  "The kernel's NFS server: an export of btrfs, for NFSv3 to v4.2",
);
