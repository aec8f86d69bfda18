import { existsSync, readdirSync } from 'node:fs';
import type { GlobalOptions } from '../cli/context.ts';
import {
  describeReadError,
  EXIT,
  errorCode,
  explainSystemError,
  UsageError,
  UserError,
} from '../errors.ts';
import { locateDirectories } from '../host/directories.ts';
import { compareRuns } from '../results/compare.ts';
import { compareTimes } from '../results/compare-times.ts';
import type { RunResult } from '../results/run-result.ts';
import { type RunFilter, selectRuns } from '../results/select-runs.ts';
import {
  formatComparison,
  formatRun,
  formatRunTable,
  locateSplats,
  type Surroundings,
} from '../results/show.ts';
import {
  listRunIds,
  listRuns,
  RUN_FILES,
  readRun,
  requireRunsOf,
  resultOf,
  runsDirectory,
  type StoredRun,
} from '../results/store.ts';
import { requireOutputFile } from '../sys/output-file.ts';
import { isDirectory, readTextIfReachable, statIfReachable } from '../sys/stat.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';
import { type ExportOptions, exportRun, readExportOptions } from './export.ts';
import {
  type FilterOptions,
  type LookupOptions,
  readFilterOptions,
  readLookupOptions,
  showLookup,
} from './look-up.ts';

export interface ResultsOptions extends GlobalOptions, ExportOptions, LookupOptions, FilterOptions {
  /** Only runs of this cut. */
  cut?: string | undefined;
  json?: boolean | undefined;
  /** File for a page instead of the output. */
  html?: string | undefined;
  /** Directory of the runs. */
  results?: string | undefined;
}

/**
 * `rapido results [RUN [RUN]]`: lists the runs, shows one, or compares two.
 * Does not read rapido.conf, so that a broken one does not prevent it.
 * @returns the exit status
 */
export async function runResults(
  names: readonly string[],
  options: ResultsOptions,
  ui: Ui,
): Promise<number> {
  const parent = options.results ?? runsDirectory(locateDirectories(process.env).state);
  if (options.results !== undefined && !isDirectory(parent)) {
    throw new UsageError(`--results: ${parent} is not a directory`);
  }
  refuseUnreadable(parent);
  const [a, b] = names;
  if (names.length > 2) {
    throw new UsageError(`${names.length} runs were given; at most two can be compared`, {
      hint: 'rapido results latest~1 latest',
    });
  }
  const json = options.json === true;
  const { cut, html } = options;
  if (html !== undefined) requireOutputFile('--html', html);
  if (cut !== undefined) requireRunsOf(parent, cut);
  if (html !== undefined && json) {
    throw new UsageError('--html and --json cannot be combined', { hint: 'call rapido twice' });
  }
  const filter = readFilterOptions(options, Date.now());
  const lookup = readLookupOptions(options);
  if (a !== undefined) refuseForNamedRun(options);
  if (lookup !== undefined) {
    if (html !== undefined) throw new UsageError('--html shows all tests; it cannot be combined');
    const runs = selectRuns(listRuns(parent, cut), filter);
    const around = surroundings(ui);
    showLookup(lookup, finishedOf(runs), { ui, json, around, ids: listRunIds(parent) });
    return EXIT.ok;
  }
  const exported = readExportOptions(options);
  if (exported !== undefined) {
    refuseWithExport({ html, json, isOne: a !== undefined && b === undefined });
    const run = readRun(parent, a!, cut);
    exportRun(run, resultOf(run), exported, ui);
    return EXIT.ok;
  }
  if (a === undefined) {
    return html === undefined
      ? showList(parent, { cut, filter, json }, ui)
      : writeHistory(parent, { cut, filter }, html, ui);
  }
  if (b === undefined) {
    const run = readRun(parent, a, cut);
    return html === undefined ? showRun(run, json, ui) : writeRun(run, html);
  }
  return orTrouble(async () => {
    const [runA, runB] = [readRun(parent, a, cut), readRun(parent, b, cut)];
    return html === undefined
      ? showComparison(runA, runB, json, ui)
      : writeComparison(runA, runB, parent, html);
  });
}

function refuseWithExport(request: {
  html: string | undefined;
  json: boolean;
  isOne: boolean;
}): void {
  const other = request.html !== undefined ? '--html' : request.json ? '--json' : undefined;
  if (other !== undefined) throw new UsageError(`--export and ${other} cannot be combined`);
  if (request.isOne) return;
  throw new UsageError('--export requires one run', { hint: 'rapido results latest --export …' });
}

/** As in diff(1), 1 means that the runs differ, so errors must have another exit status: 2. */
async function orTrouble(compare: () => Promise<number>): Promise<number> {
  try {
    return await compare();
  } catch (error) {
    const explained = explainSystemError(error);
    if (!(explained instanceof UserError)) throw error;
    const { message, problems, hint } = explained;
    throw new UsageError(message, { problems, ...(hint !== undefined && { hint }), cause: error });
  }
}

/** Which runs are listed. */
interface Selection {
  cut: string | undefined;
  filter: RunFilter;
}

/** Options that select runs have no meaning for runs that are named. */
function refuseForNamedRun(options: ResultsOptions): void {
  const names = ['kernel', 'verdict', 'since', 'until', 'test', 'report', 'flaky'] as const;
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new UsageError(`--${given} cannot be combined with the name of a run`, {
    hint: `rapido results --${given} …`,
  });
}

function showList(
  parent: string,
  { cut, filter, json }: Selection & { json: boolean },
  ui: Ui,
): number {
  const runs = selectRuns(listRuns(parent, cut), filter);
  if (json) {
    ui.result(formatJson(finishedOf(runs)));
  } else {
    const ids = listRunIds(parent);
    if (runs.length === 0) noteNoRuns(parent, ids, ui);
    for (const line of formatRunTable(runs, surroundings(ui), ids)) ui.result(line);
  }
  for (const run of runs) {
    if (run.state === 'unreadable') ui.warn(`${run.file('result.json')}: ${run.reason}`);
  }
  return EXIT.ok;
}

/** Without this, a directory of another user would look as if it contained no runs. */
function refuseUnreadable(parent: string): void {
  try {
    readdirSync(parent);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw new UserError(describeReadError(parent, error));
  }
}

function noteNoRuns(parent: string, ids: readonly string[], ui: Ui): void {
  ui.note(
    ids.length === 0
      ? `no runs yet in ${parent}; start one with \`rapido run\``
      : 'no run matches the options',
  );
}

function showRun(run: StoredRun, json: boolean, ui: Ui): number {
  const result = resultOf(run);
  if (json) {
    ui.result(formatJson(result));
    return EXIT.ok;
  }
  const files = RUN_FILES.map((name) => ({ name, path: run.file(name) })).filter(({ path }) =>
    existsSync(path),
  );
  const log = result.splats.length === 0 ? '' : readLog(run.file('console.log'));
  const splatLines = locateSplats(log, result.splats);
  for (const line of formatRun({ result, files, splatLines }, surroundings(ui))) ui.result(line);
  return EXIT.ok;
}

/** The result of a run with which another one is compared. @throws UserError if there is nothing to compare with */
function tested(run: StoredRun): RunResult {
  const result = resultOf(run);
  if (result.verdict === 'error' && result.tests.length === 0) {
    throw new UserError(`run ${result.id} tested nothing: ${result.reason}`, {
      hint: 'compare with another run: `rapido results` lists them',
    });
  }
  return result;
}

function showComparison(a: StoredRun, b: StoredRun, json: boolean, ui: Ui): number {
  const comparison = compareRuns(tested(a), resultOf(b));
  if (json) ui.result(formatJson(comparison));
  else for (const line of formatComparison(comparison, { paint: ui.paint })) ui.result(line);
  return comparison.worse.length === 0 ? EXIT.ok : EXIT.failed;
}

async function writeHistory(
  parent: string,
  { cut, filter }: Selection,
  path: string,
  ui: Ui,
): Promise<number> {
  const { writeHistoryPage } = await import('../page/write.ts');
  const runs = selectRuns(listRuns(parent, cut), filter);
  if (runs.length === 0) noteNoRuns(parent, listRunIds(parent), ui);
  writeHistoryPage(path, finishedOf(runs));
  return EXIT.ok;
}

async function writeRun(run: StoredRun, path: string): Promise<number> {
  const { writeRunPage } = await import('../page/write.ts');
  writeRunPage(path, run, resultOf(run));
  return EXIT.ok;
}

/** Also tells which tests are slower than in earlier runs of the same cut. */
async function writeComparison(runA: StoredRun, runB: StoredRun, parent: string, path: string) {
  const { writeComparisonPage } = await import('../page/write.ts');
  const [a, b] = [tested(runA), resultOf(runB)];
  const earlier = finishedOf(listRuns(parent, b.cut)).filter(
    ({ cut, started }) => cut === b.cut && started < b.started,
  );
  const comparison = compareRuns(a, b);
  writeComparisonPage(path, { comparison, times: compareTimes(a, b, earlier) });
  return comparison.worse.length === 0 ? EXIT.ok : EXIT.failed;
}

function finishedOf(runs: readonly StoredRun[]): RunResult[] {
  return runs.flatMap((run) => (run.state === 'finished' ? [run.result] : []));
}

function surroundings({ paint }: Ui): Surroundings {
  return { paint, width: process.stdout.columns, now: new Date(), timeZone: undefined };
}

/** Of a larger log, no line numbers are shown, in bytes: a guest can write any amount. */
const LONGEST_LOG = 64 * 1024 * 1024;

function readLog(path: string): string {
  const size = statIfReachable(path)?.size ?? 0;
  return size > LONGEST_LOG ? '' : (readTextIfReachable(path) ?? '');
}
