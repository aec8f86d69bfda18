import { defineFstestsLocal } from './_fstests.ts';

export default defineFstestsLocal(
  'Filesystem tests (xfstests) on XFS, or on the filesystem that FSTESTS_FSTYP names',
);
