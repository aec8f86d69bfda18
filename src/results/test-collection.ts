import type { OutputFormat } from '../cut/cut.ts';
import { createKtapParser } from '../ktap/ktap.ts';
import type { TestResult } from './run-result.ts';

/** How many tests are kept. */
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
  finish: () => { tests: TestResult[]; testProblems: string[] };
}

export function collectTests(
  { format, mustTellTests }: TestOptions,
  onTest: (name: string) => void,
): TestCollection {
  const tests: TestResult[] = [];
  if (format === undefined) {
    return { push: () => {}, finish: () => ({ tests, testProblems: [] }) };
  }
  const parser = createKtapParser(({ path, status, message, output }) => {
    const name = path.join('/');
    onTest(name);
    if (tests.length < MOST_TESTS) tests.push({ name, status, message, output });
  });
  return {
    push: (line) => parser.push(line),
    finish: () => {
      const { found, problems, skipped } = parser.end();
      if (skipped !== undefined && tests.length === 0) {
        tests.push({ name: 'all tests', status: 'skip', message: skipped });
      }
      if (found) return { tests, testProblems: problems };
      return { tests, testProblems: mustTellTests ? ['there is no KTAP in it'] : [] };
    },
  };
}
