import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'f2fs',
  summary: 'The filesystem tests xfstests on F2FS',
});
