import { defineNfsd } from './_nfs.ts';

export default defineNfsd('xfs', "The kernel's NFS server: an export of XFS, for NFSv3 to v4.2");
