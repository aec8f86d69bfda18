import { expect, test } from 'vitest';
import { startDeadline } from '../../src/sys/deadline.ts';
import { standStill } from '../support/pause.ts';

test('a deadline keeps the requested time, and knows what is left', async () => {
  const deadline = startDeadline(300);
  expect(deadline.asked).toBe(300);
  expect(deadline.left()).toBeGreaterThan(200);
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(deadline.left()).toBe(0);
  expect(deadline.asked).toBe(300);
});

test('does not count time in which the process was stopped', () => {
  const deadline = startDeadline(3000);
  standStill(4000);
  expect(deadline.left()).toBeGreaterThan(1000);
});

test('without a limit, there is no deadline', () => {
  expect(startDeadline(undefined)).toBeUndefined();
});
