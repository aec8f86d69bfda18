import { describe, expect, test } from 'vitest';
import { createProgress } from '../../src/results/progress.ts';
import type { TestResult } from '../../src/results/run-result.ts';

const SECOND = 1000;
const pass = (name: string, seconds?: number): TestResult => ({
  name,
  status: 'pass',
  duration: seconds === undefined ? undefined : seconds * SECOND,
});

describe('if the expected tests are not known', () => {
  const progress = createProgress(new Map());

  test('shows a count, the time and the running test', () => {
    progress.begin(5 * SECOND);
    expect(progress.describe(5 * SECOND)).toBe('0 tests; 0 s');
    progress.testStarted('generic/001', 6 * SECOND);
    expect(progress.describe(17 * SECOND)).toBe('0 tests; 12 s; generic/001');
    progress.testEnded(pass('generic/001', 12), 18 * SECOND);
    expect(progress.describe(18 * SECOND)).toBe('1 test; 13 s');
    progress.testEnded({ name: 'generic/002', status: 'fail' }, 100 * SECOND);
    progress.testEnded({ name: 'generic/003', status: 'skip' }, 101 * SECOND);
    progress.testStarted('generic/004', 101 * SECOND);
    expect(progress.describe(130 * SECOND)).toBe(
      '3 tests, 1 failed, 1 skipped; 2 min 05 s; generic/004',
    );
    expect(progress.describe(5 * SECOND + 3_726 * SECOND)).toContain('; 1 h 02 min;');
  });
});

describe('if an earlier run lists the expected tests', () => {
  const expected = new Map([
    ['a', 60 * SECOND],
    ['b', 120 * SECOND],
    ['c', 0],
    ['d', undefined],
  ]);

  test('shows their number and the time left; a new test is assumed to take as long as others', () => {
    const progress = createProgress(expected);
    progress.begin(0);
    expect(progress.describe(0)).toBe('0 of 4 tests; 0 s, about 4 min left');
  });

  test('a running test has used some of its time, and no more than that', () => {
    const progress = createProgress(expected);
    progress.begin(0);
    progress.testStarted('a', 0);
    expect(progress.describe(30 * SECOND)).toBe('0 of 4 tests; 30 s, about 4 min left; a');
    expect(progress.describe(60 * SECOND)).toContain('about 3 min left');
    expect(progress.describe(900 * SECOND)).toContain('about 3 min left');
  });

  test('estimates the speed of the rest from the tests that are finished', () => {
    const progress = createProgress(expected);
    progress.begin(0);
    progress.testStarted('a', 0);
    progress.testEnded(pass('a'), 120 * SECOND);
    expect(progress.describe(120 * SECOND)).toBe('1 of 4 tests; 2 min 00 s, about 6 min left');
    progress.testEnded(pass('b', 240), 360 * SECOND);
    expect(progress.describe(360 * SECOND)).toContain('about 2 min left');
    progress.testEnded(pass('d', 1), 361 * SECOND);
    progress.testEnded(pass('c', 1), 361 * SECOND);
    expect(progress.describe(361 * SECOND)).toBe('4 of 4 tests; 6 min 01 s');
  });

  test('counts tests that are new, too', () => {
    const progress = createProgress(expected);
    progress.begin(0);
    progress.testEnded(pass('new', 1), SECOND);
    expect(progress.describe(SECOND)).toMatch(/^1 of 5 tests; /);
  });

  test('without times, shows only the number of tests', () => {
    const progress = createProgress(new Map([['a', undefined]]));
    progress.begin(0);
    expect(progress.describe(0)).toBe('0 of 1 tests; 0 s');
  });
});
