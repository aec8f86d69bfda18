import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { BootJudgement } from './judge-boot.ts';

/** How a detached VM ended. */
export interface LastEnding {
  version: 2;
  number: number;
  cut: string;
  /** ISO 8601. */
  ended: string;
  /** What went wrong. */
  lines: string[];
  consoleLog: string;
}

const FILE = 'ended.json';

/**
 * Records how a VM ended, beside its console log, if something went wrong.
 * @param consoleLog path in the directory `vmN` of rapido's state directory
 */
export function noteEnding(
  consoleLog: string,
  { cut, lines }: Pick<BootJudgement, 'lines'> & { cut: string },
): void {
  if (lines.length === 0) return;
  const directory = dirname(consoleLog);
  const number = Number(/(\d+)$/.exec(directory)?.[1]);
  const ending: LastEnding = {
    version: 2,
    number,
    cut,
    lines,
    ended: new Date().toISOString(),
    consoleLog,
  };
  writeFileAtomic(join(directory, FILE), JSON.stringify(ending));
}

/** Deletes the record of the previous VM with this number, when a new one starts. */
export function forgetEnding(directory: string): void {
  rmSync(join(directory, FILE), { force: true });
}

/** What went wrong with detached VMs, sorted by number. */
export function listEndings(stateDirectory: string): LastEnding[] {
  return listIfReachable(stateDirectory)
    .filter((name) => /^vm\d+$/.test(name))
    .flatMap((name) => readEnding(join(stateDirectory, name, FILE)) ?? [])
    .sort((a, b) => a.number - b.number);
}

function readEnding(path: string): LastEnding | undefined {
  try {
    const ending: LastEnding = JSON.parse(readFileSync(path, 'utf8'));
    return ending.version === 2 ? ending : undefined;
  } catch {
    return undefined;
  }
}
