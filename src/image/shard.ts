import { createHash } from 'node:crypto';
import type { NamedTest } from './named-tests.ts';

/** One of the equal parts into which the tests of a run are split, each for a VM or a machine of its own. */
export interface Shard {
  /** From 1. */
  index: number;
  count: number;
  /** How long tests took in an earlier run, in milliseconds, by name. It must be the same for all shards. */
  times: ReadonlyMap<string, number>;
}

/**
 * Splits tests so that all shards take about the same time: the longest test first, each to the shard that has the
 * least to do ("longest processing time", at most 4/3 of the best possible). A test of unknown time counts as the
 * median of the known ones. Depends on its arguments only, so every machine computes the same split.
 * @returns the tests of each shard, in the order in which they were given
 */
export function splitTests(
  tests: readonly NamedTest[],
  { count, times }: Pick<Shard, 'count' | 'times'>,
): NamedTest[][] {
  const known = tests.flatMap((test) => timeOf(test, times) ?? []).sort((a, b) => a - b);
  const median = known[Math.floor(known.length / 2)] ?? 1;
  const sorted = tests
    .map((test, position) => ({ test, position, time: timeOf(test, times) ?? median }))
    .sort((a, b) => b.time - a.time || a.position - b.position);
  const shards = Array.from({ length: count }, () => ({ total: 0, members: [] as typeof sorted }));
  for (const each of sorted) {
    const least = shards.reduce((a, b) => (b.total < a.total ? b : a));
    least.total += each.time;
    least.members.push(each);
  }
  return shards.map(({ members }) =>
    members.sort((a, b) => a.position - b.position).map(({ test }) => test),
  );
}

/** @returns undefined if the time of none of its parts is known */
function timeOf({ names }: NamedTest, times: Shard['times']): number | undefined {
  const known = names.flatMap((name) => times.get(name) ?? []);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b);
}

/** Identifies a list of tests, so that shards of different lists are never merged. */
export function digestTests(tests: readonly NamedTest[]): string {
  const names = tests.flatMap((test) => test.names).sort();
  return createHash('sha256').update(names.join('\n')).digest('hex');
}
