import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'udf',
  summary: 'Filesystem tests (xfstests) on UDF',
});
