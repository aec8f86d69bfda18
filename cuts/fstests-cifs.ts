import { CIFS_CLIENT } from './_cifs.ts';
import { defineFstestsOnShare } from './_fstests.ts';

export default defineFstestsOnShare(
  'cifs',
  'The filesystem tests xfstests on SMB, on a share of a server',
  CIFS_CLIENT,
);
