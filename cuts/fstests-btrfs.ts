import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'btrfs',
  searchPath: ['${BTRFS_PROGS_SRC}'],
  summary: 'Filesystem tests (xfstests) on Btrfs, with a pool of devices',
});
