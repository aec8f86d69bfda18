import { toPlainLines } from '../ui/plain-text.ts';

/**
 * Replaces every string in a value by lines of visible characters, without escape sequences and control characters.
 * The guest writes most of what a page shows, and HTML cannot represent NUL.
 */
export function toPlainDeep<T>(value: T): T;
export function toPlainDeep(value: unknown): unknown {
  if (typeof value === 'string') return toPlainLines(value);
  if (Array.isArray(value)) return value.map((each) => toPlainDeep<unknown>(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, toPlainDeep<unknown>(each)]),
  );
}

/** Of a longer line, only the beginning is shown, in characters. */
const LONGEST_LINE = 4000;

/** Shortens long lines, so that a browser can lay them out. */
export function cutLongLines(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const more = line.length - LONGEST_LINE;
    if (more <= 0) return line;
    // Not in the middle of a surrogate pair.
    const start = line.slice(0, LONGEST_LINE).replace(/[\ud800-\udbff]$/, '');
    return `${start} … (${more} more characters in this line)`;
  });
}
