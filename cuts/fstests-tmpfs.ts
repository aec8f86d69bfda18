import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'tmpfs',
  summary: 'The filesystem tests xfstests on tmpfs',
});
