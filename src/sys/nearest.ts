import { closest, distance } from 'fastest-levenshtein';

/**
 * The name of `names` that `wrong` most likely stands for, or undefined if none is near: at most a third of
 * its letters may differ, two in a short name, one in a name of three. Capitals do not count.
 */
export function findNearest(wrong: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const byCapitals = new Map(names.map((name) => [name.toUpperCase(), name]));
  const sought = wrong.toUpperCase();
  const found = closest(sought, [...byCapitals.keys()]);
  const allowed = sought.length < 4 ? 1 : Math.max(2, Math.floor(sought.length / 3));
  return distance(sought, found) <= allowed ? byCapitals.get(found) : undefined;
}
