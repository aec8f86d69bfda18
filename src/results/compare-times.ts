import { worstByName } from './compare.ts';
import type { RunResult } from './run-result.ts';

/** A test that took much longer or much less time than usual. Times are in milliseconds. */
export interface TimeChange {
  name: string;
  /** In run A. */
  a: number;
  /** In run B. */
  b: number;
  /** The median and the range of run A and the earlier runs. */
  usual: { median: number; least: number; most: number; runs: number };
}

/** Suites report whole seconds, so a smaller difference means nothing. */
const LEAST_DIFFERENCE = 1500;

/** Without earlier runs there is no spread: then, only a difference of half the time counts. */
const FEW_RUNS = 3;
const LEAST_RATIO = 1.5;

/**
 * Finds the tests that were slower or faster in run B than in A: outside the range of A and the earlier runs, by at
 * least 1.5 s and by more than the width of that range; with fewer than three runs, by half.
 * @param earlier runs of the same cut that ended before B
 */
export function compareTimes(
  a: RunResult,
  b: RunResult,
  earlier: readonly RunResult[],
): { slower: TimeChange[]; faster: TimeChange[] } {
  const known = [a, ...earlier.filter(({ id }) => id !== a.id && id !== b.id)].map(passedTimes);
  const changes = [...passedTimes(b)].flatMap(([name, time]): TimeChange[] => {
    const before = known[0]?.get(name);
    if (before === undefined) return [];
    const times = known.flatMap((run) => run.get(name) ?? []).sort((x, y) => x - y);
    const usual = {
      median: times[Math.floor(times.length / 2)]!,
      least: times[0]!,
      most: times.at(-1)!,
      runs: times.length,
    };
    return isUnusual(time, usual) ? [{ name, a: before, b: time, usual }] : [];
  });
  const bySize = changes.sort((x, y) => excess(y) - excess(x));
  return {
    slower: bySize.filter(({ b, usual }) => b > usual.median),
    faster: bySize.filter(({ b, usual }) => b < usual.median),
  };
}

function passedTimes({ tests }: RunResult): Map<string, number> {
  return new Map(
    [...worstByName(tests)].flatMap(([name, { status, duration }]) =>
      status === 'pass' && duration !== undefined ? [[name, duration] as const] : [],
    ),
  );
}

function isUnusual(time: number, { median, least, most, runs }: TimeChange['usual']): boolean {
  const beyond = Math.max(time - most, least - time);
  if (beyond < LEAST_DIFFERENCE) return false;
  if (runs < FEW_RUNS) return time > median * LEAST_RATIO || time < median / LEAST_RATIO;
  return beyond > most - least;
}

function excess({ b, usual }: TimeChange): number {
  return Math.abs(b - usual.median);
}
