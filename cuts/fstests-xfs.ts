import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'xfs',
  summary: 'The filesystem tests xfstests on XFS',
});
