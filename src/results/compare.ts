import type { RunResult, RunSplat, TestResult, TestStatus, Verdict } from './run-result.ts';

/** What changed from run `a` to run `b`; `rapido results A B --json` prints it. */
export interface RunComparison {
  version: 1;
  a: ComparedRun;
  b: ComparedRun;
  /** Each test is in exactly one of these lists, or is counted in `unchanged`. */
  tests: TestChanges;
  splats: {
    /** What the kernel complained of in B, but not in A. */
    new: ComparedSplat[];
    /** What it complained of in A, but not in B. */
    gone: ComparedSplat[];
  };
  /** Why B is worse than A, a line each; none: it is not. */
  worse: string[];
}

/** What tells a run from another. */
export interface ComparedRun {
  id: string;
  cut: string;
  verdict: Verdict;
  reason: string;
  kernel: RunResult['kernel'];
}

export interface TestChanges {
  /** They fail in B and did not in A: they passed there, were skipped, or did not run. */
  newlyFailing: TestChange[];
  /** They failed, were skipped or were interrupted in A, and did their work in B. */
  newlyPassing: TestChange[];
  /** They are skipped in B and were not in A. */
  newlySkipped: TestChange[];
  /** They fail in both. */
  stillFailing: TestChange[];
  /** They were running when B was ended, and had come to their end in A or did not run there. */
  interrupted: TestChange[];
  onlyInA: TestChange[];
  /** Those that fail are in `newlyFailing`. */
  onlyInB: TestChange[];
  /** How many did in B what they did in A, and fail in neither. */
  unchanged: number;
}

export interface TestChange {
  name: string;
  /** undefined: it did not run. */
  a: TestStatus | undefined;
  b: TestStatus | undefined;
  /** Why it failed or was skipped: in B, or in A if it ran only there. */
  message: string | undefined;
}

export type ComparedSplat = Pick<
  RunSplat,
  'kind' | 'severity' | 'title' | 'count' | 'during' | 'excused' | 'vm'
>;

/**
 * Compares run `b` with run `a`, the one before. B is worse if a test newly fails, if it has a splat
 * of severity `error` or `fatal` that A has not and nothing excuses, if A passed and B did not, if the
 * command succeeded in A alone, if B has no test at all and A had, or if B did not get to its end
 * (`crash`, `timeout`, `error`, `interrupted`) and A did.
 */
export function compareRuns(a: RunResult, b: RunResult): RunComparison {
  const tests = compareTests(a.tests, b.tests);
  const splats = { new: splatsOnlyIn(b, a), gone: splatsOnlyIn(a, b) };
  return {
    version: 1,
    a: describeRun(a),
    b: describeRun(b),
    tests,
    splats,
    worse: [
      ...explainVerdict(a.verdict, b.verdict),
      ...explainVanished(a.tests, b.tests),
      ...explainTests(tests.newlyFailing),
      ...splats.new
        .filter(({ severity, excused }) => severity !== 'note' && excused === undefined)
        .map(({ kind, title }) => `a new splat: ${kind}: ${title}`),
    ],
  };
}

function describeRun({ id, cut, verdict, reason, kernel }: RunResult): ComparedRun {
  return { id, cut, verdict, reason, kernel };
}

/** What a status means for the verdict of a run, and so for a comparison. */
type Outcome = 'ok' | 'fail' | 'skip' | 'unknown';
const OUTCOMES = {
  pass: 'ok',
  xfail: 'ok',
  // As TAP and kselftest have it: what does better than expected is to be told, not to fail.
  xpass: 'ok',
  fail: 'fail',
  skip: 'skip',
  interrupted: 'unknown',
} satisfies Record<TestStatus, Outcome>;

/** The worst last: where a test ran several times, that is what counts. */
const BY_BADNESS: readonly TestStatus[] = ['interrupted', 'skip', 'pass', 'xfail', 'xpass', 'fail'];

/** Whether a test makes its run fail. */
export function isFailure({ status }: Pick<TestResult, 'status'>): boolean {
  return OUTCOMES[status] === 'fail';
}

function compareTests(a: readonly TestResult[], b: readonly TestResult[]): TestChanges {
  const before = worstByName(a);
  const after = worstByName(b);
  const changes: TestChanges = {
    newlyFailing: [],
    newlyPassing: [],
    newlySkipped: [],
    stillFailing: [],
    interrupted: [],
    onlyInA: [],
    onlyInB: [],
    unchanged: 0,
  };
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(name), after.get(name)];
    const group = groupOf(was?.status, is?.status);
    if (group === 'unchanged') changes.unchanged++;
    else {
      const message = (is ?? was)?.message;
      changes[group].push({ name, a: was?.status, b: is?.status, message });
    }
  }
  return changes;
}

function worstByName(tests: readonly TestResult[]): Map<string, TestResult> {
  const worst = new Map<string, TestResult>();
  for (const test of tests) {
    const known = worst.get(test.name);
    if (known === undefined || badness(test) > badness(known)) worst.set(test.name, test);
  }
  return worst;
}

function badness({ status }: TestResult): number {
  return BY_BADNESS.indexOf(status);
}

function groupOf(a: TestStatus | undefined, b: TestStatus | undefined): keyof TestChanges {
  const was = a && OUTCOMES[a];
  if (b === undefined) return 'onlyInA';
  const is = OUTCOMES[b];
  if (is === 'fail') return was === 'fail' ? 'stillFailing' : 'newlyFailing';
  if (was === is) return 'unchanged';
  if (is === 'unknown') return 'interrupted';
  if (was === undefined) return 'onlyInB';
  return is === 'skip' ? 'newlySkipped' : 'newlyPassing';
}

/**
 * The same complaint has the same kind and title in every run. One that is excused in the other run, by a
 * test that provokes it, is not known there as a fault.
 */
function splatsOnlyIn(run: RunResult, other: RunResult): ComparedSplat[] {
  const key = ({ kind, title }: RunSplat): string => `${kind}: ${title}`;
  const known = new Set(other.splats.map(key));
  const faults = new Set(other.splats.filter(({ excused }) => excused === undefined).map(key));
  return run.splats
    .filter((splat) => !(splat.excused === undefined ? faults : known).has(key(splat)))
    .map(({ kind, severity, title, count, during, excused, vm }) => ({
      kind,
      severity,
      title,
      count,
      during,
      excused,
      vm,
    }));
}

/** It did not come to its end, whatever its tests say. */
const CUT_SHORT: readonly Verdict[] = ['crash', 'timeout', 'error', 'interrupted'];
const COMPLETE: readonly Verdict[] = ['pass', 'fail', 'splat'];

/** A suite that dies before its first test has no test that newly fails. */
function explainVanished(a: readonly TestResult[], b: readonly TestResult[]): string[] {
  return a.length > 0 && b.length === 0 ? [`none of its ${a.length} tests ran`] : [];
}

function explainVerdict(a: Verdict, b: Verdict): string[] {
  const isWorse =
    (a === 'pass' && b !== 'pass') ||
    (a === 'splat' && b === 'fail') ||
    (COMPLETE.includes(a) && CUT_SHORT.includes(b));
  return isWorse ? [`the verdict was ${a} and is ${b}`] : [];
}

function explainTests({ length }: readonly TestChange[]): string[] {
  if (length === 0) return [];
  return [length === 1 ? 'a test newly fails' : `${length} tests newly fail`];
}
