import { closest, distance } from 'fastest-levenshtein';

/**
 * Finds the name that `wrong` is most likely a misspelling of. At most a third of the letters may differ, but two
 * in a short name and one in a name of up to three letters. Case is ignored.
 * @returns undefined if no name is similar enough
 */
export function findNearest(wrong: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const byCapitals = new Map(names.map((name) => [name.toUpperCase(), name]));
  const sought = wrong.toUpperCase();
  const found = closest(sought, [...byCapitals.keys()]);
  const allowed = sought.length < 4 ? 1 : Math.max(2, Math.floor(sought.length / 3));
  return distance(sought, found) <= allowed ? byCapitals.get(found) : undefined;
}

/** @returns the text, or its beginning and an ellipsis if it has more than `most` characters */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(most - 1, 0))}…`;
}
