import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { parseJson } from '../sys/json.ts';
import { listIfReachable, readTextIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { BootJudgement } from './judge-boot.ts';

const lastEnding = z.object({
  version: z.literal(2),
  number: z.int(),
  cut: z.string(),
  /** ISO 8601. */
  ended: z.string(),
  /** What went wrong. */
  lines: z.array(z.string()),
  consoleLog: z.string(),
});

/** How a detached VM ended. */
export type LastEnding = z.infer<typeof lastEnding>;

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
    .map((name) => readTextIfReachable(join(stateDirectory, name, FILE)) ?? '')
    .flatMap((text) => parseJson(lastEnding, text) ?? [])
    .sort((a, b) => a.number - b.number);
}
