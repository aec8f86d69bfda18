import { formatDuration } from '../ui/format.ts';
import { isFailure } from './compare.ts';
import type { TestResult } from './run-result.ts';

/** Called when tests begin and end. */
export interface TestListener {
  onStart: (name: string) => void;
  onTest: (test: TestResult) => void;
}

/** The progress of a suite. Times are in milliseconds of any monotonic clock. */
export interface SuiteProgress {
  begin: (now: number) => void;
  testStarted: (name: string, now: number) => void;
  testEnded: (test: TestResult, now: number) => void;
  /** One line: `12 of 120 tests, 1 failed; 4 min 10 s, about 40 min left; generic/013`. */
  describe: (now: number) => string;
}

/** Finished tests with a shorter total time say nothing about the speed of the others, in milliseconds. */
const LEAST_SAMPLE = 10_000;

/**
 * @param expected the expected tests, with the time that each took in an earlier run, in milliseconds (undefined:
 * unknown); empty: the tests are not known
 */
export function createProgress(expected: ReadonlyMap<string, number | undefined>): SuiteProgress {
  const left = new Map(expected);
  const running = new Map<string, number>();
  const count = { all: 0, failed: 0, skipped: 0 };
  /** Total time of the finished tests, and the time that they took in the earlier run. */
  const paid = { now: 0, before: 0 };
  let began: number | undefined;
  const takeAsLong = average([...expected.values()].filter((ms) => ms !== undefined));
  const estimate = (now: number): number | undefined => {
    if (left.size === 0 || takeAsLong === undefined) return undefined;
    const pace = paid.before < LEAST_SAMPLE ? 1 : paid.now / paid.before;
    const spent = [...running].reduce((sum, [name, since]) => {
      return (
        sum + (left.has(name) ? Math.min(now - since, pace * (left.get(name) ?? takeAsLong)) : 0)
      );
    }, 0);
    const sum = [...left.values()].reduce<number>((all, ms) => all + (ms ?? takeAsLong), 0);
    return Math.max(pace * sum - spent, 0);
  };
  return {
    begin: (now) => {
      began ??= now;
    },
    testStarted: (name, now) => running.set(name, now),
    testEnded: (test, now) => {
      const { name, duration = now - (running.get(name) ?? now) } = test;
      const before = expected.get(name);
      running.delete(name);
      left.delete(name);
      count.all++;
      if (isFailure(test)) count.failed++;
      if (test.status === 'skip') count.skipped++;
      if (before === undefined) return;
      paid.now += duration;
      paid.before += before;
    },
    describe: (now) => {
      const all = expected.size === 0 ? '' : ` of ${count.all + left.size}`;
      const ms = estimate(now);
      return [
        [
          `${count.all}${all} ${count.all === 1 && all === '' ? 'test' : 'tests'}`,
          ...(count.failed === 0 ? [] : [`${count.failed} failed`]),
          ...(count.skipped === 0 ? [] : [`${count.skipped} skipped`]),
        ].join(', '),
        [
          formatDuration(now - (began ?? now), { whole: true }),
          ...(ms === undefined ? [] : [`about ${formatRoughly(ms)} left`]),
        ].join(', '),
        ...[...running.keys()].slice(-1),
      ].join('; ');
    },
  };
}

function average(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Rounds an estimate: `20 s`, `4 min`, `2 h 10 min`. */
function formatRoughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (ms < 60_000) return `${Math.max(Math.ceil(ms / 10_000) * 10, 10)} s`;
  return minutes < 60 ? `${minutes} min` : formatDuration(minutes * 60_000, { whole: true });
}
