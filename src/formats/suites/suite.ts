/** What a test suite prints, read as it comes. Each suite's own format is in a file or folder here. */
export interface SuiteParser {
  /** Takes the next line of the command's stdout, without its line feed. Never throws. */
  push: (line: string) => void;
  /** What there is so far of the line that comes next; for suites that print a name before its test. */
  partial?: (text: string) => void;
  /** The output is over. */
  end: () => SuiteOutcome;
}

export interface SuiteListener {
  /** A test has begun; not every suite says so. */
  onStart: (path: readonly string[]) => void;
  /** A test is over. */
  onTest: (test: SuiteTest) => void;
}

/** `xfail`: it failed as it was expected to. `xpass`: it should have failed and did not. */
export type TestStatus = 'pass' | 'fail' | 'skip' | 'xfail' | 'xpass';

/** The result of one test. */
export interface SuiteTest {
  /** The names of what it is nested in, outermost first, and its own: never empty. */
  path: readonly string[];
  status: TestStatus;
  /** Why it failed or was skipped, in one line. */
  message?: string | undefined;
  /** What it printed; shortened. */
  output?: string | undefined;
  /** Milliseconds. */
  duration?: number | undefined;
}

export interface SuiteOutcome {
  /** Whether there was any output of the suite at all. */
  found: boolean;
  /** Why the results cannot be taken for whole, each in one line. */
  problems: string[];
  /** Why nothing was tested, where the output as a whole says so. */
  skipped?: string | undefined;
  /** Tests that had begun when the output ended, of a suite that does not say when one begins. */
  unfinished?: readonly (readonly string[])[] | undefined;
}

/** The line that a suite writes to the kernel's log (/dev/kmsg) where a test begins. */
export interface TestMark {
  /** What is in every such line. */
  clue: string;
  /** The line without its time stamp; group 1 is the name of the test. */
  line: RegExp;
}
