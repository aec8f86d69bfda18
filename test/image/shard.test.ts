import { describe, expect, test } from 'vitest';
import type { NamedTest } from '../../src/image/named-tests.ts';
import { digestTests, splitTests } from '../../src/image/shard.ts';

const named = (...names: string[]): NamedTest[] =>
  names.map((name) => ({ words: [name], names: [name] }));

const split = (names: string[], count: number, times: Record<string, number> = {}) =>
  splitTests(named(...names), { count, times: new Map(Object.entries(times)) }).map((tests) =>
    tests.flatMap((one) => one.names),
  );

describe('tests are split', () => {
  test('into equal numbers if no times are known', () => {
    expect(split(['a', 'b', 'c', 'd', 'e'], 2)).toEqual([
      ['a', 'c', 'e'],
      ['b', 'd'],
    ]);
  });

  test('by their times, in the order in which they were given', () => {
    const times = { a: 10, b: 70, c: 40, d: 30, e: 20 };
    expect(split(['a', 'b', 'c', 'd', 'e'], 2, times)).toEqual([
      ['b', 'e'],
      ['a', 'c', 'd'],
    ]);
  });

  test('with the median of the known times for the others', () => {
    expect(split(['new', 'a', 'b', 'c'], 2, { a: 30, b: 20, c: 10 })).toEqual([
      ['a', 'c'],
      ['new', 'b'],
    ]);
  });

  test('without losing one, and without giving one to two', () => {
    const names = Array.from({ length: 1100 }, (_, index) => `generic/${index}`);
    const times = Object.fromEntries(names.map((name, index) => [name, (index * 7919) % 1000]));
    for (const count of [1, 2, 7, 256, 1100]) {
      const shards = split(names, count, times);
      expect(shards).toHaveLength(count);
      expect(shards.flat().sort()).toEqual([...names].sort());
    }
  });

  test('so that no shard takes more than 4/3 of the best possible time', () => {
    const names = Array.from({ length: 300 }, (_, index) => `t${index}`);
    const times = Object.fromEntries(
      names.map((name, index) => [name, 1 + ((index * index) % 97)]),
    );
    const total = Object.values(times).reduce((a, b) => a + b);
    for (const count of [2, 5, 16]) {
      const longest = Math.max(
        ...split(names, count, times).map((shard) =>
          shard.reduce((sum, name) => sum + (times[name] ?? 0), 0),
        ),
      );
      expect(longest).toBeLessThanOrEqual((4 / 3) * Math.max(97, total / count));
    }
  });

  test('into empty shards if there are too few', () => {
    expect(split(['a'], 3)).toEqual([['a'], [], []]);
  });
});

test('the digest is that of the names, in any order', () => {
  expect(digestTests(named('a', 'b'))).toBe(digestTests(named('b', 'a')));
  expect(digestTests(named('a', 'b'))).not.toBe(digestTests(named('a', 'bc')));
  expect(digestTests(named('a'))).toMatch(/^[0-9a-f]{64}$/);
});
