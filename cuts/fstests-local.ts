import { defineFstestsLocal } from './_fstests.ts';

export default defineFstestsLocal(
  'The filesystem tests xfstests on XFS, or on what FSTESTS_FSTYP names',
);
