import { expect, test } from 'vitest';
import { chooseSurplus, type SurplusLimits } from '../../src/sys/surplus.ts';

const items = [
  { name: 'a', bytes: 10, used: 300 },
  { name: 'b', bytes: 20, used: 100 },
  { name: 'c', bytes: 30, used: 200 },
];

test.each<[string, SurplusLimits, string[]]>([
  ['everything without a limit, the oldest first', {}, ['b', 'c', 'a']],
  ['what was not used since', { usedSince: 200 }, ['b']],
  ['what does not fit, the least recently used first', { size: 40 }, ['b']],
  ['a size that all fit', { size: 60 }, []],
  ['a size that none fit', { size: 9 }, ['b', 'c', 'a']],
  ['what is too old does not count towards the size', { usedSince: 250, size: 10 }, ['b', 'c']],
])('%s', (_title, limits, expected) => {
  expect(chooseSurplus(items, limits).map(({ name }) => name)).toEqual(expected);
});
