import { isFailure } from '../results/compare.ts';
import type { RunResult, RunSplat, TestResult } from '../results/run-result.ts';
import { shorten } from '../sys/text.ts';

/**
 * A run as suites of test cases, as most report formats have it. There is a case that failed if and only if the
 * verdict is not `pass`, so that a reader of any of these formats comes to the same conclusion as rapido.
 */
export interface CaseSuite {
  /** The cut, `autorun` or `kernel log`. */
  name: string;
  cases: Case[];
  /** In milliseconds; undefined: unknown. */
  duration?: number | undefined;
}

export interface Case {
  /** Any text; not unique. */
  name: string;
  kind: CaseKind;
  /** Why; never empty if it failed. */
  message?: string | undefined;
  /** What kind of failure: a verdict, a kind of kernel report, `fail`, `status`, `interrupted`. */
  type?: string;
  /** Its output, or the text of the kernel report. */
  output?: string | undefined;
  /** In milliseconds. */
  duration?: number | undefined;
}

/**
 * - `fail`, `error`: fails the run; an error is not the fault of a test.
 * - `expected`: it failed, but that does not fail the run.
 */
export type CaseKind = 'pass' | 'fail' | 'error' | 'skip' | 'expected';

const KERNEL_LOG = 'kernel log';
const AUTORUN = 'autorun';

/** Verdicts that are not the fault of a test. `splat` has its own suite. */
const NO_TEST_FAILURE = ['crash', 'timeout', 'error', 'interrupted'];

/** Longer names and messages are cut, in characters: a guest can choose any. */
const LONGEST_NAME = 500;
const LONGEST_MESSAGE = 2000;

/** Lists what ran as test cases. Suites without a case are left out. */
export function casesOf(result: RunResult): CaseSuite[] {
  const suites = [commandSuite(result), autorunSuite(result), kernelLogSuite(result)].filter(
    ({ cases }) => cases.length > 0,
  );
  applyVerdict(result, suites);
  return suites.map((suite) => ({ ...suite, cases: suite.cases.map(limitCase) }));
}

/** Whether the case fails the run. */
export function failsRun({ kind }: Pick<Case, 'kind'>): boolean {
  return kind === 'fail' || kind === 'error';
}

/**
 * Makes names unique: `a`, `a (2)`, `a (3)`. GitLab counts only the first of two cases with the same name, and a JSON
 * object has each key once.
 */
export function makeUnique(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  const next = new Map<string, number>();
  return names.map((name) => {
    if (!seen.has(name)) {
      seen.add(name);
      return name;
    }
    for (let number = next.get(name) ?? 2; ; number++) {
      const numbered = `${name} (${number})`;
      if (taken.has(numbered)) continue;
      taken.add(numbered);
      next.set(name, number + 1);
      return numbered;
    }
  });
}

/** What ran, in one line: the command, or `autorun`. */
export function nameCommand({ command }: Pick<RunResult, 'command'>): string {
  if (command === undefined) return AUTORUN;
  if ('arguments' in command) return command.arguments.join(' ');
  return 'shell' in command ? command.shell : command.script;
}

function limitCase(one: Case): Case {
  const { name, message } = one;
  return {
    ...one,
    name: shorten(name, LONGEST_NAME),
    ...(message !== undefined && { message: shorten(message, LONGEST_MESSAGE) }),
  };
}

function commandSuite(result: RunResult): CaseSuite {
  const { verdict, reason, cut, times } = result;
  const cases = result.tests.map(testCase);
  if (NO_TEST_FAILURE.includes(verdict)) {
    const name = `${nameCommand(result)} (${verdict})`;
    cases.push({ name, kind: 'error', message: reason || verdict, type: verdict });
  } else if (cases.length === 0) cases.push(commandCase(result));
  return { name: cut, cases, duration: times.command };
}

/** What a failed test without a message gets. */
const NO_MESSAGE = 'it failed, and the test suite gave no reason';

function testCase(test: TestResult): Case {
  const { name, duration, output, status } = test;
  const message = test.message ?? '';
  const known = { name, duration, output };
  switch (status) {
    case 'pass':
      return { ...known, kind: 'pass' };
    case 'skip':
      return { ...known, kind: 'skip', message };
    case 'xfail':
      return {
        ...known,
        kind: 'expected',
        message: `failed as expected${message === '' ? '' : `: ${message}`}`,
      };
    case 'fail':
      return { ...known, kind: 'fail', message: message.trim() || NO_MESSAGE, type: status };
    case 'interrupted':
      // Neither a failure nor a result: the verdict of the run says why.
      return { ...known, kind: 'error', message: message.trim() || status, type: status };
    case 'xpass':
      // Not a failure. Whether it fails the run depends on the verdict.
      return { ...known, kind: 'pass', output: [message, output].filter(Boolean).join('\n') };
  }
}

/** The command itself, if its output contains no tests. */
function commandCase(result: RunResult): Case {
  const name = nameCommand(result);
  const duration = result.command === undefined ? result.times.autorun : result.times.command;
  const status = result.commandStatus ?? 0;
  return status === 0 ? { name, kind: 'pass', duration } : failedWith(status, { name, duration });
}

function autorunSuite({ autorun, times }: RunResult): CaseSuite {
  // Only the sum of the durations is known.
  const duration = autorun.length === 1 ? times.autorun : undefined;
  const cases = autorun.map(({ script: name, status }): Case => {
    return status === 0 ? { name, kind: 'pass', duration } : failedWith(status, { name, duration });
  });
  return { name: AUTORUN, cases, duration: times.autorun };
}

function failedWith(status: number, one: Pick<Case, 'name' | 'duration'>): Case {
  return { ...one, kind: 'fail', message: `exit status ${status}`, type: 'status' };
}

function kernelLogSuite({ splats }: RunResult): CaseSuite {
  return { name: KERNEL_LOG, cases: splats.map(splatCase) };
}

function splatCase(splat: RunSplat): Case {
  const { kind: type, title: name, excused, severity, during, count } = splat;
  const output = splat.decoded ?? splat.text;
  if (excused !== undefined) return { name, output, kind: 'expected', message: excused };
  if (severity === 'note') return { name, output, kind: 'pass' };
  const message = [
    name,
    ...(during === undefined ? [] : [`during ${during}`]),
    ...(count > 1 ? [`${count} times`] : []),
  ].join(', ');
  return { name, output, kind: 'fail', message, type };
}

/**
 * Adjusts the cases to the verdict: failures that do not count are expected ones, and if no case shows the reason for
 * the verdict, one is added.
 */
function applyVerdict(result: RunResult, suites: CaseSuite[]): void {
  const { verdict, reason } = result;
  if (verdict === 'pass') {
    for (const one of suites.flatMap(({ cases }) => cases.filter(failsRun))) {
      one.output = [one.message, one.output].filter(Boolean).join('\n');
      one.message = `does not fail the run: ${reason}`;
      one.kind = 'expected';
    }
    return;
  }
  // A kernel report does not show that the command failed as well.
  const relevant = suites.filter(({ name }) => verdict === 'splat' || name !== KERNEL_LOG);
  if (relevant.some(({ cases }) => cases.some(failsRun))) return;
  const name = `${nameCommand(result)} (${verdict})`;
  suites[0]!.cases.push({ name, kind: 'fail', message: reason || verdict, type: verdict });
}

/** The tests that failed or were interrupted, the failed ones first. */
export function notableTests({ tests }: Pick<RunResult, 'tests'>): TestResult[] {
  return [...tests.filter(isFailure), ...tests.filter(({ status }) => status === 'interrupted')];
}
