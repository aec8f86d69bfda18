import { rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { listIfReachable, statIfReachable } from './stat.ts';

export interface KeepRule {
  /** What is counted: files whose names end so. */
  suffix: string;
  /** How many are kept. */
  count: number;
  /** Milliseconds for which one that was just made or used stays, however many there are. */
  grace: number;
}

/** Removes the files of a directory that were used the longest ago. */
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

/** The time of last use decides what is kept. */
export function markUsed(path: string): void {
  const now = new Date();
  ignoringErrors(() => utimesSync(path, now, now));
}

/** Clearing up is never worth a failure: what belongs to another user stays. */
function ignoringErrors(work: () => void): void {
  try {
    work();
  } catch {}
}
