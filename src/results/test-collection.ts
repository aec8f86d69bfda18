import type { OutputFormat } from '../cut/cut.ts';
import { createKtapParser } from '../suites/ktap/ktap.ts';
import type { SuiteListener, SuiteParser } from '../suites/suite.ts';
import type { TestResult } from './run-result.ts';

/** How many tests are kept, and how many failures beside them. */
const MOST_TESTS = 100_000;

export interface TestOptions {
  /** How single tests are told on stdout. */
  format: OutputFormat | undefined;
  /** Whether that must be told there: a lack of it is a problem. */
  mustTellTests: boolean;
}

/** What the output of the command says of single tests. */
export interface TestCollection {
  /** Takes a line of stdout. */
  push: (line: string) => void;
  finish: () => FoundTests;
}

export interface FoundTests {
  tests: TestResult[];
  /** Why the tests cannot be taken for whole. */
  testProblems: string[];
  /** How many are not kept; none of them failed, unless there were too many of those. */
  testsDropped: number;
}

/** How each format is read. */
const PARSERS: Readonly<Record<OutputFormat, (listener: SuiteListener) => SuiteParser>> = {
  ktap: ({ onTest }) => createKtapParser(onTest),
};

export function collectTests(
  { format, mustTellTests }: TestOptions,
  onTest: (name: string) => void,
): TestCollection {
  const tests: TestResult[] = [];
  let failures = 0;
  let testsDropped = 0;
  if (format === undefined) {
    return { push: () => {}, finish: () => ({ tests, testProblems: [], testsDropped }) };
  }
  /** Tests that have begun and have no result. */
  const inFlight = new Set<string>();
  const parser = PARSERS[format]({
    onStart: (path) => inFlight.add(path.join('/')),
    onTest: ({ path, ...result }) => {
      const name = path.join('/');
      inFlight.delete(name);
      onTest(name);
      if (result.status === 'fail') failures++;
      const isKept =
        tests.length < MOST_TESTS || (result.status === 'fail' && failures <= MOST_TESTS);
      if (isKept) tests.push({ name, ...result });
      else testsDropped++;
    },
  });
  return {
    push: (line) => parser.push(line),
    finish: () => {
      const { found, problems, skipped } = parser.end();
      for (const name of inFlight) {
        tests.push({ name, status: 'fail', message: 'it was running when the output ended' });
      }
      if (skipped !== undefined && tests.length === 0) {
        tests.push({ name: 'all tests', status: 'skip', message: skipped });
      }
      const none = mustTellTests ? [`there is no ${format} in it`] : [];
      return { tests, testProblems: found ? problems : none, testsDropped };
    },
  };
}
