import { defineFstestsOnShare } from './_fstests.ts';
import { NFS_CLIENT } from './_nfs.ts';

export default defineFstestsOnShare(
  'nfs',
  'Filesystem tests (xfstests) on an NFS export of a server',
  NFS_CLIENT,
);
