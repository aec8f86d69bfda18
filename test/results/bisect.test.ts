import { describe, expect, test } from 'vitest';
import { bisectStatus, failureStatus } from '../../src/results/bisect.ts';
import type { Verdict } from '../../src/results/run-result.ts';
import { RUN_EXIT } from '../../src/results/verdict.ts';

// git-bisect(1): 0 good, 1 to 127 but 125 bad, 125 cannot be tested, more than 127 stops.
test.each([
  ['pass', 0, 'good'],
  ['fail', 1, 'bad'],
  ['fail', 2, 'bad'],
  ['fail', 120, 'bad'],
  ['fail', 137, 'bad'], // A test killed in the guest must not stop the bisection.
  ['fail', 255, 'bad'],
  ['fail', 125, 'skip'], // With this status, the command says that it cannot test.
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

const judged = (verdict: Exclude<Verdict, 'pass'>) => ({
  verdict,
  status: RUN_EXIT[verdict],
  reason: '',
});

test('a VM that was lost on the host says nothing about the commit', () => {
  expect(bisectStatus(judged('crash'), 'host')).toBe(125);
});

test('git stops if every commit would fail on this host', () => {
  for (const verdict of ['error', 'fail', 'timeout'] as const) {
    expect(bisectStatus(judged(verdict), 'setup')).toBe(128);
  }
});

describe('a command line that fails without a verdict', () => {
  test.each([
    // The commands whose exit status is otherwise that of a command in the guest.
    [['run', 'simple-example'], 125],
    [['exec', '1'], 125],
    [['--conf', 'list', 'run', 'simple-example'], 125],
    [['--debug', '--cut-dir=own', 'exec', '1'], 125],
    [['run', 'simple-example', '--bisect'], 128],
    [['run', '--bisect', '--no-such-option'], 128],
    [['list'], 70],
    [['--conf', 'run', 'list'], 70],
    [['cut', 'run'], 70],
    [[], 70],
  ])('%j: %i', (argv, status) => {
    expect(failureStatus(argv, {})).toBe(status);
  });

  test('a command keeps its own status', () => {
    expect(failureStatus(['list'], { ordinary: 2 })).toBe(2);
    expect(failureStatus(['run', 'simple-example'], { ordinary: 2 })).toBe(125);
  });

  test('skips the commit for what another commit may have, without effect elsewhere', () => {
    const mayBeSkipped = true;
    expect(failureStatus(['run', '--bisect', 'simple-example'], { mayBeSkipped })).toBe(125);
    expect(failureStatus(['run', 'simple-example'], { mayBeSkipped })).toBe(125);
    expect(failureStatus(['cut', 'simple-example'], { ordinary: 1, mayBeSkipped })).toBe(1);
  });
});
