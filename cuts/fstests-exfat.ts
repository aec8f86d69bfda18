import { defineFstests } from './_fstests.ts';

export default defineFstests({
  filesystem: 'exfat',
  searchPath: ['mkfs', 'fsck', 'dump', 'tune'].map((part) => `\${EXFAT_PROGS_SRC}/${part}`),
  summary: 'Filesystem tests (xfstests) on exFAT',
});
