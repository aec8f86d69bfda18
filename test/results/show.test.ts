import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { compareRuns } from '../../src/results/compare.ts';
import type { RunResult } from '../../src/results/run-result.ts';
import {
  formatComparison,
  formatRun,
  formatRunTable,
  formatWhen,
  locateSplats,
  type Surroundings,
} from '../../src/results/show.ts';
import type { RunState, StoredRun } from '../../src/results/store.ts';
import { aResult, aSplat, tests } from './a-result.ts';

const tag = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
const TAGS = {
  bold: tag('b'),
  dim: tag('dim'),
  green: tag('green'),
  red: tag('red'),
  yellow: tag('yellow'),
};

const plain: Surroundings = {
  paint: new Chalk({ level: 0 }),
  width: undefined,
  now: new Date('2026-11-23T03:00:00Z'),
  timeZone: 'Europe/Berlin',
};

function stored(id: string, state: RunState): StoredRun {
  const path = `/runs/${id}`;
  return { id, path, file: (name) => `${path}/${name}`, ...state };
}

function finished(id: string, changes: Partial<RunResult>): StoredRun {
  return stored(id, { state: 'finished', result: aResult({ id, ...changes }) });
}

const total = (ms: number) => ({ times: { ...aResult().times, total: ms } });

const RUNS = [
  stored('20261123-025500-blktests-zram-1111', { state: 'running' }),
  finished('20261123-021557-fstests-xfs-3f2a', {
    verdict: 'fail',
    tests: tests({ a: 'pass', b: 'xfail', c: 'fail', d: 'skip' }),
    splats: [aSplat(), aSplat({ title: 'other', excused: 'known' })],
    kernel: { release: '6.18.0-rc6', image: '/x', git: 'v6.18-rc6-12-g1234567890ab-dirty' },
    ...total(754_000),
  }),
  stored('20261122-230000-fstests-xfs-2222', { state: 'unreadable', reason: 'empty' }),
  stored('20261122-220000-ltp-3333', { state: 'lost' }),
  finished('20261122-210000-simple-example-4444', {
    cut: 'simple-example',
    started: '2026-11-22T21:00:00Z',
  }),
  finished('20251122-210000-simple-example-5555', {
    cut: 'simple-example',
    started: '2025-11-22T21:00:00Z',
    verdict: 'interrupted',
    command: { shell: 'uname -a\necho "$x"' },
  }),
];

test('shows the runs as a table, with short names where they are unique', () => {
  expect(formatRunTable(RUNS, plain).join('\n')).toMatchInlineSnapshot(`
    "WHEN          RUN   CUT             VERDICT      P/F/S  SPLATS         TIME  KERNEL                            COMMAND
    Nov 23 03:55  1111  blktests-zram   running          -       -   5 min 00 s  -                                 -
    Nov 23 03:15  3f2a  fstests-xfs     fail         2/1/1       1  12 min 34 s  v6.18-rc6-12-g1234567890ab-dirty  -
    Nov 23 00:00  2222  fstests-xfs     unreadable       -       -            -  -                                 -
    Nov 22 23:00  3333  ltp             lost             -       -            -  -                                 -
    Nov 22 22:00  4444  simple-example  pass             -       -       2.50 s  6.18.0-rc6                        -
    Nov 22  2025  5555  simple-example  interrupted      -       -       2.50 s  6.18.0-rc6                        -x 'uname -a echo "$x"'"
  `);
});

test('colours verdicts, and aligns the columns nevertheless', () => {
  const verdicts = formatRunTable(RUNS, { ...plain, paint: TAGS }).map(
    (line) => /<\w+>[^<]*<\/\w+>/.exec(line)?.[0],
  );
  expect(verdicts.slice(1)).toEqual([
    '<dim>running</dim>',
    '<red>fail</red>',
    '<red>unreadable</red>',
    '<yellow>lost</yellow>',
    '<green>pass</green>',
    '<yellow>interrupted</yellow>',
  ]);
  const chalk = new Chalk({ level: 1 });
  const coloured = formatRunTable(RUNS, { ...plain, paint: chalk });
  const bare = coloured.map((line) => line.replace(/\x1b\[\d+m/g, ''));
  expect(coloured).not.toEqual(bare);
  expect(bare).toEqual(formatRunTable(RUNS, plain));
});

test('fits the table to the terminal: long cells are shortened, then columns omitted', () => {
  expect(formatRunTable(RUNS, { ...plain, width: 111 }).join('\n')).toMatchInlineSnapshot(`
    "WHEN          RUN   CUT             VERDICT      P/F/S  SPLATS         TIME  KERNEL            COMMAND
    Nov 23 03:55  1111  blktests-zram   running          -       -   5 min 00 s  -                 -
    Nov 23 03:15  3f2a  fstests-xfs     fail         2/1/1       1  12 min 34 s  v6.18-rc6-12-g1…  -
    Nov 23 00:00  2222  fstests-xfs     unreadable       -       -            -  -                 -
    Nov 22 23:00  3333  ltp             lost             -       -            -  -                 -
    Nov 22 22:00  4444  simple-example  pass             -       -       2.50 s  6.18.0-rc6        -
    Nov 22  2025  5555  simple-example  interrupted      -       -       2.50 s  6.18.0-rc6        -x 'uname -a ec…"
  `);
  expect(formatRunTable(RUNS, { ...plain, width: 80 }).join('\n')).toMatchInlineSnapshot(`
    "WHEN          RUN   CUT       VERDICT      P/F/S  SPLATS         TIME  KERNEL
    Nov 23 03:55  1111  blktest…  running          -       -   5 min 00 s  -
    Nov 23 03:15  3f2a  fstests…  fail         2/1/1       1  12 min 34 s  v6.18-rc…
    Nov 23 00:00  2222  fstests…  unreadable       -       -            -  -
    Nov 22 23:00  3333  ltp       lost             -       -            -  -
    Nov 22 22:00  4444  simple-…  pass             -       -       2.50 s  6.18.0-r…
    Nov 22  2025  5555  simple-…  interrupted      -       -       2.50 s  6.18.0-r…"
  `);
  for (let width = 40; width <= 200; width++) {
    const lengths = formatRunTable(RUNS, { ...plain, width }).map(({ length }) => length);
    expect(Math.max(...lengths), `${width} columns`).toBeLessThanOrEqual(width);
  }
});

test('omits an empty column', () => {
  const [lost] = RUNS.slice(3);
  const [old] = RUNS.slice(5);
  expect(formatRunTable([lost!, old!], plain).join('\n')).toMatchInlineSnapshot(`
    "WHEN          RUN   CUT             VERDICT        TIME  KERNEL      COMMAND
    Nov 22 23:00  3333  ltp             lost              -  -           -
    Nov 22  2025  5555  simple-example  interrupted  2.50 s  6.18.0-rc6  -x 'uname -a echo "$x"'"
  `);
});

test('short names are unique among all runs, even if only some are shown', () => {
  const ids = ['20261122-220000-ltp-3333', '20261122-220000-other-3333'];
  expect(formatRunTable(RUNS.slice(3, 4), plain, ids)[1]).toContain(ids[0]);
});

test('without runs, there is no table', () => {
  expect(formatRunTable([], plain)).toEqual([]);
});

const FAILED = aResult({
  verdict: 'fail',
  status: 1,
  reason: 'xfs/004 failed',
  command: { arguments: ['./check', '-g', 'quick', 'a b'] },
  commandStatus: 1,
  autorun: [
    { script: 'zram.sh', status: 0 },
    { script: 'fstests.sh', status: 3 },
  ],
  kernel: { release: '6.18.0-rc6', image: '/linux/bzImage', git: 'v6.18-rc6-dirty' },
  times: {
    build: 12_340,
    cut: 350,
    boot: 900,
    autorun: 2100,
    command: 754_000,
    powerOff: undefined,
    total: 770_000,
  },
  tests: [
    ...tests({ 'xfs/001': 'pass', 'xfs/002': 'skip', 'xfs/003': 'xfail' }),
    { name: 'xfs/004', status: 'fail', duration: 3200, message: 'output mismatch' },
    { name: 'xfs/005', status: 'xpass' },
  ],
  splats: [
    aSplat({ count: 3, during: 'xfs/004', decoded: 'foo.c:12' }),
    aSplat({ kind: 'warning', title: 'at mm/foo.c:12 foo', excused: 'known since 6.1' }),
  ],
  notes: ['junit.xml could not be written: no space left on the device'],
});

test('a run: verdict and reason first, failed tests and splats, files last', () => {
  const files = [
    { name: 'result.json', path: '/runs/r 1/result.json' },
    { name: 'console.log', path: '/runs/r 1/console.log' },
  ] as const;
  const lines = formatRun({ result: FAILED, files, splatLines: [1234, undefined] }, plain);
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "fail: xfs/004 failed
      run      20261123-021557-fstests-xfs-3f2a  (Nov 23 03:15)
      status   rapido run exited with 1
      kernel   6.18.0-rc6  (v6.18-rc6-dirty)  /linux/bzImage
      command  ./check -g quick 'a b'  (exit status 1)
      autorun  zram.sh, fstests.sh (exit status 3)
      machine  kvm, 2 CPUs, 512 MiB
      times    build 12.3 s, cut 0.35 s, boot 0.90 s, autorun 2.10 s, command 12 min 34 s, total 12 min 50 s
      tests    1 passed, 1 failed, 1 skipped, 1 failed as expected, 1 passed unexpectedly

    failed tests
      xfs/004  3.20 s
        output mismatch

    splats
      kasan: slab-use-after-free in foo_release  (error, 3 times, during xfs/004)
        text: /runs/r 1/console.log:1234
        decoded: jq -r '.splats[0].decoded' '/runs/r 1/result.json'
          foo.c:12
      warning: at mm/foo.c:12 foo  (error, once, excused: known since 6.1)
        text: jq -r '.splats[1].text' '/runs/r 1/result.json'

    notes
      junit.xml could not be written: no space left on the device

    files
      /runs/r 1/result.json
      /runs/r 1/console.log"
  `);
});

test('shows the trace of what prevents a pass, and no other', () => {
  const text =
    '[    1.000000] WARNING: x\n[    1.000000] RIP: 0010:foo+0x1/0x2\n[    1.000000] RAX: 0';
  const result = aResult({
    verdict: 'splat',
    splats: [
      aSplat({ severity: 'note', title: 'a note', text: 'of the note' }),
      aSplat({ title: 'known', excused: 'since 6.1', text: 'of the known' }),
      aSplat({ title: 'new', text }),
    ],
  });
  const lines = formatRun({ result, files: [], splatLines: [] }, plain);
  const at = lines.findIndex((line) => line.includes('kasan: new'));
  expect(lines.slice(at + 2)).toEqual([
    '      [    1.000000] WARNING: x',
    '      [    1.000000] RIP: 0010:foo+0x1/0x2',
  ]);
  expect(lines.join('\n')).not.toMatch(/of the (note|known)/);
});

test('shows the tasks that were blocked when a limit expired', () => {
  const result = aResult({
    verdict: 'timeout',
    blockedTasks: [
      { name: 'touch', pid: 110, function: 'mnt_want_write' },
      { name: 'a\x1b[2J', pid: 5, function: undefined },
    ],
  });
  const lines = formatRun({ result, files: [], splatLines: [] }, plain).join('\n');
  expect(lines).toContain('blocked tasks\n  touch (PID 110) in mnt_want_write\n  a (PID 5)');
});

test('an interrupted test has neither passed nor failed', () => {
  const result = aResult({
    verdict: 'timeout',
    tests: tests({ 'a/1': 'pass', 'a/2': 'fail', 'a/3 it was running: got SIGINT': 'interrupted' }),
  });
  const lines = formatRun({ result, files: [], splatLines: [] }, plain).join('\n');
  expect(lines).toContain('  tests    1 passed, 1 failed, 1 interrupted\n');
  expect(lines).toContain('failed tests\n  a/2\n');
  expect(lines).toContain('interrupted tests\n  a/3\n    it was running: got SIGINT');
  const [, row] = formatRunTable([stored('r', { state: 'finished', result })], plain);
  expect(row).toMatch(/ 1\/1\/0 /);
  const compared = formatComparison(
    compareRuns(aResult({ tests: tests({ 'a/3': 'pass' }) }), result),
    plain,
  );
  expect(compared.join('\n')).toContain('interrupted: 1\n  a/3  (pass → interrupted)');
});

test('a run with little information is shown briefly', () => {
  const vm: RunResult['vm'] = { accelerator: 'tcg', cpus: 1, memory: 2 ** 30, qemu: [] };
  const result = aResult({ command: { shell: "echo 'a'; ls" }, vm });
  expect(formatRun({ result, files: [], splatLines: [] }, plain).join('\n')).toMatchInlineSnapshot(`
    "pass: the command succeeded
      run      20261123-021557-fstests-xfs-3f2a  (Nov 23 03:15)
      status   rapido run exited with 0
      kernel   6.18.0-rc6  /linux/arch/x86/boot/bzImage
      command  -x "echo 'a'; ls"  (end not reported)
      machine  tcg, 1 CPU, 1.0 GiB
      times    cut 0.35 s, boot 0.90 s, total 2.50 s"
  `);
});

test('shows servers with their consoles, a failed script, and a command that did not start', () => {
  const result = aResult({
    command: { arguments: ['true'] },
    autorun: [{ script: '00-mount.sh', status: 1 }],
    times: { ...aResult().times, servers: 9250 },
    servers: [
      { cut: 'nfsd-xfs', number: 1, console: 'console-vm1-nfsd-xfs.log', failure: 'it hung' },
    ],
  });
  const lines = formatRun({ result, files: [], splatLines: [] }, plain);
  expect(lines).toEqual(
    expect.arrayContaining([
      '  servers  nfsd-xfs (VM 1, console-vm1-nfsd-xfs.log): it hung',
      '  command  true  (not started)',
      '  autorun  mount.sh (exit status 1)',
      expect.stringContaining('servers 9.25 s, boot '),
    ]),
  );
});

test('shows a run that failed before there was a kernel or a VM', () => {
  const result = aResult({ verdict: 'error', status: 125, kernel: undefined, vm: undefined });
  const lines = formatRun({ result, files: [], splatLines: [] }, plain);
  expect(lines.filter((line) => /kernel|machine|undefined/.test(line))).toEqual([]);
  const withKernel = finished('s', {});
  const table = formatRunTable([stored('r', { state: 'finished', result }), withKernel], plain);
  expect(table[1]).toMatch(/ -$/);
  const compared = formatComparison(compareRuns(aResult(), result), plain).join('\n');
  expect(compared).toContain('error: the command succeeded');
  expect(compared).not.toContain('undefined');
});

test('names the first of many failed tests', () => {
  const failing = Array.from({ length: 40 }, (_, i) => ({
    name: `xfs/${i}`,
    status: 'fail' as const,
    message: 'broken',
  }));
  const lines = formatRun(
    { result: aResult({ tests: failing }), files: [], splatLines: [] },
    plain,
  );
  expect(lines.filter((line) => line === '    broken')).toHaveLength(30);
  expect(lines.at(-1)).toBe('  … and 10 more; --json lists all');
});

test('text of a guest cannot control the terminal', () => {
  const evil = '\x1b[2J\x1b]0;title\x07\r\nx\u009b31m';
  const result = aResult({
    reason: evil,
    tests: [{ name: `t${evil}`, status: 'fail', message: evil }],
    splats: [aSplat({ title: evil, during: evil, excused: evil })],
    notes: [evil],
    kernel: { release: evil, image: evil, git: evil },
  });
  const lines = [
    ...formatRun({ result, files: [], splatLines: [] }, plain),
    ...formatComparison(compareRuns(aResult(), result), plain),
    ...formatRunTable([stored('r', { state: 'finished', result })], plain),
  ];
  expect(lines.filter((line) => /[\x00-\x1f\x7f-\x9f]/.test(line))).toEqual([]);
});

/** At which line of a log texts are found. */
const locate = (log: string, texts: string[]) =>
  locateSplats(
    log,
    texts.map((text) => ({ text })),
  );

test('finds a splat in the log, whose lines end with CR LF', () => {
  const log = 'boot\r\n[1.0] BUG: one\r\n[1.1] trace\r\nlogin\r\n[2.0] WARNING: two\r\n';
  const texts = ['[2.0] WARNING: two\n', '[1.0] BUG: one\n[1.1] trace', 'not there', ''];
  expect(locate(log, texts)).toEqual([5, 2, undefined, undefined]);
});

test('finds a splat that another CPU interrupted by its first line, if that is unique', () => {
  const log = 'cut here\nBUG: one\nother\n trace\ncut here\nBUG: two\n trace\n';
  const texts = ['BUG: one\n trace', 'cut here\nBUG: one\n trace', 'cut here\nBUG: two\n trace'];
  expect(locate(log, texts)).toEqual([2, undefined, 5]);
});

test('two runs: whether B is worse, and what changed', () => {
  const a = aResult({
    id: 'A-RUN',
    tests: tests({ 'xfs/001': 'pass', 'xfs/004': 'pass', 'xfs/006': 'fail', 'xfs/007': 'pass' }),
    splats: [aSplat({ kind: 'lockdep', title: 'possible circular locking' })],
  });
  const comparison = compareRuns(a, { ...FAILED, id: 'B-RUN', cut: 'fstests-ext4' });
  expect(formatComparison(comparison, plain).join('\n')).toMatchInlineSnapshot(`
    "B is worse than A
      - the verdict changed from pass to fail
      - a test newly fails
      - a new splat: kasan: slab-use-after-free in foo_release
      A  A-RUN  6.18.0-rc6  pass: the command succeeded
      B  B-RUN  v6.18-rc6-dirty  fail: xfs/004 failed
      these are runs of different cuts: fstests-xfs, fstests-ext4

    newly failing: 1
      xfs/004  (pass → fail)
        output mismatch

    only in A: 2
      xfs/006  (fail)
      xfs/007  (pass)

    only in B: 3
      xfs/002  (skip, not in A)
      xfs/003  (xfail, not in A)
      xfs/005  (xpass, not in A)

    new splats: 2
      kasan: slab-use-after-free in foo_release  (error, 3 times, during xfs/004)
      warning: at mm/foo.c:12 foo  (error, once, excused: known since 6.1)

    splats gone: 1
      lockdep: possible circular locking  (error, once)

    tests unchanged: 1"
  `);
  expect(formatComparison(comparison, { paint: TAGS })[0]).toBe('<red>B is worse than A</red>');
});

test('two equal runs', () => {
  const lines = formatComparison(compareRuns(aResult(), aResult()), { paint: TAGS });
  expect(lines[0]).toBe('<green>B is not worse than A</green>');
  expect(lines).toHaveLength(3);
});

test('the time of day is local; in another year, the year is shown instead', () => {
  const when = (iso: string) => formatWhen(new Date(iso), plain.now, 'America/New_York');
  expect(when('2026-11-23T02:15:57Z')).toBe('Nov 22 21:15');
  expect(when('2026-01-01T05:00:00Z')).toBe('Jan 01 00:00');
  expect(when('2026-01-01T04:59:00Z')).toBe('Dec 31  2025');
});
