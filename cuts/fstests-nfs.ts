import { defineFstestsOnShare } from './_fstests.ts';
import { NFS_CLIENT } from './_nfs.ts';

export default defineFstestsOnShare(
  'nfs',
  'The filesystem tests xfstests on NFS, on an export of a server',
  NFS_CLIENT,
);
