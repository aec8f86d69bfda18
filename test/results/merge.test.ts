import { describe, expect, test } from 'vitest';
import { findMisfits, inOrder, mergeShards } from '../../src/results/merge.ts';
import type { RunResult } from '../../src/results/run-result.ts';
import { aResult, aSplat, tests } from './a-result.ts';

const LIST = 'a'.repeat(64);
const kernel = { release: '6.18.0', image: '/linux/bzImage', git: undefined, commit: 'c0ffee' };

/** One of two parts, which starts a minute after the one before it. */
function aShard(index: number, changes: Partial<RunResult> = {}, count = 2): RunResult {
  return aResult({
    kernel,
    shard: { index, count, list: LIST },
    started: `2026-11-23T02:${15 + index}:00.000Z`,
    ...changes,
  });
}

const named = (results: readonly RunResult[]) =>
  results.map((result, index) => ({ name: `part-${index + 1}`, result }));

const misfits = (...results: RunResult[]): string[] => findMisfits(named(results));

const merge = (...results: RunResult[]): RunResult => mergeShards(inOrder(named(results)), 'whole');

describe('what does not fit together', () => {
  test('nothing, if all parts are there', () => {
    expect(misfits(aShard(2), aShard(1))).toEqual([]);
  });

  test('a run that is not a part', () => {
    expect(misfits(aShard(1), aResult({ kernel }))).toEqual([
      'part-2: is not a part of a job that was split',
    ]);
  });

  test('another kernel, target, or list of tests', () => {
    const other = { ...kernel, commit: 'decade' };
    expect(misfits(aShard(1), aShard(2, { kernel: other, cut: 'fstests-ext4' }))).toEqual([
      'part-2: another target than part-1: fstests-ext4, not fstests-xfs',
      'part-2: another commit than part-1: decade, not c0ffee',
    ]);
    expect(misfits(aShard(1), aShard(2, { shard: { index: 2, count: 2, list: 'b' } }))).toEqual([
      `part-2: another list of tests than part-1: b, not ${LIST}`,
    ]);
  });

  test('a part that is missing or there twice', () => {
    expect(misfits(aShard(1, {}, 4), aShard(3, {}, 4))).toEqual(['shard 2, 4 of 4 is missing']);
    expect(misfits(aShard(1), aShard(2), aShard(1))).toEqual([
      'part-3: is shard 1 of 2, as is part-1',
    ]);
  });

  test('a test with results in two parts', () => {
    const both = { tests: tests({ 'xfs/001': 'pass' }) };
    expect(misfits(aShard(1, both), aShard(2, both))).toEqual([
      'xfs/001 has results in part-1 and in part-2',
    ]);
  });

  test('a part that ended before its kernel was chosen fits any', () => {
    expect(misfits(aShard(1), aShard(2, { kernel: undefined, verdict: 'error' }))).toEqual([]);
  });
});

describe('a merged run', () => {
  test('has the tests of all parts in the order of the parts, once each, on one time axis', () => {
    const whole = merge(
      aShard(2, { tests: [{ name: 'xfs/002', status: 'pass', start: 500 }] }),
      aShard(1, { tests: [{ name: 'xfs/001', status: 'pass', start: 400 }] }),
    );
    expect(whole).toMatchObject({
      id: 'whole',
      verdict: 'pass',
      status: 0,
      reason: '2 tests passed in 2 shards',
      started: '2026-11-23T02:16:00.000Z',
      times: { cut: 700, boot: 1800, total: 62_500 },
      tests: [
        { name: 'xfs/001', start: 400 },
        { name: 'xfs/002', start: 60_500 },
      ],
      boots: [{ tests: 1 }, { tests: 1 }],
    });
    expect(whole.shard).toBeUndefined();
  });

  test.each([
    [['pass', 'fail'], 'fail', 1],
    [['fail', 'crash'], 'crash', 120],
    [['splat', 'pass'], 'splat', 121],
    [['timeout', 'fail'], 'timeout', 124],
    [['crash', 'error'], 'error', 125],
    [['interrupted', 'crash'], 'interrupted', 130],
  ] as const)('of %j has the worst verdict: %s, %d', (verdicts, verdict, status) => {
    const STATUS = {
      pass: 0,
      fail: 1,
      splat: 121,
      crash: 120,
      timeout: 124,
      error: 125,
      interrupted: 130,
    };
    const parts = verdicts.map((one, index) =>
      aShard(index + 1, { verdict: one, status: STATUS[one], reason: `because of ${one}` }),
    );
    expect(merge(...parts)).toMatchObject({
      verdict,
      status,
      reason: `shard ${verdicts.indexOf(verdict as never) + 1}/2: because of ${verdict}`,
    });
  });

  test('counts the tests that failed in all parts', () => {
    const failed = (name: string): Partial<RunResult> => ({
      verdict: 'fail',
      status: 1,
      reason: `${name} failed`,
      tests: tests({ [name]: 'fail', [`${name}-other`]: 'pass' }),
    });
    expect(merge(aShard(1, failed('a')), aShard(2, failed('b'))).reason).toBe(
      '2 of 4 tests failed',
    );
  });

  test('does not pass if a test of a part has no result', () => {
    const shard = { index: 2, count: 2, list: LIST, tests: ['loop/001', 'loop/002', 'loop/003'] };
    const whole = merge(
      aShard(1),
      aShard(2, { shard, tests: tests({ 'loop/001/zram0': 'pass', 'loop/003': 'pass' }) }),
    );
    expect(whole).toMatchObject({
      verdict: 'error',
      status: 125,
      reason: 'loop/002 has no result',
      notes: ['shard 2/2: loop/002 has no result'],
    });
  });

  test('lists equal kernel reports once, with their number, and crashes for each part', () => {
    const warning = aSplat({ kind: 'warning', title: 'WARNING in foo', start: 100 });
    const panic = aSplat({ kind: 'panic', severity: 'fatal', title: 'kernel panic: bar' });
    const whole = merge(
      aShard(1, { splats: [{ ...warning, count: 2 }, panic] }),
      aShard(2, { splats: [warning, panic] }),
    );
    expect(whole.splats).toMatchObject([
      { title: 'WARNING in foo', count: 3, boot: 1, start: 100 },
      { title: 'kernel panic: bar', boot: 1 },
      { title: 'kernel panic: bar', boot: 2 },
    ]);
  });

  test('leaves the dumps with the parts, and says where they are', () => {
    const whole = merge(aShard(1, { dumps: ['vmcore'] }), aShard(2, { dumps: ['vmcore'] }));
    expect(whole.dumps).toBeUndefined();
    expect(whole.notes).toEqual([
      'shard 1/2: its directory has the dump vmcore',
      'shard 2/2: its directory has the dump vmcore',
    ]);
  });

  test('does not change the results of its parts', () => {
    const part = aShard(1, { splats: [aSplat()] });
    const before = structuredClone(part);
    merge(part, aShard(2, { splats: [aSplat()] }));
    expect(part).toEqual(before);
  });
});
