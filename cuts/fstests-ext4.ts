import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'ext4',
  summary: 'Filesystem tests (xfstests) on ext4',
});
