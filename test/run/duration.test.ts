import { expect, test } from 'vitest';
import { parseDuration } from '../../src/run/duration.ts';
import { complaintOf } from '../support/complaint.ts';

test.each([
  ['90', 90_000],
  ['90s', 90_000],
  ['1.5m', 90_000],
  ['0.25s', 250],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['007', 7000],
])('%s is %i ms', (text, milliseconds) => {
  expect(parseDuration('--timeout', text)).toBe(milliseconds);
});

test('an option that is not given is no limit', () => {
  expect(parseDuration('--timeout', undefined)).toBeUndefined();
});

test.each([
  '',
  '0',
  '0s',
  '0.0m',
  '-1',
  '+1',
  '1e3',
  '1 m',
  ' 1',
  '5min',
  '5M',
  's',
  '.5',
  '5.',
  '1,5',
  '1h30m',
  'NaN',
  'Infinity',
  '٣',
])('%j is not a valid duration', async (text) => {
  expect(await complaintOf(() => parseDuration('--silence', text))).toBe(
    `rapido: error: --silence: "${text}" is not a valid duration\n` +
      '  hint: use a positive number with the unit s, m, h or d, at most 24d: --silence 90s, --silence 10m',
  );
});
