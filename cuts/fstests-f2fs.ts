import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'f2fs',
  summary: 'Filesystem tests (xfstests) on F2FS',
});
