/** Something that can be removed. */
export interface Removable {
  /** Bytes on the disk. */
  bytes: number;
  /** When it was used last, in milliseconds since 1970. */
  used: number;
}

/** What may stay; without a limit, nothing may. */
export interface SurplusLimits {
  /** Bytes that all together may take. */
  size?: number | undefined;
  /** The earliest time of last use, in milliseconds since 1970. */
  usedSince?: number | undefined;
}

/**
 * Chooses what must go: what was used before a time, and of the rest what was used least recently, until it fits a size.
 * @returns the least recently used first
 */
export function chooseSurplus<Item extends Removable>(
  items: readonly Item[],
  { size, usedSince }: SurplusLimits,
): Item[] {
  const newestFirst = items.toSorted((a, b) => b.used - a.used);
  const limit = size ?? (usedSince === undefined ? 0 : Number.POSITIVE_INFINITY);
  let total = 0;
  const surplus = newestFirst.filter(({ bytes, used }) => {
    if (usedSince !== undefined && used < usedSince) return true;
    total += bytes;
    return total > limit;
  });
  return surplus.reverse();
}
