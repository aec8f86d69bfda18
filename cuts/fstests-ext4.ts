import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'ext4',
  summary: 'The filesystem tests xfstests on ext4',
});
