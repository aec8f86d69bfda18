import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'tmpfs',
  summary: 'Filesystem tests (xfstests) on tmpfs',
});
