import { expect, test } from 'vitest';
import { bisectStatus, failureStatus } from '../../src/results/bisect.ts';

// git-bisect(1): 0 good, 1 to 127 but 125 bad, 125 cannot be tested, more than 127 stops.
test.each([
  ['pass', 0, 'good'],
  ['fail', 1, 'bad'],
  ['fail', 2, 'bad'],
  ['fail', 120, 'bad'],
  ['fail', 137, 'bad'], // A test killed in the guest must not stop the bisection.
  ['fail', 255, 'bad'],
  ['fail', 125, 'skip'], // The command's own word for "cannot be tested".
  ['fail', 126, 'skip'],
  ['fail', 127, 'skip'],
  ['crash', 120, 'bad'],
  ['splat', 121, 'bad'],
  ['timeout', 124, 'bad'],
  ['error', 125, 'skip'],
  ['interrupted', 130, 'stop'],
] as const)('%s with status %i is %s', (verdict, status, meaning) => {
  const exit = bisectStatus({ verdict, status, reason: '' }, 'guest');
  const words = exit === 0 ? 'good' : exit === 125 ? 'skip' : exit < 128 ? 'bad' : 'stop';
  expect(words).toBe(meaning);
});

test('a VM that was lost on the host has told nothing of the commit', () => {
  expect(bisectStatus({ verdict: 'crash', status: 120, reason: '' }, 'host')).toBe(125);
});

// A run that came to no verdict: whether the next commit may mend what is wrong.
test.each([
  [false, 125, 125],
  [true, 125, 128],
])('no verdict, for good: %s: %i, under bisection %i', (isForGood, usual, bisecting) => {
  expect(failureStatus(isForGood, false)).toBe(usual);
  expect(failureStatus(isForGood, true)).toBe(bisecting);
});
