import { worstByName } from './compare.ts';
import { classify, type HistoryClass } from './history.ts';
import type { RunKernel, RunResult, RunSplat, TestStatus } from './run-result.ts';

/** What a run is called in a history. */
interface RunOfHistory {
  run: string;
  /** ISO 8601. */
  started: string;
  kernel: RunKernel | undefined;
}

/** A test in the runs of one cut, as printed by `rapido results --test NAME --json`. */
export interface TestLookup {
  name: string;
  cut: string;
  class: HistoryClass;
  /** How often it changed between passing and failing. */
  flips: number;
  /** How many of the latest results are the same. */
  streak: number;
  /** Newest first; of several results in a run, the worst. */
  results: TestOfHistory[];
}

export interface TestOfHistory extends RunOfHistory {
  status: TestStatus;
  /** In milliseconds. */
  duration?: number | undefined;
  message?: string | undefined;
}

/** A kernel report in all runs, as printed by `rapido results --report TITLE --json`. */
export interface ReportLookup {
  kind: string;
  title: string;
  /** Newest first. */
  results: ReportOfHistory[];
}

export interface ReportOfHistory extends RunOfHistory {
  cut: string;
  count: number;
  during?: string | undefined;
  excused?: string | undefined;
}

/** @returns the tests for which `isMeant` is true, one for each cut. @param results in any order */
export function lookUpTests(
  results: readonly RunResult[],
  isMeant: (name: string) => boolean,
): TestLookup[] {
  const found = new Map<string, TestLookup>();
  for (const result of newestFirst(results)) {
    for (const [name, test] of worstByName(result.tests)) {
      if (!isMeant(name)) continue;
      const { status, duration, message } = test;
      const key = `${result.cut}\0${name}`;
      const lookup = found.get(key) ?? { name, cut: result.cut, ...UNCLASSIFIED, results: [] };
      lookup.results.push({ ...describeRun(result), status, duration, message });
      found.set(key, lookup);
    }
  }
  return [...found.values()].map((lookup) => ({
    ...lookup,
    ...classify(lookup.results.map(({ status }) => status).toReversed()),
  }));
}

const UNCLASSIFIED = { class: 'skip', flips: 0, streak: 0 } as const;

/** The tests that changed between passing and failing more than once, the worst first. */
export function findUnstable(results: readonly RunResult[]): TestLookup[] {
  return lookUpTests(results, () => true)
    .filter((test) => test.class === 'unstable')
    .sort((a, b) => b.flips - a.flips || a.streak - b.streak || (a.name < b.name ? -1 : 1));
}

/** @returns the reports whose `KIND: TITLE` contains the text, in the order in which each was last seen */
export function lookUpReports(results: readonly RunResult[], text: string): ReportLookup[] {
  const found = new Map<string, ReportLookup>();
  for (const result of newestFirst(results)) {
    for (const splat of result.splats.filter((each) => nameReport(each).includes(text))) {
      const { kind, title, count, during, excused } = splat;
      const name = nameReport(splat);
      const lookup = found.get(name) ?? { kind, title, results: [] };
      lookup.results.push({ ...describeRun(result), cut: result.cut, count, during, excused });
      found.set(name, lookup);
    }
  }
  return [...found.values()];
}

export function nameReport({ kind, title }: Pick<RunSplat, 'kind' | 'title'>): string {
  return `${kind}: ${title}`;
}

function newestFirst(results: readonly RunResult[]): RunResult[] {
  return results.toSorted((a, b) => Date.parse(b.started) - Date.parse(a.started));
}

function describeRun({ id, started, kernel }: RunResult): RunOfHistory {
  return { run: id, started, kernel };
}
