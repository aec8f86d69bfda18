import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'xfs',
  overlay: true,
  summary: 'Filesystem tests (xfstests) on overlayfs over XFS',
});
