import { isFailure, worstByName } from './compare.ts';
import type { RunResult, TestStatus } from './run-result.ts';

/**
 * What the results of a test in several runs amount to:
 * - `regression`: it passed, then failed, and has failed since.
 * - `fixed`: it failed, then passed, and has passed since.
 * - `unstable`: it changed more than once.
 */
export type HistoryClass = 'pass' | 'fail' | 'skip' | 'fixed' | 'regression' | 'unstable';

/** A test in several runs. */
export interface TestHistory {
  name: string;
  class: HistoryClass;
  /** How often it changed between passing and failing. */
  flips: number;
  /** How many of the latest results are the same. */
  streak: number;
  /** One for each run, oldest first; undefined: the test did not run. Of several results in a run, the worst. */
  results: (TestStatus | undefined)[];
  /** Milliseconds, one for each run; undefined: unknown. */
  times: (number | undefined)[];
}

/** A kernel report in several runs. */
export interface ReportHistory {
  kind: string;
  title: string;
  /** IDs of the first and the last run that has it. */
  firstSeen: string;
  lastSeen: string;
  /** In how many runs it appeared. */
  runs: number;
  /** The tests and phases in which it first appeared in a run. */
  during: string[];
}

export interface History {
  /** Oldest first. */
  runs: RunResult[];
  tests: TestHistory[];
  reports: ReportHistory[];
}

/** Joins the results of runs of one cut. @param results in any order */
export function buildHistory(results: readonly RunResult[]): History {
  const runs = results.toSorted((a, b) => Date.parse(a.started) - Date.parse(b.started));
  const byName = runs.map(({ tests }) => worstByName(tests));
  const names = new Set(byName.flatMap((tests) => [...tests.keys()]));
  return {
    runs,
    tests: [...names].map((name) => {
      const found = byName.map((tests) => tests.get(name));
      const statuses = found.map((test) => test?.status);
      return {
        name,
        ...classify(statuses),
        results: statuses,
        times: found.map((test) => test?.duration),
      };
    }),
    reports: listReports(runs),
  };
}

/** @param statuses oldest first; undefined: the test did not run */
export function classify(
  statuses: readonly (TestStatus | undefined)[],
): Pick<TestHistory, 'class' | 'flips' | 'streak'> {
  const outcomes = statuses
    .filter((status) => status !== undefined && status !== 'skip' && status !== 'interrupted')
    .map((status) => isFailure({ status: status! }));
  const flips = outcomes.filter((each, index) => index > 0 && each !== outcomes[index - 1]).length;
  const last = outcomes.at(-1);
  const streak = outcomes.length - 1 - outcomes.findLastIndex((each) => each !== last);
  if (last === undefined) return { class: 'skip', flips, streak: 0 };
  if (flips > 1) return { class: 'unstable', flips, streak };
  if (flips === 1) return { class: last ? 'regression' : 'fixed', flips, streak };
  return { class: last ? 'fail' : 'pass', flips, streak };
}

/** Without notes. */
function listReports(runs: readonly RunResult[]): ReportHistory[] {
  const reports = new Map<string, ReportHistory>();
  for (const { id, splats } of runs) {
    for (const { kind, title, severity, during } of splats) {
      if (severity === 'note') continue;
      const key = `${kind}: ${title}`;
      const first: ReportHistory = {
        kind,
        title,
        firstSeen: id,
        lastSeen: '',
        runs: 0,
        during: [],
      };
      const report = reports.get(key) ?? first;
      if (report.lastSeen !== id) report.runs++;
      report.lastSeen = id;
      if (during !== undefined && !report.during.includes(during)) report.during.push(during);
      reports.set(key, report);
    }
  }
  return [...reports.values()];
}
