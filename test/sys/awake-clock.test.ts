import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startAwakeClock, startTimer, within } from '../../src/sys/awake-clock.ts';
import { standStill } from '../support/pause.ts';
import { makeSocketPair } from '../support/socket-pair.ts';

describe('the clock', () => {
  test('advances with time', async () => {
    const clock = startAwakeClock();
    const started = performance.now();
    await sleep(700);
    const [shown, real] = [clock.now(), performance.now() - started];
    clock.stop();
    expect(Math.abs(shown - real)).toBeLessThan(50);
  });

  test('stops while the process is stopped', async () => {
    const clock = startAwakeClock();
    await sleep(100);
    standStill(3000);
    const shown = clock.now();
    await sleep(100);
    const later = clock.now();
    clock.stop();
    expect(shown).toBeLessThan(1000);
    expect(later - shown).toBeGreaterThan(50);
  });

  test('advances in a process that is only slow', async () => {
    const clock = startAwakeClock();
    for (let count = 0; count < 5; count++) {
      standStill(250);
      await sleep(1);
    }
    const shown = clock.now();
    clock.stop();
    expect(shown).toBeGreaterThan(1200);
  });
});

describe('a timer', () => {
  /** Which comes first: the timer, or a byte that was sent before it expired. */
  async function race(limit: number, act: () => Promise<void> | void): Promise<string> {
    const [ours, theirs] = await makeSocketPair();
    const first = new Promise<string>((resolve) => {
      startTimer(limit, () => resolve('the timer'));
      ours.once('data', () => resolve('the data'));
    });
    theirs.write('x');
    await act();
    const winner = await first;
    ours.destroy();
    theirs.destroy();
    return winner;
  }

  test('expires at its time, and not before', async () => {
    const started = performance.now();
    await new Promise<void>((expire) => startTimer(700, expire));
    const took = performance.now() - started;
    expect(took).toBeGreaterThanOrEqual(699);
    expect(took).toBeLessThan(1500);
  });

  test('does not expire after it was stopped', async () => {
    let hasExpired = false;
    const timer = startTimer(50, () => {
      hasExpired = true;
    });
    standStill(100);
    timer.stop();
    await sleep(100);
    expect(hasExpired).toBe(false);
  });

  test.each([
    ['a short pause', 200],
    ['a long one', 3000],
  ])('that is late after %s comes after pending input', async (_, pause) => {
    expect(await race(100, () => standStill(pause))).toBe('the data');
  });

  test('does not count a long pause', async () => {
    const started = performance.now();
    const expired = new Promise<void>((expire) => startTimer(1000, expire));
    await sleep(100);
    standStill(2000);
    await expired;
    expect(performance.now() - started).toBeGreaterThan(2500);
  });
});

describe('work with a time limit', () => {
  test('returns its result, or fails as it does', async () => {
    expect(await within(1000, sleep(10, 'done'), 'late')).toBe('done');
    const failing = Promise.reject(new Error('it fails'));
    await expect(within(1000, failing, 'late')).rejects.toThrow('it fails');
  });

  test('is abandoned when the time is over', async () => {
    const patience = new AbortController();
    const endless = sleep(60_000, 'done', { signal: patience.signal }).catch(() => 'aborted');
    expect(await within(20, endless, 'late')).toBe('late');
    patience.abort();
  });
});
