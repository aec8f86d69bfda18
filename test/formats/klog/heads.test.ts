import { describe, expect, test } from 'vitest';
import { scanConsole, stamped, verdicts } from './scan.ts';

const find = (...texts: string[]): string[] => verdicts(scanConsole(stamped(texts)).splats);

/** One-line reports of filesystems and others, from kernels 5.10 to 6.12. */
test.each([
  [
    'Kernel panic - not syncing: sysrq triggered crash',
    'fatal panic: kernel panic: sysrq triggered crash',
  ],
  [
    'EXT4-fs error (device vda): ext4_lookup:1705: inode #2: comm ls: deleted inode referenced: 12',
    'error filesystem: EXT4-fs error in ext4_lookup',
  ],
  [
    'XFS (vda): Corruption of in-memory data (0x8) detected at xfs_defer_finish_noroll+0x2a/0x60 (fs/xfs/libxfs/xfs_defer.c:573).  Shutting down filesystem.',
    'error filesystem: XFS: Corruption of in-memory data in xfs_defer_finish_noroll',
  ],
  [
    'XFS (vda): Log I/O Error (0x2) detected at xlog_ioend_work+0x6a/0x70 [xfs] (fs/xfs/xfs_log.c:1378).  Shutting down filesystem.',
    'error filesystem: XFS: Log I/O Error in xlog_ioend_work',
  ],
  [
    'XFS (vda): Metadata corruption detected at xfs_dir3_block_read_verify+0x9e/0xc0 [xfs], xfs_dir3_block block 0x86f58',
    'error filesystem: XFS: Metadata corruption in xfs_dir3_block_read_verify',
  ],
  [
    'XFS (vda): Internal error i != 0 at line 2040 of file fs/xfs/libxfs/xfs_alloc.c.  Caller xfs_free_ag_extent+0x3f1/0x7c0 [xfs]',
    'error filesystem: XFS: Internal error in xfs_free_ag_extent',
  ],
  [
    'XFS: Assertion failed: ip->i_nblocks == 0, file: fs/xfs/xfs_inode.c, line: 1749',
    'error filesystem: XFS: assertion failed: ip->i_nblocks == N in fs/xfs/xfs_inode.c',
  ],
  [
    'BTRFS: Transaction aborted (error -28)',
    'error filesystem: BTRFS: transaction aborted (error -28)',
  ],
  [
    'BTRFS: error (device vda: state A) in btrfs_run_delayed_refs:2151: errno=-28 No space left',
    'error filesystem: BTRFS: error in btrfs_run_delayed_refs: errno=-28 No space left',
  ],
  [
    'BTRFS critical (device vda): corrupt leaf: root=5 block=30408704 slot=6, bad key order',
    'error filesystem: BTRFS: corrupt leaf',
  ],
  [
    'F2FS-fs (vda): inconsistent node block, nid:4, run fsck to fix.',
    'error filesystem: F2FS: inconsistent node block, nid:N, run fsck to fix.',
  ],
  [
    'FAT-fs (vda): error, invalid access to FAT (entry 0x00000f01)',
    'error filesystem: FAT-fs error: , invalid access to FAT (entry N)',
  ],
  [
    'VFS: Busy inodes after unmount of vda (xfs)',
    'error filesystem: VFS: Busy inodes after unmount',
  ],
  [
    'xfs: Unknown symbol libcrc32c_crc (err -2)',
    'note module: module xfs refused: unknown symbols',
  ],
  [
    'dm_mod: disagrees about version of symbol module_layout',
    'note module: module dm_mod refused: other versions of symbols',
  ],
  [
    "dummy: version magic '6.17.0 SMP mod_unload ' should be '6.18.0 SMP preempt mod_unload '",
    'note module: module dummy refused: version magic of another kernel',
  ],
  [
    "module dummy: .gnu.linkonce.this_module section size must match the kernel's built struct module size at run time",
    'note module: module dummy refused: built for another kernel',
  ],
  [
    'Initramfs unpacking failed: invalid magic at start of compressed archive',
    'error boot: initramfs unpacking failed: invalid magic at start of compressed archive',
  ],
  [
    'Failed to execute /init (error -8)',
    'fatal boot: /init could not be executed as init (error -8)',
  ],
  [
    'Default init /sbin/my init failed (error -2)',
    'fatal boot: /sbin/my init could not be executed as init (error -2)',
  ],
  [
    "Starting init: /sbin/init exists but couldn't execute it (error -13)",
    'fatal boot: /sbin/init could not be executed as init (error -13)',
  ],
  [
    'check access for rdinit=/nosuch failed: -2, ignoring',
    'fatal boot: /nosuch could not be found as init (error -2)',
  ],
  [
    'Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. See Linux Documentation/admin-guide/init.rst for guidance.',
    'fatal boot: kernel panic: No working init found',
  ],
  [
    'Kernel panic - not syncing: Requested init /nosuch failed (error -2).',
    'fatal boot: kernel panic: Requested init /nosuch failed (error -2)',
  ],
  [
    'BUG: Bad rss-counter state mm:ffff888012345678 type:MM_ANONPAGES val:2',
    'error memory: BUG: Bad rss-counter state',
  ],
  [
    'BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 35s!',
    'error workqueue: BUG: workqueue lockup',
  ],
  ['irq 17: nobody cared (try booting with the "irqpoll" option)', 'error irq: irq: nobody cared'],
  [
    'unregister_netdevice: waiting for lo to become free. Usage count = 2',
    'error netdev: unregister_netdevice: waiting for a device to become free',
  ],
  [
    'kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)',
    'error memory-leak: kmemleak: suspected memory leaks',
  ],
  [
    'Out of memory: Killed process 321 (eater) total-vm:1234kB, anon-rss:1kB',
    'error oom: OOM kill of eater',
  ],
  [
    'Memory cgroup out of memory: Killed process 321 (eater) total-vm:1234kB',
    'error oom: memory cgroup OOM kill of eater',
  ],
  [
    'DMA-API: e1000 0000:00:03.0: device driver frees DMA memory with wrong function [device address=0x1] [size=2 bytes]',
    'error dma: DMA-API: device driver frees DMA memory with wrong function',
  ],
  [
    'rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D } 26 jiffies s: 1 root: 0x2/.',
    'error rcu-stall: rcu stall',
  ],
  ['watchdog: Watchdog detected hard LOCKUP on cpu 3', 'error hard-lockup: hard lockup'],
  [
    'WARNING: fs/foo.c:12 at foo_bar+0x1f/0x40 [foo], CPU#1: bash/123',
    'error warning: WARNING in foo_bar',
  ],
  [
    'CFI failure at do_one_initcall+0x5a/0x2e0 (target: foo_init+0x0/0x10 [foo]; expected type: 0x12345678)',
    'error cfi: CFI failure in do_one_initcall',
  ],
])('%s', (line, verdict) => {
  expect(find(line)).toEqual([verdict]);
});

/** Made from the format strings of a 6.1 kernel and its modules. */
test.each([
  [
    'EXT4-fs (vdb): This should not happen!! Data will be lost',
    'error filesystem: EXT4-fs: data will be lost',
  ],
  [
    'EXT4-fs (vdb): This should not happen!!  Data will be lost',
    'error filesystem: EXT4-fs: data will be lost',
  ],
  [
    'EXT4-fs (vdb): failed to convert unwritten extents to written extents -- potential data loss!  (inode 12, error -30)',
    'error filesystem: EXT4-fs: potential data loss',
  ],
  [
    'EXT4-fs (vdb): Inode 12 (00000000abcdef12): inode tracked as orphan!',
    'error filesystem: EXT4-fs: inode tracked as orphan',
  ],
  [
    'EXT4-fs (vdb): Inode 12 (00000000abcdef12): i_reserved_data_blocks (3) not cleared!',
    'error filesystem: EXT4-fs: i_reserved_data_blocks (N) not cleared',
  ],
  [
    'BTRFS critical (device vda): unable to find chunk map for logical 30408704 length 4096',
    'error filesystem: BTRFS: unable to find chunk map for logical N length N',
  ],
  [
    'BTRFS critical (device vda): root=5 block=30408704, tree root owner mismatch, have 7 expect 5',
    'error filesystem: BTRFS: root=N block=N, tree root owner mismatch',
  ],
  ['gfs2: fsid=dm-0.0: fatal: I/O error', 'error filesystem: gfs2 error: I/O error'],
  [
    'gfs2: fsid=cluster:vol.0: fatal: assertion "!error" failed',
    'error filesystem: gfs2 error: assertion "!error" failed',
  ],
  [
    'SQUASHFS error: zlib decompression failed, data probably corrupt',
    'error filesystem: SQUASHFS error: zlib decompression failed, data probably corrupt',
  ],
  [
    'UBIFS error (ubi0:0 pid 123): ubifs_read_node [ubifs]: bad node type (255 but expected 9)',
    'error filesystem: UBIFS error: ubifs_read_node [ubifs]: bad node type (N but expected N)',
  ],
  [
    'OCFS2: abort (device vda): ocfs2_commit_trans: Detected aborted journal',
    'error filesystem: OCFS2 error: ocfs2_commit_trans: Detected aborted journal',
  ],
  [
    'ufs: panic (device vda): ufs_free_fragments: bit already cleared',
    'error filesystem: ufs error: ufs_free_fragments: bit already cleared',
  ],
  ['ERROR: (device loop0): dbAlloc: Corrupt dmap page', 'error filesystem: JFS error in dbAlloc'],
  [
    'erofs: (device vda): z_erofs_lz4_decompress_mem: failed to decompress -5 in[4096, 0] out[9000]',
    'error filesystem: erofs: error in z_erofs_lz4_decompress_mem',
  ],
  [
    'Quota error (device vda): do_check_range: Getting block 9 out of range 0-6',
    'error filesystem: quota error in do_check_range',
  ],
  [
    'UBIFS assert failed: c->bi.dd_growth >= 0, in fs/ubifs/budget.c:553',
    'error filesystem: UBIFS: assertion failed: c->bi.dd_growth >= N in fs/ubifs/budget.c',
  ],
  [
    'UBI assert failed in do_work at 1047 (pid 99)',
    'error filesystem: UBI: assertion failed in do_work',
  ],
  [
    'virtio_net virtio0 eth0: NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out 5000 ms',
    'error device: NETDEV WATCHDOG: transmit queue timed out',
  ],
  [
    'virtio_net virtio0: input.0:id 5 is not a head!',
    'error device: virtio: corrupt ring input.N: id is not a head',
  ],
  [
    'virtio_blk virtio1: req.0:id 900 out of range',
    'error device: virtio: corrupt ring req.N: id out of range',
  ],
  [
    'mm/pgtable-generic.c:50: bad pmd 00000000abcdef12(8000000000000000)',
    'error memory: bad pmd in mm/pgtable-generic.c',
  ],
  [
    'get_swap_device: Bad swap file entry 1400000000000001',
    'error memory: Bad swap file entry in get_swap_device',
  ],
  ['zram: Decompression failed! err=-22, page=77', 'error memory: zram: decompression failed'],
  [
    'page_pool_put_page() page_pool refcnt 0 violation',
    'error refcount: page_pool reference count violation in page_pool_put_page',
  ],
  ['neighbour: neighbour leakage', 'error refcount: neighbour leaked'],
  ['__common_interrupt: 1.55 No irq handler for vector', 'error irq: irq: no handler for a vector'],
  [
    'softirq: huh, entered softirq 3 NET_RX 00000000abcdef12 with preempt_count 00000100, exited with 00000101?',
    'error atomic: softirq NET_RX left with another preempt_count',
  ],
  [
    'sysctl table check failed: net/foo/bar No proc_handler',
    'error warning: sysctl table check failed: net/foo/bar',
  ],
  [
    'psi: inconsistent task state! task=1:sh cpu=0 psi_flags=4 clear=0 set=4',
    'error warning: psi: inconsistent task state',
  ],
  [
    'TCP: tcp_rcv_state_process: Impossible, sk->sk_state=7',
    'error warning: TCP: impossible socket state in tcp_rcv_state_process',
  ],
  [
    'Kernel BUG at foo_bar+0x1f/0x40 [verbose debug info unavailable]',
    'fatal bug: kernel BUG in foo_bar',
  ],
])('%s', (line, verdict) => {
  expect(find(line)).toEqual([verdict]);
});

/** Made from the format strings of their sources: lib/kunit/test.c, kernel/rcu/rcutorture.c and others. */
describe('tests within the kernel', () => {
  test.each([
    ['not ok 2 list-kunit-test', 'error selftest: KUnit: list-kunit-test failed'],
    ['not ok 1 - example', 'error selftest: KUnit: example failed'],
    [
      'rcu-torture:--- End of test: FAILURE: nreaders=1 nfakewriters=4 stat_interval=60',
      'error selftest: rcu-torture: FAILURE',
    ],
    [
      'torture_lock-torture:--- End of test: LOCK_HOTPLUG: nwriters_stress=4',
      'error selftest: torture_lock-torture: LOCK_HOTPLUG',
    ],
    ['scftorture: --- End of test: FAILURE:  verbose=1', 'error selftest: scftorture: FAILURE'],
    ['test_bitmap: failed 3 out of 1000 tests', 'error selftest: test_bitmap: tests failed'],
  ])('%s', (line, verdict) => {
    expect(find(line)).toEqual([verdict]);
  });

  test('a suite of KUnit fails once, whichever of its tests failed', () => {
    expect(
      find(
        'KTAP version 1',
        '1..2',
        '    KTAP version 1',
        '    # Subtest: good',
        '    1..1',
        '    ok 1 one',
        'ok 1 good',
        '    KTAP version 1',
        '    # Subtest: bad',
        '    1..2',
        '    # two: EXPECTATION FAILED at lib/bad_test.c:12',
        '    not ok 1 two',
        '    not ok 2 three',
        '# bad: pass:0 fail:2 skip:0 total:2',
        'not ok 2 bad',
      ),
    ).toEqual(['error selftest: KUnit: bad failed']);
  });

  test.each([
    'ok 1 example',
    'ok 3 foo # SKIP no such device',
    'not ok 4 foo # SKIP no such device',
    'not ok 4 foo # TODO not written',
    'rcu-torture:--- Start of test: nreaders=1',
    'rcu-torture:--- End of test: SUCCESS: nreaders=1',
    'test_bitmap: all 1000 tests passed',
  ])('%s is no report', (line) => {
    expect(find(line)).toEqual([]);
  });
});

test('a kobject that is initialised twice is named by its function, not by its stack', () => {
  expect(
    find(
      'kobject (00000000abcdef12): tried to init an initialized object, something is seriously wrong.',
      'CPU: 0 PID: 107 Comm: insmod Not tainted 6.1.0 #1',
      'Call Trace:',
      ' <TASK>',
      ' dump_stack_lvl+0x44/0x5c',
      ' kobject_init+0x6e/0x80',
      ' foo_init+0x10/0x20 [foo]',
      ' </TASK>',
    ),
  ).toEqual(['error odebug: kobject: tried to init an initialized object in foo_init']);
});

test('a transmit queue that is stuck in an older kernel is one report', () => {
  expect(
    find(
      '------------[ cut here ]------------',
      'NETDEV WATCHDOG: eth0 (virtio_net): transmit queue 0 timed out',
      'WARNING: CPU: 0 PID: 0 at net/sched/sch_generic.c:529 dev_watchdog+0x1f9/0x200',
      'Call Trace:',
      ' call_timer_fn+0x27/0x130',
      '---[ end trace 0000000000000000 ]---',
    ),
  ).toHaveLength(1);
});

describe('notes, which do not fail a run', () => {
  test.each([
    ['XFS (vda): User initiated shutdown received.', 'note notice: XFS: user initiated shutdown'],
    [
      'segv[107]: segfault at 0 ip 000055d0 sp 00007ffd error 6 in segv[55d0+1000]',
      'note user-fault: segfault of segv',
    ],
    [
      'traps: gpf[108] general protection fault ip:401000 sp:7ffd error:0 in gpf[401000+1000]',
      'note user-fault: general protection fault in user program gpf',
    ],
    [
      'I/O error, dev vda, sector 128 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2',
      'note io-error: I/O error on vda',
    ],
    [
      'Buffer I/O error on dev dm-0, logical block 12, async page read',
      'note io-error: I/O error on dm-0',
    ],
    [
      'foo: loading out-of-tree module taints kernel.',
      'note taint: foo: loading out-of-tree module taints kernel',
    ],
    [
      'Future hung task reports are suppressed, see sysctl kernel.hung_task_warnings',
      'note notice: further hung tasks are not reported',
    ],
    [
      "clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable because the skew is too large:",
      'note clock: clocksource tsc is unstable',
    ],
    [
      'md/raid1:md0: Disk failure on vdb, disabling device.',
      'note io-error: md: disk failure on vdb',
    ],
    [
      'md/raid1:md0: vdb: unrecoverable I/O read error for block 128',
      'note io-error: md: unrecoverable I/O error on vdb',
    ],
    [
      'device-mapper: verity: 253:0: data block 5 is corrupted',
      'note io-error: device-mapper: verity: wrong data',
    ],
    [
      'device-mapper: integrity: dm-0: Checksum failed at sector 0x80',
      'note io-error: device-mapper: integrity: wrong data',
    ],
    [
      'fs-verity (vda, inode 12): FILE CORRUPTED! index=0, level=0, want_hash=sha256:00, real_hash=sha256:11',
      'note io-error: fs-verity: wrong data',
    ],
    ['Write-error on swap-device (254:0:128)', 'note io-error: Write-error on swap-device'],
    [
      'Page cache invalidation failure on direct I/O.  Possible data corruption due to collision with buffered I/O!',
      'note notice: page cache invalidation failure on direct I/O',
    ],
    [
      'Dead loop on virtual device gre1, fix it urgently!',
      'note notice: dead loop on virtual device',
    ],
    [
      'Virtual device br0 asks to queue packet!',
      'note notice: virtual device asks to queue packet',
    ],
    ['protocol 0800 is buggy, dev eth0', 'note notice: protocol 0800 is buggy'],
    [
      'NOHZ tick-stop error: local softirq work is pending, handler #08!!!',
      'note notice: NOHZ tick-stop error: local softirq work is pending',
    ],
    ['sysrq: Emergency Remount R/O', 'note notice: emergency remount'],
  ])('%s', (line, verdict) => {
    expect(find(line)).toEqual([verdict]);
  });

  test('a stack trace without an announcement', () => {
    expect(find('Call Trace:', ' dump_stack_lvl+0x44/0x5c', ' foo_init+0x10/0x20 [foo]')).toEqual([
      'note trace: stack trace in foo_init',
    ]);
  });

  test('an injected failure, with its stack trace', () => {
    expect(
      find(
        'FAULT_INJECTION: forcing a failure.',
        'name failslab, interval 1, probability 0, space 0, times 0',
        'CPU: 0 PID: 1 Comm: a',
        'Call Trace:',
        ' dump_stack_lvl+0x44/0x5c',
        ' should_fail_ex+0x1/0x2',
        ' foo_alloc+0x10/0x20',
      ),
    ).toEqual(['note fault-injection: injected failure in foo_alloc']);
  });
});

describe('false positives', () => {
  test.each([
    'Command line: console=ttyS0 oops=panic panic=-1 panic_on_warn=1',
    'Kernel command line: panic=-1 Kernel panic - not syncing',
    'Warning: unable to open an initial console.',
    'WARNING: Support for the frobnicator is deprecated and will be removed',
    'WARNING: the mand mount option is being deprecated and',
    'Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible via Spectre v2 BHB attacks!',
    'XFS (loop4): WARNING: Reset corrupted AGFL on AG 0. 1 blocks leaked. Please unmount and run xfs_repair.',
    'INFO: lockdep is turned off.',
    'INFO: Stall ended before state dump start',
    'INFO: NMI handler (perf_event_nmi_handler) took too long to run: 2.277 msecs',
    'EXT4-fs (loop1): INFO: recovery required on readonly filesystem',
    'acpi PNP0A03:00: ignoring unsafe software power cap',
    'x86/fpu: x87 FPU will use FXSAVE',
    'rcu: \tRCU CPU stall warnings timeout set to 21 (rcu_cpu_stall_timeout).',
    'rcu: \tRCU lockdep checking is enabled.',
    'kasan: KernelAddressSanitizer initialized (generic)',
    'kfence: initialized - using 2097152 bytes for 255 objects at 0x(____ptrval____)-0x(____ptrval____)',
    'Running RCU self tests',
    'DMA-API: preallocated 65536 debug entries',
    'DMA-API: debugging enabled by kernel config',
    'ODEBUG: selftest passed',
    'ODEBUG: Out of memory. ODEBUG disabled',
    'foo: module verification failed: signature and/or required key missing - tainting kernel',
    'lkdtm: Performing direct entry BUG',
    'lkdtm: attempting bad rodata write at 000000001234',
    '# Subtest: kasan',
    '    # foo_test: EXPECTATION FAILED at lib/foo_test.c:12',
    '    not ok 1 BUG: foo',
    'nouveau 0000:01:00.0: Out of memory for the ring',
    'BTRFS error (device vda): open_ctree failed: -22',
    'BTRFS error (device zram0): bdev /dev/zram0 errs',
    // Emergency and critical messages that say nothing of a fault.
    'reboot: Power down',
    'watchdog: watchdog0: watchdog did not stop!',
    'erofs: (device vda): erofs_read_superblock: cannot find valid erofs superblock',
    'erofs: (device vda): mounted with root inode @ nid 36.',
    'psi: enabled',
    'softdog: initialized. soft_noboot=0 soft_margin=60 sec soft_panic=0 (nowayout=0)',
    'fstests: BUG: not the kernel but a mark in its log',
    'ALSA: seq fatal error: cannot create timer (-22)',
    'systemd[1]: Failed to execute /bin/foo, ignoring: No such file or directory',
    'foo: Failed to execute command (error -5)',
    'BUG UNIX (Not tainted): kasan: bad access detected',
  ])('%s', (line) => {
    expect(find(line)).toEqual([]);
  });

  test.each(['w', 't', 'l'])('the output of sysrq-%s, including stack traces', (key) => {
    const what = {
      w: 'Show Blocked State',
      t: 'Show State',
      l: 'Show backtrace of all active CPUs',
    }[key];
    expect(
      find(
        `sysrq: ${what}`,
        'task:bash state:D stack:0 pid:1',
        'Call Trace:',
        ' <TASK>',
        ' foo+0x1/0x2',
        ' </TASK>',
        'task:cat state:D',
        'Call Trace:',
        ' foo+0x1/0x2',
      ),
    ).toEqual([]);
  });

  test.each([
    'BUG: foo',
    'WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo+0x1/0x2',
    'Call Trace:',
    '[1.5] BUG: foo',
    '2026-11-23 10:00:00 [12.345678] BUG: foo',
    'the test greps for "Kernel panic - not syncing"',
  ])('a user program that prints %s', (line) => {
    expect(scanConsole([line]).splats).toEqual([]);
  });
});
