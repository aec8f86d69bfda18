import { UsageError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** What a timer of Node takes. */
const LONGEST = 24 * 86_400_000;

/**
 * Reads a duration as timeout(1) does: a number, with a unit of s (the default), m, h or d.
 * @returns milliseconds; undefined for `undefined`
 */
export function parseDuration(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text) ?? [];
  const milliseconds = Number(number) * (UNITS[unit] ?? 0) * 1000;
  if (number !== '' && milliseconds > 0 && milliseconds <= LONGEST) return milliseconds;
  throw new UsageError(`${option}: "${text}" is not a duration`, {
    hint: `a number above 0 with s, m, h or d, 24d at most: ${option} 90s, ${option} 10m`,
  });
}
