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
  const exit = bisectStatus({ verdict, status, reason: '' });
  const words = exit === 0 ? 'good' : exit === 125 ? 'skip' : exit < 128 ? 'bad' : 'stop';
  expect(words).toBe(meaning);
});

// A run that came to no verdict: 1 is what another command would exit with for something that cannot
// be done now, 2 for a mistake of the user's, 70 for a bug of ours.
test.each([
  [1, 125, 125],
  [2, 125, 128],
  [70, 125, 128],
])('no verdict, elsewhere status %i: %i, under bisection %i', (ordinary, usual, bisecting) => {
  expect(failureStatus(ordinary, false)).toBe(usual);
  expect(failureStatus(ordinary, true)).toBe(bisecting);
});
