import type { OutputFormat } from '../cut/cut.ts';
import { BLKTESTS_MARK, createBlktestsParser } from '../formats/suites/blktests.ts';
import { createFstestsParser, FSTESTS_MARK } from '../formats/suites/fstests.ts';
import { createKtapParser } from '../formats/suites/ktap/ktap.ts';
import { createLtpParser, LTP_MARK } from '../formats/suites/ltp.ts';
import type { SuiteListener, SuiteParser, TestMark } from '../formats/suites/suite.ts';
import type { TestListener } from './progress.ts';
import type { TestResult } from './run-result.ts';

/** How many tests are kept, and how many failures beside them. */
const MOST_TESTS = 100_000;

export interface TestOptions {
  /** How single tests are told on stdout. */
  format: OutputFormat | undefined;
  /** Whether that must be told there: a lack of it is a problem. */
  mustTellTests: boolean;
  /** Tests that an earlier boot of the run has told: that they are skipped now is nothing new. */
  done?: readonly string[] | undefined;
  listener?: TestListener | undefined;
  /** The host's path of /rapido/results; undefined: what is there is not on the host. */
  resultsDirectory?: string | undefined;
}

/** What the output of the command says of single tests. */
export interface TestCollection {
  /** Takes a line of stdout. */
  push: (line: string) => void;
  /** Takes the beginning of a line that has not ended. */
  partial: (text: string) => void;
  finish: () => FoundTests;
}

export interface FoundTests {
  tests: TestResult[];
  /** Why the tests cannot be taken for whole. */
  testProblems: string[];
  /** How many are not kept; none of them failed, unless there were too many of those. */
  testsDropped: number;
  /** Tests that had begun and have no result. */
  unfinished: string[];
}

/** How each format is read. */
const PARSERS: Readonly<Record<OutputFormat, (listener: SuiteListener) => SuiteParser>> = {
  ktap: ({ onTest }) => createKtapParser(onTest),
  fstests: createFstestsParser,
  blktests: createBlktestsParser,
  ltp: createLtpParser,
};

/** Where its suite says in the kernel's log that a test begins, if it does. */
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
  { format, mustTellTests, done = [], listener, resultsDirectory }: TestOptions,
  onTest: (name: string) => void,
): TestCollection {
  const tests: TestResult[] = [];
  let failures = 0;
  let testsDropped = 0;
  if (format === undefined) {
    return {
      push: () => {},
      partial: () => {},
      finish: () => ({ tests, testProblems: [], testsDropped, unfinished: [] }),
    };
  }
  // A program is done where one of the tests in it is.
  const isDone = new Set(done.flatMap((name) => [name, ...namesAround(name)]));
  /** Tests that have begun and have no result. */
  const inFlight = new Set<string>();
  const parser = PARSERS[format]({
    onStart: (path) => {
      inFlight.add(path.join('/'));
      listener?.onStart(path.join('/'));
    },
    onTest: ({ path, ...result }) => {
      const name = path.join('/');
      for (const text of ['message', 'output'] as const) {
        if (result[text] !== undefined) result[text] = toHostPaths(result[text], resultsDirectory);
      }
      inFlight.delete(name);
      if (result.status === 'skip' && isDone.has(name)) return;
      onTest(name);
      listener?.onTest({ name, ...result });
      if (result.status === 'fail') failures++;
      const isKept =
        tests.length < MOST_TESTS || (result.status === 'fail' && failures <= MOST_TESTS);
      if (isKept) tests.push({ name, ...result });
      else testsDropped++;
    },
  });
  return {
    push: (line) => parser.push(line),
    partial: (text) => parser.partial?.(text),
    finish: () => {
      const { found, problems, skipped, unfinished = [] } = parser.end();
      for (const path of unfinished) inFlight.add(path.join('/'));
      for (const name of inFlight) onTest(name);
      const isEmpty = tests.length + inFlight.size + done.length === 0;
      if (skipped !== undefined && isEmpty) {
        tests.push({ name: 'all tests', status: 'skip', message: skipped });
      } else if (found && isEmpty && problems.length === 0) problems.push('it tells of no test');
      const none = mustTellTests ? [`it holds no results in the form ${format}`] : [];
      const testProblems = found ? problems : none;
      return { tests, testProblems, testsDropped, unfinished: [...inFlight] };
    },
  };
}

/** Whoever reads a message looks for the files that it names on the host. */
function toHostPaths(text: string, resultsDirectory: string | undefined): string {
  if (resultsDirectory === undefined) return text;
  return text.replace(/(?<![\w./-])\/rapido\/results\/+/g, () => `${resultsDirectory}/`);
}

/** `a` and `a/b` of `a/b/c`. */
function namesAround(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
