import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { createRunner } from '../support/runs.ts';
import { openTerminal } from '../support/terminal.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';
import { makeXfstestsTree } from '../support/xfstests-tree.ts';

const CRASH = 'echo c > /proc/sysrq-trigger';

/** What XFS prints if it cannot write its log. */
const LOG_ERROR = `echo '<1>XFS (dm-0): Log I/O Error (0x2) detected at xlog_ioend_work+0x5f/0xb0 [xfs] (fs/xfs/xfs_log.c:1349).  Shutting down filesystem.' > /dev/kmsg`;

/** `rapido run fstests-xfs` with a made-up tree in the layout of xfstests. */
describe('rapido run fstests-xfs', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const tree = makeXfstestsTree(join(home.directory, 'xfs tests'), [
    {
      name: 'generic/001',
      script: `findmnt -n -o SOURCE,FSTYPE /mnt/test
        . ./local.config && mkfs.xfs -f -q "$SCRATCH_DEV" && mount "$SCRATCH_DEV" "$SCRATCH_MNT" &&
        echo data > "$SCRATCH_MNT/file" && umount "$SCRATCH_MNT" && ls "$SCRATCH_MNT"`,
      expected: '/dev/zram0 xfs\n',
    },
    { name: 'generic/002', script: 'echo wrong', expected: 'right\n' },
    { name: 'generic/003', script: "notrun 'this test requires a moon base'" },
    { name: 'generic/004', script: 'touch /rapido/results/it-ran' },
    { name: 'generic/005', script: 'su fsgqa -c "id -un"', expected: 'fsgqa\n' },
    {
      name: 'generic/006',
      script: `dmsetup create made-here --table '0 8 error' && readlink -f /dev/mapper/made-here
        dmsetup remove made-here && ls /dev/mapper
        ln -s ../dm-9 /dev/mapper/made-here
        dmsetup create made-here --table '0 8 error' && test -b /dev/mapper/made-here && echo again
        dmsetup create made-here --table '0 8 error' 2> /dev/null || echo "status $?"
        dmsetup remove made-here`,
      expected: '/dev/dm-0\ncontrol\nagain\nstatus 1\n',
    },
    {
      name: 'generic/007',
      script: `modprobe scsi_debug dev_size_mb=8 && udevadm settle && cat /sys/block/sda/device/model`,
      expected: 'scsi_debug      \n',
    },
    {
      name: 'generic/008',
      script: `[[ $(type -P lvcreate) ]] || notrun 'no LVM'
        { pvcreate -y -ff /dev/zram1 && vgcreate group /dev/zram1 &&
          lvcreate -W n -L 64M -n volume group; } > "$seqres.full" 2>&1
        readlink -f /dev/group/volume
        lvremove -f group/volume >> "$seqres.full" 2>&1
        ls /dev/mapper`,
      expected: '/dev/dm-0\ncontrol\n',
    },
    { name: 'xfs/001', script: 'echo "$MKFS_OPTIONS"', expected: '-m reflink=0\n' },
    {
      name: 'xfs/020',
      groups: ['again'],
      script: 'sleep 2; findmnt -n -o SOURCE /mnt/test; grep -h "_DEV=" local.config | sort',
      expected: '/dev/vda\nexport SCRATCH_DEV=/dev/vdb\nexport TEST_DEV=/dev/vda\n',
    },
    { name: 'xfs/010', groups: ['hangs'], script: 'sleep 1000' },
    { name: 'xfs/011', groups: ['crashes'], script: CRASH },
    { name: 'xfs/012', groups: ['crashes'], script: 'true' },
    { name: 'generic/475', groups: ['provokes'], script: LOG_ERROR },
    { name: 'generic/476', groups: ['provokes'], script: LOG_ERROR },
    { name: 'generic/030', groups: ['resumes'], script: 'sleep 2' },
    { name: 'generic/031', groups: ['resumes'], script: "notrun 'no moon base'" },
    { name: 'generic/032', groups: ['resumes'], script: CRASH },
    { name: 'generic/033', groups: ['resumes'], script: 'echo wrong', expected: 'right\n' },
    { name: 'xfs/034', groups: ['resumes'], script: CRASH },
    { name: 'xfs/035', groups: ['resumes'], script: 'true' },
  ]);
  const expunged = home.write('expunged', '# not here\ngeneric/004 # it eats the disk\n');
  const hasLvm = findProgram('lvcreate', programSearchPath(process.env.PATH)) !== undefined;
  const env = { FSTESTS_SRC: tree, FSTESTS_ZRAM_SIZE: '512M' };
  const byName = (tests: readonly { name: string; start?: number | undefined }[] | undefined) =>
    Object.fromEntries(
      (tests ?? []).map(({ name, start, ...test }) => {
        expect(start).toBeGreaterThan(0);
        return [name, test];
      }),
    );

  test('reports each test: passed with its time, failed with its diff, not run with its reason', async () => {
    const { status, result, results, file } = await run(['fstests-xfs', '--', '-g', 'quick'], {
      env: { ...env, FSTESTS_EXPUNGE: expunged, MKFS_OPTIONS: '-m reflink=0' },
    });
    expect({ status, verdict: result?.verdict }).toEqual({ status: 1, verdict: 'fail' });
    expect(byName(result?.tests)).toEqual({
      'generic/001': { status: 'pass', duration: expect.any(Number) },
      'generic/002': {
        status: 'fail',
        message: `output mismatch (see ${join(results, result?.id ?? '', 'guest/generic/002.out.bad')})`,
        output: expect.stringContaining('    -right\n    +wrong'),
      },
      'generic/003': { status: 'skip', message: 'this test requires a moon base' },
      'generic/004': { status: 'skip', message: 'expunged' },
      'generic/005': { status: 'pass', duration: expect.any(Number) },
      'generic/006': { status: 'pass', duration: expect.any(Number) },
      'generic/007': { status: 'pass', duration: expect.any(Number) },
      'generic/008': hasLvm
        ? { status: 'pass', duration: expect.any(Number) }
        : { status: 'skip', message: 'no LVM' },
      'xfs/001': { status: 'pass', duration: expect.any(Number) },
    });
    expect(file('guest/generic/002.out.bad').toString()).toContain('wrong');
    expect(file('stdout.log').toString()).toContain('Failed 1 of 8 tests');
  });

  test('uses disks by their serial numbers, carries check.time, and shows the progress on a terminal', async () => {
    const disks = ['TEST_DEV', 'SCRATCH_DEV'].map((serial) => {
      const path = home.write(`${serial}.img`, '');
      truncateSync(path, 512 * 1024 * 1024);
      return `-drive 'if=none,format=raw,id=${serial},file=${path}' -device virtio-blk-pci,drive=${serial},serial=${serial}`;
    });
    const args = [
      'run',
      'fstests-xfs',
      '--results',
      join(home.directory, 'carried'),
      '--',
      '-g',
      'again',
    ];
    const envFor = (size: string) => ({
      ...env,
      FSTESTS_ZRAM_SIZE: size,
      QEMU_EXTRA_ARGS: `-nographic ${disks.join(' ')}`,
    });
    const first = await home.rapido(args, { env: envFor('0') });
    expect(first.stdout).toMatch(/^xfs\/020 {4} {7} \d+s$/m);
    expect(first.stderr).toMatch(/^PASS /m);
    const terminal = openTerminal(home, args, envFor('512M'));
    // A live line, and above it the complete lines of check.
    await terminal.waitFor(/0 of 1 tests; \d+ s, about 10 s left; xfs\/020 …/);
    await terminal.waitFor(/xfs\/020 {4} \d+s \.\.\. {2}\d+s\n/);
    expect(await terminal.ended).toBe(0);
  });

  test('boots to a prompt in the tree, where check runs', async () => {
    const cut = await home.rapido(['cut', 'fstests-xfs'], { env });
    expect(cut).toMatchObject({ status: 0 });
    const terminal = openTerminal(home, ['boot'], env);
    const { type, waitFor } = terminal;
    await waitFor(/^\/dev\/zram0 +xfs +\/mnt\/test$/m);
    await waitFor(/^Ready in .*xfs tests: fstests-check -g quick, or .\/check generic\/001$/m);
    await waitFor(/rapido1:.*xfs tests# $/);
    type('./check generic/005; fstests-check generic/003\r');
    // The kernel prints in between: the console of a boot shows that, too.
    await waitFor(/^Ran: generic\/005\nPassed all 1 tests$/m);
    await waitFor(/^Not run: generic\/003\nPassed all 1 tests$/m);
    await waitFor(/rapido1:.*xfs tests# $/);
    type('shutdown\r');
    expect(await terminal.ended).toBe(0);
  });

  test('names the test that ran when the kernel crashed; does not boot again after the last one', async () => {
    const { status, result, file } = await run(
      ['fstests-xfs', '--resume-after-crash', '--', 'xfs/011'],
      { env },
    );
    expect({ status, verdict: result?.verdict }).toEqual({ status: 120, verdict: 'crash' });
    expect(result?.boots).toBeUndefined();
    expect(result?.notes).toEqual(['check ended without a summary']);
    expect(byName(result?.tests)).toEqual({
      'xfs/011': { status: 'fail', message: expect.stringMatching(/^crashed: .*sysrq/) },
    });
    expect(file('guest/check.time').toString()).toBe('');
    expect(file('guest/check.log').toString()).toMatch(
      /^\nrapido: boot 1: the kernel crashed .*\nRan: xfs\/011\nFailures: xfs\/011\nFailed 1 of 1 tests\n$/,
    );
  });

  test('excuses what a test provokes on purpose, during that test only', async () => {
    const { status, result, stderr } = await run(
      ['fstests-xfs', '--', 'generic/475', 'generic/476'],
      { env },
    );
    const splats = result?.splats.filter(({ severity }) => severity !== 'note');
    expect(splats?.map(({ title, during, excused }) => [title, during, excused])).toEqual([
      [
        'XFS: Log I/O Error in xlog_ioend_work',
        'generic/475',
        expect.stringMatching(/device fail/),
      ],
      ['XFS: Log I/O Error in xlog_ioend_work', 'generic/476', undefined],
    ]);
    expect(splats?.[0]?.excusedBy).toMatch(/\/expected\/fstests-generic\.txt:\d+$/);
    expect({ status, verdict: result?.verdict }).toEqual({ status: 121, verdict: 'splat' });
    expect(stderr).toMatch(/during generic\/475; expected: /);
  });

  test('continues after each crash with the remaining tests, and is a crash nevertheless', async () => {
    const { status, stderr, result, file } = await run(
      ['fstests-xfs', '--resume-after-crash', '--', '-g', 'resumes'],
      { env },
    );
    expect(stderr).toMatch(/^CRASH in generic\/032: .*sysrq.*\nrapido: boot 2, without 3 tests/m);
    expect(result).toMatchObject({
      verdict: 'crash',
      reason: 'the kernel crashed during generic/032, xfs/034; then 1 test passed',
    });
    expect(status).toBe(120);
    const told = result?.tests.map(({ name, status: how, message }) => [name, how, message]);
    expect(told).toEqual([
      ['generic/030', 'pass', undefined],
      ['generic/031', 'skip', 'no moon base'],
      ['generic/032', 'fail', expect.stringMatching(/^crashed: /)],
      ['generic/033', 'fail', expect.stringMatching(/^output mismatch/)],
      ['xfs/034', 'fail', expect.stringMatching(/^crashed: /)],
      ['xfs/035', 'pass', undefined],
    ]);
    expect(result?.boots?.map(({ verdict, tests }) => [verdict, tests])).toEqual([
      ['crash', 3],
      ['crash', 2],
      ['pass', 1],
    ]);
    const crashes = result?.splats.filter(({ severity }) => severity === 'fatal');
    expect(crashes?.map(({ during, boot }) => [during, boot])).toEqual([
      ['generic/032', 1],
      ['xfs/034', 2],
    ]);
    const log = file('console.log').toString();
    expect(log.match(/^rapido: boot \d, without \d tests that are done/gm)).toHaveLength(2);
    expect(log.match(/sysrq: Trigger a crash/g)?.length).toBeGreaterThanOrEqual(2);
    expect(
      file('guest/check.log')
        .toString()
        .match(/^(rapido: boot \d|Ran|Failures):.*$/gm),
    ).toEqual([
      expect.stringMatching(/^rapido: boot 1: the kernel crashed/),
      'Ran: generic/030 generic/031 generic/032',
      'Failures: generic/032',
      expect.stringMatching(/^rapido: boot 2: the kernel crashed/),
      'Ran: generic/033 xfs/034',
      'Failures: generic/033 xfs/034',
    ]);
    // The times of tests that were reported before a crash are kept.
    expect(file('guest/check.time').toString()).toMatch(/^generic\/030 [2-9]\nxfs\/035 \d$/m);
  });

  test('names the test that hangs when the time is over', async () => {
    const { status, result } = await run(['fstests-xfs', '--silence', '15s', '--', '-g', 'hangs'], {
      env,
    });
    expect({ status, verdict: result?.verdict }).toEqual({ status: 124, verdict: 'timeout' });
    expect(Object.keys(byName(result?.tests))).toEqual(['xfs/010']);
  });

  test('does not pass if a requested test does not exist', async () => {
    const { status, result } = await run(['fstests-xfs', '--', 'fstests-check', 'generic/999'], {
      env,
    });
    expect({ status, reason: result?.reason }).toEqual({
      status: 1,
      reason: 'no such test: generic/999',
    });
  });
});

describe('each filesystem is mounted before the first test', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const tree = makeXfstestsTree(join(home.directory, 'tree'), [
    { name: 'generic/001', script: 'true' },
  ]);
  const pool = [1, 2, 3, 4, 5].map((number) => `/dev/zram${number}`).join(' ');

  test.for([
    { cut: 'ext4', mkfs: 'mkfs.ext4', mounted: 'ext4 /dev/zram0', scratch: '/dev/zram1' },
    { cut: 'btrfs', mkfs: 'mkfs.btrfs', mounted: 'btrfs /dev/zram0', scratch: `pool ${pool}` },
    { cut: 'exfat', mkfs: 'mkfs.exfat', mounted: 'exfat /dev/zram0', scratch: '/dev/zram1' },
    { cut: 'f2fs', mkfs: 'mkfs.f2fs', mounted: 'f2fs /dev/zram0', scratch: '/dev/zram1' },
    { cut: 'udf', mkfs: 'mkudffs', mounted: 'udf /dev/zram0', scratch: '/dev/zram1' },
    { cut: 'ovl-xfs', mkfs: 'mkfs.xfs', mounted: 'xfs /dev/zram0', scratch: '/dev/zram1 xfs' },
    { cut: 'tmpfs', mkfs: 'true', mounted: 'tmpfs tmpfs_test', scratch: 'tmpfs_scratch' },
  ])('fstests-$cut', async ({ cut, mkfs, mounted, scratch }, { skip }) => {
    skip(findProgram(mkfs, programSearchPath(process.env.PATH)) === undefined, `no ${mkfs}`);
    const look = `. ./local.config
      findmnt -n -r -o FSTYPE,SOURCE /mnt/test
      type=$(blkid -o value -s TYPE "\${SCRATCH_DEV-}" || :)
      echo "\${SCRATCH_DEV-}\${SCRATCH_DEV_POOL:+pool $SCRATCH_DEV_POOL}\${type:+ $type}"`;
    const ran = await run([`fstests-${cut}`, '-x', look], {
      env: { FSTESTS_SRC: tree, FSTESTS_ZRAM_SIZE: '512M' },
    });
    expect({ status: ran.status, stdout: ran.stdout }).toEqual({
      status: 0,
      stdout: `${mounted}\n${scratch}\n`,
    });
  });
});
