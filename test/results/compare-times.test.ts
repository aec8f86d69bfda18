import { expect, test } from 'vitest';
import { compareTimes } from '../../src/results/compare-times.ts';
import type { RunResult } from '../../src/results/run-result.ts';
import { aResult } from './a-result.ts';

let count = 0;
function run(seconds: number, status: 'pass' | 'fail' = 'pass'): RunResult {
  return aResult({
    id: `run-${count++}`,
    tests: [{ name: 'xfs/001', status, duration: seconds * 1000 }],
  });
}

/** `slower` or `faster`, compared with the last of the earlier times; undefined: neither. */
function judge(earlier: number[], now: number): string | undefined {
  const runs = earlier.map((seconds) => run(seconds));
  const { slower, faster } = compareTimes(runs.at(-1)!, run(now), runs);
  if (slower.length > 0) return 'slower';
  return faster.length > 0 ? 'faster' : undefined;
}

test.each([
  [[10], 16, 'slower'],
  [[10], 14, undefined],
  [[10], 6, 'faster'],
  [[1], 2, undefined],
  [[10, 11, 10, 12], 15, 'slower'],
  [[10, 11, 10, 12], 13, undefined],
  [[10, 20, 12, 11], 25, undefined],
  [[10, 11, 10, 12], 7, 'faster'],
])('after %j s, %i s are %s', (earlier, now, expected) => {
  expect(judge(earlier, now)).toBe(expected);
});

test('the usual time is told with its range; A counts once', () => {
  const runs = [run(10), run(12), run(11)];
  const { slower } = compareTimes(runs[2]!, run(40), runs);
  expect(slower).toEqual([
    {
      name: 'xfs/001',
      a: 11_000,
      b: 40_000,
      usual: { median: 11_000, least: 10_000, most: 12_000, runs: 3 },
    },
  ]);
});

test('the time of a failure is no measure', () => {
  expect(compareTimes(run(10), run(40, 'fail'), []).slower).toEqual([]);
  expect(compareTimes(run(10, 'fail'), run(40), []).slower).toEqual([]);
});
