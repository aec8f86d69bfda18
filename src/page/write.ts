import type { RunResult } from '../results/run-result.ts';
import { isServerConsole, RUN_FILES, type RunDirectory } from '../results/store.ts';
import { readRegularFile } from '../sys/regular-file.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import { renderComparisonPage, type ShownComparison } from './comparison-page.tsx';
import { renderHistoryPage } from './history-page.tsx';
import type { RawLog } from './logs.ts';
import { renderRunPage } from './run-page.tsx';

/** A larger log is not in the page, in bytes. */
const LARGEST_LOG = 256 * 1024 * 1024;

/** Writes the page of a run, with its logs, to a file. */
export function writeRunPage(path: string, run: RunDirectory, result: RunResult): void {
  writePage(path, renderRunPage(result, readLogs(run, result)));
}

/** Writes the page of a comparison to a file. */
export function writeComparisonPage(path: string, shown: ShownComparison): void {
  writePage(path, renderComparisonPage(shown));
}

/** Writes the page with the history of runs to a file. @param results in any order */
export function writeHistoryPage(path: string, results: readonly RunResult[]): void {
  writePage(path, renderHistoryPage(results));
}

/** Others may read it, for example the web server of a CI system. */
function writePage(path: string, html: string): void {
  writeFileAtomic(path, html, 0o644);
}

function readLogs({ file }: RunDirectory, { servers = [] }: RunResult): RawLog[] {
  const own = RUN_FILES.filter((name) => name.endsWith('.log'));
  const consoles = servers.map((server) => server.console).filter(isServerConsole);
  return [...own, ...consoles].flatMap((name) => {
    const bytes = readRegularFile(file(name), { limit: LARGEST_LOG });
    return bytes === undefined ? [] : [{ name, text: bytes.toString() }];
  });
}
