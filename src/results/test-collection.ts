import type { OutputFormat } from '../cut/cut.ts';
import { createKtapParser } from '../ktap/ktap.ts';
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
  const parser = createKtapParser(({ path, status, message, output }) => {
    const name = path.join('/');
    onTest(name);
    if (status === 'fail') failures++;
    const isKept = tests.length < MOST_TESTS || (status === 'fail' && failures <= MOST_TESTS);
    if (isKept) tests.push({ name, status, message, output });
    else testsDropped++;
  });
  return {
    push: (line) => parser.push(line),
    finish: () => {
      const { found, problems, skipped } = parser.end();
      if (skipped !== undefined && tests.length === 0) {
        tests.push({ name: 'all tests', status: 'skip', message: skipped });
      }
      const none = mustTellTests ? ['there is no KTAP in it'] : [];
      return { tests, testProblems: found ? problems : none, testsDropped };
    },
  };
}
