import { describe, expect, test } from 'vitest';
import { findUnstable, lookUpReports, lookUpTests } from '../../src/results/look-up.ts';
import type { RunResult, TestStatus } from '../../src/results/run-result.ts';
import { selectRuns } from '../../src/results/select-runs.ts';
import {
  formatFlaky,
  formatReportLookup,
  formatTestLookup,
} from '../../src/results/show-look-up.ts';
import type { StoredRun } from '../../src/results/store.ts';
import { parseMoment } from '../../src/show/look-up.ts';
import { aResult, aSplat } from './a-result.ts';

const plain = (text: string): string => text;
const around = {
  paint: { bold: plain, dim: plain, green: plain, red: plain, yellow: plain },
  width: undefined,
  now: new Date('2026-11-24T00:00:00Z'),
  timeZone: 'UTC',
};

function runAt(minute: number, changes: Partial<RunResult>): RunResult {
  const two = String(minute).padStart(2, '0');
  return aResult({
    id: `20261123-02${two}00-fstests-xfs-aa${two}`,
    started: `2026-11-23T02:${two}:00.000Z`,
    ...changes,
  });
}

const withTest = (minute: number, status: TestStatus): RunResult =>
  runAt(minute, {
    tests: [
      { name: 'xfs/001', status: 'pass' },
      { name: 'xfs/003', status, duration: 3200 },
    ],
  });

const RUNS = [withTest(1, 'pass'), withTest(3, 'pass'), withTest(2, 'fail'), withTest(4, 'fail')];
const ids = RUNS.map(({ id }) => id);

describe('the history of a test', () => {
  test('newest first, with its class', () => {
    const found = lookUpTests(RUNS, (name) => name === 'xfs/003');
    expect(formatTestLookup(found, { ...around, ids })).toEqual([
      'xfs/003  fstests-xfs: unstable, 3 flips, 1 in a row, 4 runs',
      'WHEN          RUN   STATUS    TIME  KERNEL',
      'Nov 23 02:04  aa04  fail    3.20 s  6.18.0-rc6',
      'Nov 23 02:03  aa03  pass    3.20 s  6.18.0-rc6',
      'Nov 23 02:02  aa02  fail    3.20 s  6.18.0-rc6',
      'Nov 23 02:01  aa01  pass    3.20 s  6.18.0-rc6',
    ]);
  });

  test('one entry for each cut', () => {
    const found = lookUpTests(
      [...RUNS, { ...RUNS[0]!, cut: 'other' }],
      (name) => name === 'xfs/001',
    );
    expect(found.map(({ cut, results }) => [cut, results.length])).toEqual([
      ['fstests-xfs', 4],
      ['other', 1],
    ]);
  });

  test('flaky tests are those that changed more than once', () => {
    expect(formatFlaky(findUnstable(RUNS), around)).toEqual([
      'TEST     CUT          FLIPS  FAILED  NOW',
      'xfs/003  fstests-xfs      3  2 of 4  fail, 1 in a row',
    ]);
    expect(findUnstable(RUNS.slice(0, 2))).toEqual([]);
  });
});

test('the history of a kernel report: the runs whose reports contain the text', () => {
  const runs = [
    runAt(1, { splats: [aSplat({ during: 'xfs/003' })] }),
    runAt(2, {
      splats: [aSplat({ count: 2 }), aSplat({ kind: 'warning', title: 'WARNING in x' })],
    }),
  ];
  const found = lookUpReports(runs, 'kasan: slab');
  expect(formatReportLookup(found, { ...around, ids: runs.map(({ id }) => id) })).toEqual([
    'kasan: slab-use-after-free in foo_release  2 runs',
    'WHEN          RUN   CUT          COUNT  DURING   KERNEL',
    'Nov 23 02:02  aa02  fstests-xfs      2  -        6.18.0-rc6',
    'Nov 23 02:01  aa01  fstests-xfs      1  xfs/003  6.18.0-rc6',
  ]);
  expect(lookUpReports(runs, 'foo_bar')).toEqual([]);
});

describe('which runs are listed', () => {
  const stored = [
    ...RUNS.map((result) => ({ id: result.id, state: 'finished', result })),
    {
      id: '20261123-031000-fstests-xfs-bb01',
      state: 'lost',
    },
  ] as StoredRun[];
  const select = (filter: Parameters<typeof selectRuns>[1]): number =>
    selectRuns(stored, filter).length;

  test('by verdict or state, kernel and start', () => {
    expect(select({})).toBe(5);
    expect(select({ verdict: 'pass' })).toBe(4);
    expect(select({ verdict: 'lost' })).toBe(1);
    expect(select({ kernel: '6.18' })).toBe(4);
    expect(select({ kernel: '6.12' })).toBe(0);
    expect(select({ since: Date.UTC(2026, 10, 23, 2, 3) })).toBe(3);
    expect(
      select({ since: Date.UTC(2026, 10, 23, 2, 2), until: Date.UTC(2026, 10, 23, 2, 3) }),
    ).toBe(2);
  });

  test('a date is local, a day of --until ends at midnight, a duration counts back from now', () => {
    const now = Date.UTC(2026, 10, 24);
    expect(parseMoment('--since', '7d', now)).toBe(now - 7 * 86_400_000);
    expect(parseMoment('--since', '2026-11-23', now)).toBe(new Date(2026, 10, 23).getTime());
    expect(parseMoment('--until', '2026-11-23', now)).toBe(new Date(2026, 10, 24).getTime() - 1);
    expect(parseMoment('--since', '2026-11-23 10:15', now)).toBe(
      new Date(2026, 10, 23, 10, 15).getTime(),
    );
    expect(() => parseMoment('--since', 'soon', now)).toThrow(
      '--since: "soon" is not a valid date',
    );
  });
});
