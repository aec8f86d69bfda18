import { expect, test } from 'vitest';
import { findFlaky } from '../../src/results/repetitions.ts';
import type { TestStatus } from '../../src/results/run-result.ts';

const flaky = (results: [string, TestStatus][]) => [
  ...findFlaky(results.map(([name, status]) => ({ name, status }))),
];

test('a test is flaky if one of its repetitions failed and another did not', () => {
  expect(
    flaky([
      ['xfs/001', 'pass'],
      ['xfs/001 #2', 'fail'],
      ['xfs/002', 'fail'],
    ]),
  ).toEqual(['xfs/001']);
  expect(
    flaky([
      ['a', 'fail'],
      ['a', 'pass'],
    ]),
  ).toEqual(['a']);
});

test('a repetition that did not run says nothing', () => {
  expect(
    flaky([
      ['a', 'fail'],
      ['a #2', 'skip'],
      ['a #3', 'interrupted'],
      ['a #4', 'fail'],
    ]),
  ).toEqual([]);
});
