import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'udf',
  summary: 'The filesystem tests xfstests on UDF',
});
