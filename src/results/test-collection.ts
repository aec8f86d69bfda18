import type { OutputFormat } from '../cut/cut.ts';
import { BLKTESTS_MARK, createBlktestsParser } from '../formats/suites/blktests.ts';
import { createFstestsParser, FSTESTS_MARK } from '../formats/suites/fstests.ts';
import { createKtapParser } from '../formats/suites/ktap/ktap.ts';
import { createLtpParser, LTP_MARK } from '../formats/suites/ltp.ts';
import type { SuiteListener, SuiteParser, TestMark } from '../formats/suites/suite.ts';
import type { TestListener } from './progress.ts';
import type { TestResult } from './run-result.ts';

/** How many tests are kept. Failures beyond it are kept until there are as many of them. */
const MAX_TESTS = 100_000;

export interface TestOptions {
  /** The format in which stdout reports single tests. */
  format: OutputFormat | undefined;
  /** Whether stdout must report tests: it is a problem if it does not. */
  requiresTests: boolean;
  /** Tests whose results an earlier boot has reported. That they are skipped now is not recorded. */
  done?: readonly string[] | undefined;
  listener?: TestListener | undefined;
  /** @returns milliseconds since the start of the run; undefined: the starts of tests are not recorded */
  elapsed?: (() => number) | undefined;
  /** Path of /rapido/results on the host; undefined: its files are not on the host. */
  resultsDirectory?: string | undefined;
}

/** Collects the results of single tests from the output of the command. */
export interface TestCollection {
  /** The command has been started. */
  begin: () => void;
  /** Takes a line of stdout. */
  push: (line: string) => void;
  /** Takes the beginning of a line that has not ended. */
  partial: (text: string) => void;
  finish: () => FoundTests;
  /** @returns when a test without a result began, in milliseconds since the start of the run */
  startOf: (name: string) => number | undefined;
}

export interface FoundTests {
  tests: TestResult[];
  /** Why the tests may be incomplete. */
  testProblems: string[];
  /** How many tests are not kept. They did not fail, unless there are too many failures. */
  testsDropped: number;
  /** Tests that began and have no result. */
  unfinished: string[];
}

/** As their users write them. */
const FORMAT_NAMES = {
  ktap: 'KTAP',
  fstests: 'xfstests',
  blktests: 'blktests',
  ltp: 'LTP',
} as const satisfies Record<OutputFormat, string>;

/** The parser of each format. */
const PARSERS: Readonly<Record<OutputFormat, (listener: SuiteListener) => SuiteParser>> = {
  ktap: ({ onTest }) => createKtapParser(onTest),
  fstests: createFstestsParser,
  blktests: createBlktestsParser,
  ltp: createLtpParser,
};

/** How each suite marks the beginning of a test in the kernel log, if it does. */
const MARKS: Readonly<Record<OutputFormat, TestMark | undefined>> = {
  ktap: undefined,
  fstests: FSTESTS_MARK,
  blktests: BLKTESTS_MARK,
  ltp: LTP_MARK,
};

export function markOf(format: OutputFormat | undefined): TestMark | undefined {
  return format === undefined ? undefined : MARKS[format];
}

export function collectTests(
  { format, requiresTests, done = [], listener, elapsed, resultsDirectory }: TestOptions,
  onTest: (name: string) => void,
): TestCollection {
  const tests: TestResult[] = [];
  let failures = 0;
  let testsDropped = 0;
  if (format === undefined) {
    return {
      begin: () => {},
      startOf: () => undefined,
      push: () => {},
      partial: () => {},
      finish: () => ({ tests, testProblems: [], testsDropped, unfinished: [] }),
    };
  }
  // A program counts as done if one of the tests in it is.
  const isDone = new Set(done.flatMap((name) => [name, ...namesAround(name)]));
  /** Tests that have begun and have no result yet, with their start. */
  const inFlight = new Map<string, number | undefined>();
  /** When the command began, or the last result arrived. */
  let lastEnd: number | undefined;
  const withStart = (name: string): Pick<TestResult, 'start'> => {
    const start = inFlight.has(name) ? inFlight.get(name) : lastEnd;
    return start === undefined ? {} : { start };
  };
  const parser = PARSERS[format]({
    onStart: (path) => {
      inFlight.set(path.join('/'), elapsed?.());
      listener?.onStart(path.join('/'));
    },
    onTest: ({ path, ...result }) => {
      const name = path.join('/');
      for (const text of ['message', 'output'] as const) {
        if (result[text] !== undefined) result[text] = toHostPaths(result[text], resultsDirectory);
      }
      const start = withStart(name);
      lastEnd = elapsed?.();
      inFlight.delete(name);
      if (result.status === 'skip' && isDone.has(name)) return;
      onTest(name);
      listener?.onTest({ name, ...result });
      if (result.status === 'fail') failures++;
      const isKept =
        tests.length < MAX_TESTS || (result.status === 'fail' && failures <= MAX_TESTS);
      if (isKept) tests.push({ name, ...start, ...result });
      else testsDropped++;
    },
  });
  return {
    begin: () => {
      lastEnd = elapsed?.();
    },
    startOf: (name) => withStart(name).start,
    push: (line) => parser.push(line),
    partial: (text) => parser.partial?.(text),
    finish: () => {
      const { found, problems, skipped, unfinished = [] } = parser.end();
      for (const path of unfinished) {
        const name = path.join('/');
        if (!inFlight.has(name)) inFlight.set(name, lastEnd);
      }
      for (const name of inFlight.keys()) onTest(name);
      const isEmpty = tests.length + inFlight.size + done.length === 0;
      if (skipped !== undefined && isEmpty) {
        tests.push({ name: 'all tests', status: 'skip', message: skipped });
      } else if (found && isEmpty && problems.length === 0) problems.push('no tests in the output');
      const none = requiresTests ? [`no ${FORMAT_NAMES[format]} results in the output`] : [];
      const testProblems = found ? problems : none;
      return { tests, testProblems, testsDropped, unfinished: [...inFlight.keys()] };
    },
  };
}

/** Converts paths in messages to paths on the host, where the user looks for the files. */
function toHostPaths(text: string, resultsDirectory: string | undefined): string {
  if (resultsDirectory === undefined) return text;
  return text.replace(/(?<![\w./-])\/rapido\/results\/+/g, () => `${resultsDirectory}/`);
}

/** Returns `a` and `a/b` for `a/b/c`. */
function namesAround(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
