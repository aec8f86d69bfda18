import { UsageError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** Timers of Node hold at most 2^31 - 1 milliseconds. */
const LONGEST = 24 * 86_400_000;

/**
 * Parses a duration as timeout(1) does: a number, and a unit of s (the default), m, h or d.
 * @returns milliseconds; undefined if `text` is
 * @throws UsageError
 */
export function parseDuration(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text) ?? [];
  const milliseconds = Number(number) * (UNITS[unit] ?? 0) * 1000;
  if (number !== '' && milliseconds > 0 && milliseconds <= LONGEST) return milliseconds;
  throw new UsageError(`${option}: "${text}" is not a valid duration`, {
    hint: `use a positive number with the unit s, m, h or d, at most 24d: ${option} 90s, ${option} 10m`,
  });
}
