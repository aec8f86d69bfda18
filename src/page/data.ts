/*
 * What a page embeds for its script. All text in it is plain: see plain.ts.
 */

import type { Severity } from '../formats/klog/splat.ts';
import type { TestResult, TestStatus } from '../results/run-result.ts';

export type PageData = RunData | HistoryData;

export interface RunData {
  page: 'run';
  tests: readonly PageTest[];
  logs: readonly Log[];
}

/** A test; `base` is its name without the number of its repetition. */
export type PageTest = TestResult & { isFlaky?: boolean | undefined };

/** A log of the run. Its text is in an element of its own: `ID-data`, packed with gzip and base64. */
export interface Log {
  id: string;
  /** Name of the file in the directory of the run. */
  name: string;
  /** Before the number of a line in its anchor: `L` gives `#L12`. */
  prefix: string;
  lines: number;
  /** The lines that are left out: `count` of them, after the first `after` ones. One line stands for them. */
  gap?: { after: number; count: number } | undefined;
  marks: readonly LogMark[];
}

/** A kernel report in a log. */
export interface LogMark {
  /** From 1. */
  line: number;
  /** How many lines it has. */
  length: number;
  severity: Severity;
  title: string;
  /** Anchor of the report in the page, without `#`. */
  report: string;
}

export interface HistoryData {
  page: 'history';
  groups: readonly HistoryGroup[];
}

/** The tests of the runs of one cut. */
export interface HistoryGroup {
  /** Identifies the element that shows it. */
  id: string;
  /** Oldest first. */
  runs: readonly { name: string; kernel: string; when: string; verdict: string }[];
  tests: readonly HistoryRow[];
}

export interface HistoryRow {
  name: string;
  class: string;
  flips: number;
  streak: number;
  /** One for each run; null: the test did not run. */
  results: readonly (TestStatus | null)[];
  /** Milliseconds, one for each run; null: unknown. */
  times: readonly (number | null)[];
}
