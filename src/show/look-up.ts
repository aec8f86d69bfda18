import { UsageError } from '../errors.ts';
import { findUnstable, lookUpReports, lookUpTests, nameReport } from '../results/look-up.ts';
import type { RunResult } from '../results/run-result.ts';
import { type RunFilter, VERDICTS_AND_STATES } from '../results/select-runs.ts';
import type { Surroundings } from '../results/show.ts';
import { formatFlaky, formatReportLookup, formatTestLookup } from '../results/show-look-up.ts';
import { parseDuration } from '../run/duration.ts';
import { findNearest } from '../sys/text.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';

export interface LookupOptions {
  /** Name of a test. */
  test?: string | undefined;
  /** A part of `KIND: TITLE` of a kernel report. */
  report?: string | undefined;
  flaky?: boolean | undefined;
}

export interface FilterOptions {
  kernel?: string | undefined;
  verdict?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

/** What is looked up in all runs: one of the options. */
export type Lookup = { test: string } | { report: string } | { flaky: true };

/** @returns undefined if none of the options is given. @throws UsageError if several are */
export function readLookupOptions({ test, report, flaky }: LookupOptions): Lookup | undefined {
  const given = [
    ...(test === undefined ? [] : [{ test }]),
    ...(report === undefined ? [] : [{ report }]),
    ...(flaky === true ? [{ flaky } as const] : []),
  ];
  if (given.length > 1) throw new UsageError('--test, --report and --flaky cannot be combined');
  return given[0];
}

/** @param now in milliseconds since 1970. @throws UsageError */
export function readFilterOptions(options: FilterOptions, now: number): RunFilter {
  const { kernel, verdict } = options;
  return {
    kernel,
    verdict: verdict === undefined ? undefined : parseVerdict(verdict),
    since: parseMoment('--since', options.since, now),
    until: parseMoment('--until', options.until, now),
  };
}

function parseVerdict(text: string): RunFilter['verdict'] {
  const verdict = VERDICTS_AND_STATES.find((each) => each === text);
  if (verdict !== undefined) return verdict;
  const nearest = findNearest(text, VERDICTS_AND_STATES);
  throw new UsageError(`--verdict: unknown verdict ${text}`, {
    hint: nearest === undefined ? VERDICTS_AND_STATES.join(', ') : `did you mean ${nearest}?`,
  });
}

/** A date, a date and a time, or a duration before now. */
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?$/;

/** @returns milliseconds since 1970; the end of the day for a date of --until. Dates are local, as in the list. */
export function parseMoment(
  option: '--since' | '--until',
  text: string | undefined,
  now: number,
): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(?:\.\d+)?[smhd]$/.test(text)) return now - parseDuration(option, text)!;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const time = !isDay ? '' : option === '--since' ? 'T00:00:00' : 'T23:59:59.999';
  const moment = Date.parse(`${text.replace(' ', 'T')}${time}`);
  if (DATE.test(text) && !Number.isNaN(moment)) return moment;
  throw new UsageError(`${option}: "${text}" is not a valid date`, {
    hint: `${option} 2026-11-23, ${option} 2026-11-23T10:15, or ${option} 7d for a week ago`,
  });
}

/** Prints the history of a test, of a kernel report, or of the flaky tests. @throws UsageError if it is not found */
export function showLookup(
  lookup: Lookup,
  results: readonly RunResult[],
  {
    ui,
    json,
    around,
    ids,
  }: { ui: Ui; json: boolean; around: Surroundings; ids: readonly string[] },
): void {
  const print = (found: object, lines: readonly string[]): void => {
    if (json) ui.result(formatJson(found));
    else lines.forEach(ui.result);
  };
  if ('test' in lookup) {
    const tests = lookUpTests(results, (name) => name === lookup.test);
    if (tests.length === 0) refuseUnknownTest(lookup.test, results);
    print(tests, formatTestLookup(tests, { ...around, ids }));
  } else if ('report' in lookup) {
    const reports = lookUpReports(results, lookup.report);
    if (reports.length === 0) refuseUnknownReport(lookup.report, results);
    print(reports, formatReportLookup(reports, { ...around, ids }));
  } else {
    const tests = findUnstable(results);
    if (tests.length === 0) ui.note(`no flaky tests in ${results.length} runs`);
    print(tests, tests.length === 0 ? [] : formatFlaky(tests, around));
  }
}

function refuseUnknownTest(name: string, results: readonly RunResult[]): never {
  const names = [...new Set(results.flatMap(({ tests }) => tests.map((test) => test.name)))];
  throw new UsageError(`--test: no run has a test ${name}`, suggest(name, names));
}

function refuseUnknownReport(text: string, results: readonly RunResult[]): never {
  const names = [...new Set(results.flatMap(({ splats }) => splats.map(nameReport)))];
  throw new UsageError(`--report: no run has a kernel report "${text}"`, suggest(text, names));
}

function suggest(name: string, names: readonly string[]): { hint?: string } {
  const nearest = findNearest(name, names);
  const similar = names.filter((each) => each.includes(name)).slice(0, 3);
  if (nearest !== undefined) return { hint: `did you mean ${nearest}?` };
  return similar.length === 0 ? {} : { hint: `similar: ${similar.join(', ')}` };
}
