/** A set of integers as sorted ranges. Test numbers usually arrive in order, so there is usually one range. */
export type NumberRanges = [first: number, last: number][];

/** Only garbage has so many gaps: numbers that would need more ranges are not stored. */
const MOST_RANGES = 1000;

/**
 * Adds a number, in place.
 * @returns false if the set already contains it
 */
export function addNumber(ranges: NumberRanges, number: number): boolean {
  let at = ranges.length;
  while (at > 0 && ranges[at - 1]![0] > number) at--;
  const before = ranges[at - 1];
  const after = ranges[at];
  if (before !== undefined && number <= before[1]) return false;
  const joinsBefore = before !== undefined && before[1] === number - 1;
  const joinsAfter = after !== undefined && after[0] === number + 1;
  if (joinsBefore && joinsAfter) {
    before[1] = after[1];
    ranges.splice(at, 1);
  } else if (joinsBefore) before[1] = number;
  else if (joinsAfter) after[0] = number;
  else if (ranges.length < MOST_RANGES) ranges.splice(at, 0, [number, number]);
  return true;
}

/** The numbers from 1 to `count` that are missing. */
export function missingNumbers(ranges: NumberRanges, count: number): NumberRanges {
  const missing: NumberRanges = [];
  let next = 1;
  for (const [first, last] of ranges) {
    if (first > count) break;
    if (first > next) missing.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= count) missing.push([next, count]);
  return missing;
}

/** Formats ranges as `3`, `3 and 5-9`, `1, 3 and 5`. At most ten ranges are listed. */
export function formatNumbers(ranges: NumberRanges): string {
  const shown = ranges
    .slice(0, 10)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  if (ranges.length > shown.length) return `${shown.join(', ')} …`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
