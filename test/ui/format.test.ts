import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatLimit, formatSeconds } from '../../src/ui/format.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [100 * 1024, '100 KiB'],
  [25.4 * 1024 ** 2, '25.4 MiB'],
  [3 * 1024 ** 3, '3.0 GiB'],
  [5000 * 1024 ** 4, '5000 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0.00 s'],
  [352, '0.35 s'],
  [9_994, '9.99 s'],
  [10_000, '10.0 s'],
  [123_456, '123.5 s'],
])('%d ms are %s', (ms, text) => {
  expect(formatSeconds(ms)).toBe(text);
});

test('durations, in a suitable unit', () => {
  const said = [0, 350, 12_340, 59_499, 59_600, 754_000, 3_599_600, 12_000_000, -5];
  expect(said.map((ms) => formatDuration(ms))).toEqual([
    '0.00 s',
    '0.35 s',
    '12.3 s',
    '59.5 s',
    '1 min 00 s',
    '12 min 34 s',
    '1 h 00 min',
    '3 h 20 min',
    '0.00 s',
  ]);
});

test('durations in whole seconds, and limits as they were typed', () => {
  expect([0, 350, 59_999, 754_900].map((ms) => formatDuration(ms, { whole: true }))).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '12 min 34 s',
  ]);
  expect([500, 100_000].map(formatLimit)).toEqual(['0.5 s', '100 s']);
});
