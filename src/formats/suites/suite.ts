/** Parses the output of a test suite as it arrives. Each suite's format is in a file or folder here. */
export interface SuiteParser {
  /** Takes the next line of the command's stdout, without its line feed. Never throws. */
  push: (line: string) => void;
  /**
   * Takes the beginning of a line that has not ended yet. Used for suites that print the name of a test
   * before they run it.
   */
  partial?: (text: string) => void;
  /** Called at the end of the output. */
  end: () => SuiteOutcome;
}

export interface SuiteListener {
  /** A test has begun; not every suite reports this. */
  onStart: (path: readonly string[]) => void;
  /** A test has ended. */
  onTest: (test: SuiteTest) => void;
}

/** `xfail`: it failed, as expected. `xpass`: it was expected to fail and did not. */
export type TestStatus = 'pass' | 'fail' | 'skip' | 'xfail' | 'xpass';

/** The result of one test. */
export interface SuiteTest {
  /** The names of the tests that it is nested in, outermost first, and its own name: never empty. */
  path: readonly string[];
  status: TestStatus;
  /** Why it failed or was skipped, in one line. */
  message?: string | undefined;
  /** Its output, shortened. */
  output?: string | undefined;
  /** Milliseconds. */
  duration?: number | undefined;
}

export interface SuiteOutcome {
  /** Whether the output contains anything that the suite printed. */
  found: boolean;
  /** Why the results are not complete or not reliable, one line each. */
  problems: string[];
  /** The reason, if the suite reports that it was skipped as a whole. */
  skipped?: string | undefined;
  /** Tests without a result at the end of the output, for a suite that does not report when a test begins. */
  unfinished?: readonly (readonly string[])[] | undefined;
}

/** The line that a suite writes to the kernel log (/dev/kmsg) when a test begins. */
export interface TestMark {
  /** Literal text that every such line contains. */
  clue: string;
  /** The line without its timestamp; group 1 is the name of the test. */
  line: RegExp;
}
