import { countsAgainstPass } from './counting.ts';
import type { RunResult, RunSplat, TestResult, TestStatus, Verdict } from './run-result.ts';

/** The changes from run `a` to run `b`, as printed by `rapido results A B --json`. */
export interface RunComparison {
  version: 1;
  a: ComparedRun;
  b: ComparedRun;
  /** Each test is in exactly one of these lists, or is counted in `unchanged`. */
  tests: TestChanges;
  splats: {
    /** Splats of B that A does not have. */
    new: ComparedSplat[];
    /** Splats of A that B does not have. */
    gone: ComparedSplat[];
  };
  /** Why B is worse than A, one line for each reason; empty: it is not. */
  worse: string[];
}

/** The identity and the verdict of a run. */
export interface ComparedRun {
  id: string;
  cut: string;
  verdict: Verdict;
  reason: string;
  kernel: RunResult['kernel'];
}

export interface TestChanges {
  /** Fail in B, but passed, were skipped or did not run in A. */
  newlyFailing: TestChange[];
  /** Failed, were skipped or were interrupted in A, and pass in B. */
  newlyPassing: TestChange[];
  /** Skipped in B, but not in A. */
  newlySkipped: TestChange[];
  /** Fail in both. */
  stillFailing: TestChange[];
  /** Were running when B was ended, and either finished or did not run in A. */
  interrupted: TestChange[];
  onlyInA: TestChange[];
  /** Without those that fail: they are in `newlyFailing`. */
  onlyInB: TestChange[];
  /** Number of tests with the same outcome in both, without those that fail. */
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
 * Compares run `b` with the earlier run `a`. B is worse if a test newly fails, if B has a splat of severity `error`
 * or `fatal` that A does not have and that is not excused, if A passed and B did not, if the command succeeded only
 * in A, if A has tests and B has none, or if A finished and B did not (`crash`, `timeout`, `error`, `interrupted`).
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
        .filter(countsAgainstPass)
        .map(({ kind, title }) => `a new splat: ${kind}: ${title}`),
    ],
  };
}

function describeRun({ id, cut, verdict, reason, kernel }: RunResult): ComparedRun {
  return { id, cut, verdict, reason, kernel };
}

/** What a status of a test means for the verdict of a run and for a comparison. */
type Outcome = 'ok' | 'fail' | 'skip' | 'unknown';
const OUTCOMES = {
  pass: 'ok',
  xfail: 'ok',
  // As in TAP and kselftest, an unexpected pass is reported, but it is not a failure.
  xpass: 'ok',
  fail: 'fail',
  skip: 'skip',
  interrupted: 'unknown',
} satisfies Record<TestStatus, Outcome>;

/** From best to worst: if a test ran several times, its worst status counts. */
const BY_BADNESS: readonly TestStatus[] = ['interrupted', 'skip', 'pass', 'xfail', 'xpass', 'fail'];

/** Whether the test fails its run. */
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

/** @returns each test once: of several results, the worst */
export function worstByName(tests: readonly TestResult[]): Map<string, TestResult> {
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
 * Equal splats have the same kind and title in every run. A splat that is excused in the other run, because a test
 * provokes it, does not count as known there if it is not excused here.
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

/** Verdicts of runs that did not finish. */
const INCOMPLETE: readonly Verdict[] = ['crash', 'timeout', 'error', 'interrupted'];
const COMPLETE: readonly Verdict[] = ['pass', 'fail', 'splat'];

/** A suite that dies before its first test has no newly failing test. */
function explainVanished(a: readonly TestResult[], b: readonly TestResult[]): string[] {
  return a.length > 0 && b.length === 0 ? [`none of the ${a.length} tests of A ran`] : [];
}

function explainVerdict(a: Verdict, b: Verdict): string[] {
  const isWorse =
    (a === 'pass' && b !== 'pass') ||
    (a === 'splat' && b === 'fail') ||
    (COMPLETE.includes(a) && INCOMPLETE.includes(b));
  return isWorse ? [`the verdict changed from ${a} to ${b}`] : [];
}

function explainTests({ length }: readonly TestChange[]): string[] {
  if (length === 0) return [];
  return [length === 1 ? 'a test newly fails' : `${length} tests newly fail`];
}
