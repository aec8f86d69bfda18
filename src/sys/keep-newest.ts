import { rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { listIfReachable, statIfReachable } from './stat.ts';

export interface KeepRule {
  /** Only files whose names end with this are considered. */
  suffix: string;
  /** How many of them are kept. */
  count: number;
  /** Files used within this time are kept in any case, in milliseconds. */
  grace: number;
}

/** Removes the least recently used files of a directory. */
export function keepNewest(directory: string, { suffix, count, grace }: KeepRule): void {
  const now = Date.now();
  const files = listIfReachable(directory)
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(directory, name))
    .map((path) => ({ path, age: now - (statIfReachable(path)?.mtimeMs ?? 0) }))
    .sort((a, b) => a.age - b.age);
  for (const { path, age } of files.slice(count)) {
    if (age > grace) ignoringErrors(() => rmSync(path, { force: true }));
  }
}

/** Sets the time of last use, by which `keepNewest` decides, to now. */
export function markUsed(path: string): void {
  const now = new Date();
  ignoringErrors(() => utimesSync(path, now, now));
}

/** A failure to clean up is not an error: the file may belong to another user. */
function ignoringErrors(work: () => void): void {
  try {
    work();
  } catch {}
}
