import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OutputFormat } from '../../src/cut/cut.ts';
import { parseExpectedSplats } from '../../src/formats/klog/expected.ts';
import { collectSplats } from '../../src/results/splat-collection.ts';
import { markOf } from '../../src/results/test-collection.ts';
import { CHECKOUT } from '../support/workspace.ts';

/** The line by which each suite marks a test in the kernel's log. */
const BEGIN: Readonly<Record<Exclude<OutputFormat, 'ktap'>, (test: string) => string>> = {
  fstests: (test) => `run fstests ${test} at 2026-11-28 16:07:04`,
  blktests: (test) => `run blktests ${test} at 2026-11-28 16:07:04`,
  ltp: (test) => `run-ltp: ${test}`,
};

/** Titles of the reports in these lines, printed during a test; excused ones begin with `excused: `. */
function judge(format: keyof typeof BEGIN, list: string, name: string, lines: readonly string[]) {
  const text = readFileSync(join(CHECKOUT, 'expected', list), 'utf8');
  const splats = collectSplats({
    expected: parseExpectedSplats(text, list),
    survivesOops: false,
    mark: markOf(format),
  });
  const log = [BEGIN[format](name), ...lines];
  log.forEach((line, index) => {
    splats.push(`[${(10 + index / 1000).toFixed(6).padStart(12)}] ${line}`);
  });
  return splats
    .finish()
    .filter(({ severity }) => severity !== 'note')
    .map(({ title, excused }) => `${excused === undefined ? '' : 'excused: '}${title}`);
}

/** What real kernels printed during real tests: list, test, lines, and a test of the same suite without such a report. */
const SEEN: Readonly<
  Record<
    keyof typeof BEGIN,
    readonly [list: string, test: string, other: string, lines: string[]][]
  >
> = {
  fstests: [
    [
      ...(['fstests-ext4.txt', 'ext4/018', 'ext4/051'] as const),
      [
        'EXT4-fs error (device zram1): ext4_xattr_get_block:2272: inode #12: comm setfattr: corrupted xattr block 4247',
      ],
    ],
    [
      ...(['fstests-ext4.txt', 'ext4/009', 'ext4/036'] as const),
      [
        'EXT4-fs error (device zram1): ext4_validate_block_bitmap:420: comm xfs_io: bg 0: bad block bitmap checksum',
      ],
    ],
    [
      ...(['fstests-ext4.txt', 'ext4/038', 'ext4/037'] as const),
      ['EXT4-fs error (device zram1): ext4_orphan_get:1435: comm mount: bad orphan inode 1'],
    ],
    [
      ...(['fstests-xfs.txt', 'xfs/005', 'xfs/006'] as const),
      [
        'XFS (zram1): Metadata CRC error detected at xfs_sb_read_verify+0x18f/0x1d0 [xfs], xfs_sb block 0x0 ',
      ],
    ],
    [
      ...(['fstests-xfs.txt', 'xfs/348', 'xfs/347'] as const),
      [
        'XFS (zram1): Metadata corruption detected at xfs_dinode_verify.part.0+0x2e0/0x950 [xfs], inode 0x87 dinode',
      ],
    ],
    [
      ...(['fstests-xfs.txt', 'xfs/520', 'xfs/521'] as const),
      [
        'XFS (zram1): Metadata corruption detected at xfs_agf_verify+0x142/0x220 [xfs], xfs_agf block 0x8 ',
        'XFS (zram1): Corruption of in-memory data (0x8) detected at xfs_fs_reserve_ag_blocks+0xb2/0xe0 [xfs] (fs/xfs/xfs_fsops.c:587).  Shutting down filesystem.',
      ],
    ],
    [
      ...(['fstests-xfs.txt', 'xfs/438', 'xfs/440'] as const),
      [
        'XFS (dm-0): Metadata I/O Error (0x1) detected at xfs_buf_ioend+0x5b7/0x5e0 [xfs] (fs/xfs/xfs_buf.c:1260).  Shutting down filesystem.',
      ],
    ],
    [
      ...(['fstests-xfs.txt', 'xfs/490', 'xfs/491'] as const),
      [
        'XFS (zram1): Internal error xfs_trans_cancel at line 1096 of file fs/xfs/xfs_trans.c.  Caller xfs_create+0x2fa/0x610 [xfs]',
        'XFS (zram1): Corruption of in-memory data (0x8) detected at xfs_trans_cancel+0x146/0x150 [xfs] (fs/xfs/xfs_trans.c:1097).  Shutting down filesystem.',
      ],
    ],
    [
      ...(['fstests-xfs.txt', 'xfs/319', 'xfs/330'] as const),
      [
        'XFS (vdc): Corruption of in-memory data (0x8) detected at xfs_defer_finish_noroll+0x296/0x760 [xfs] (fs/xfs/libxfs/xfs_defer.c:575).  Shutting down filesystem.',
      ],
    ],
    [
      ...(['fstests-generic.txt', 'generic/338', 'generic/337'] as const),
      [
        'EXT4-fs error (device dm-0): ext4_wait_block_bitmap:571: comm ext4lazyinit: Cannot read block bitmap - block_group = 7, block_bitmap = 136',
        'EXT4-fs error (device dm-0): ext4_get_inode_loc:4660: inode #2: block 145: comm ls: unable to read itable block',
        'EXT4-fs error (device dm-0) in ext4_reserve_inode_write:5985: IO failure',
        'EXT4-fs error (device dm-0): ext4_dirty_inode:6199: inode #2: comm ls: mark_inode_dirty error',
        'EXT4-fs error (device dm-0): __ext4_find_entry:1685: inode #2: comm xfs_io: reading directory lblock 0',
      ],
    ],
  ],
  blktests: [
    [
      ...(['blktests.txt', 'meta/010', 'meta/008'] as const),
      [
        'kernel BUG at block/blk-core.c:3490!',
        'invalid opcode: 0000 [#1] PREEMPT SMP',
        'RIP: 0010:blk_dev_init+0x4/0x6',
        'Call Trace:',
        ' genhd_device_init+0x4b/0x76',
        '---[ end trace d9ab35f734a89f58 ]---',
      ],
    ],
  ],
  ltp: [
    [
      ...(['ltp.txt', 'oom01', 'oom06'] as const),
      [
        'oom01 invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0',
        'Out of memory: Killed process 126 (oom01) total-vm:3156740kB, anon-rss:1673056kB, file-rss:0kB, shmem-rss:1644kB, UID:0',
      ],
    ],
    [
      ...(['ltp.txt', 'memcontrol03', 'memcontrol01'] as const),
      [
        'memcontrol03 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
        'Memory cgroup out of memory: Killed process 179 (memcontrol03) total-vm:176600kB, anon-rss:153216kB, file-rss:0kB',
      ],
    ],
    [
      ...(['ltp.txt', 'fanotify22', 'fanotify21'] as const),
      [
        'EXT4-fs error (device loop0): __ext4_remount:6657: comm fanotify22: Abort forced by user',
        'EXT4-fs error (device loop0): ext4_lookup:1859: inode #2: comm fanotify22: iget: bogus i_mode (377)',
      ],
    ],
  ],
};

describe.each(Object.keys(SEEN) as (keyof typeof BEGIN)[])('%s', (format) => {
  test.each(SEEN[format])(
    '%s excuses what %s provokes, but not during %s',
    (list, name, other, lines) => {
      const during = judge(format, list, name, lines);
      expect(during.length).toBeGreaterThan(0);
      expect(during.filter((title) => !title.startsWith('excused: '))).toEqual([]);
      expect(judge(format, list, other, lines)).toEqual(
        during.map((title) => title.replace('excused: ', '')),
      );
    },
  );
});

test('damage that the filesystem finds on a failing device counts', () => {
  const damage = [
    'EXT4-fs error (device dm-0): ext4_validate_block_bitmap:420: comm xfs_io: bg 0: bad block bitmap checksum',
    'XFS (dm-0): Metadata corruption detected at xfs_agf_verify+0x5f/0xb0 [xfs], xfs_agf block 0x1',
    'XFS: Assertion failed: 0, file: fs/xfs/xfs_icache.c, line: 1855',
  ];
  const titles = judge('fstests', 'fstests-generic.txt', 'generic/475', damage);
  expect(titles).toHaveLength(damage.length);
  expect(titles.join()).not.toContain('excused');
});
