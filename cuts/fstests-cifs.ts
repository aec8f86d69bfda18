import { CIFS_CLIENT } from './_cifs.ts';
import { defineFstestsOnShare } from './_fstests.ts';

export default defineFstestsOnShare(
  'cifs',
  'Filesystem tests (xfstests) on an SMB share of a server',
  CIFS_CLIENT,
);
