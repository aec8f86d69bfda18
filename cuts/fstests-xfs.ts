import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'xfs',
  summary: 'Filesystem tests (xfstests) on XFS',
});
