import { refusedModule } from '../formats/klog/rules/modules.ts';
import { formatLimit } from '../ui/format.ts';
import {
  describeFailure,
  failedAutoruns,
  hintFor,
  judgeEnding,
  lastErrorLine,
  refusesKernel,
  whyReportsUnknown,
} from '../vm/ending.ts';
import { findContradiction } from '../vm/event-order.ts';
import { describeExit, meaningOfStatus } from '../vm/exit-status.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import { isTooSmall } from '../vm/memory-shortage.ts';
import type { SessionRecord } from '../vm/session.ts';
import type { TimeLimits } from '../vm/session-watch.ts';
import { isFailure } from './compare.ts';
import { countsAgainstPass } from './counting.ts';
import type { RunSplat, TestResult, Verdict } from './run-result.ts';

/** Everything that the verdict depends on. */
export interface RunFacts {
  record: SessionRecord;
  limits: TimeLimits;
  /** How many autorun scripts the image has. */
  autorun: number;
  /** Whether a command was to run after them. */
  hasCommand: boolean;
  tests: readonly TestResult[];
  /** Problems of the test output: a missing plan, a test without a result. */
  testProblems: readonly string[];
  splats: readonly RunSplat[];
  /** Names of the kernel modules in the image. */
  modules?: readonly string[];
  /** Whether the kernel was to be searched for memory leaks (`--kmemleak`). */
  scansLeaks?: boolean;
  /** Files of the run that could not be written, with the reason. */
  unwritten: readonly string[];
}

/**
 * What a verdict other than `pass` is blamed on:
 * - `guest`: the kernel or the test;
 * - `host`: the VM was lost on the host, which may not happen the next time;
 * - `setup`: a problem of the host, the conf or the cut, which would occur with any kernel.
 */
export type Blame = 'guest' | 'host' | 'setup';

export interface Judgement {
  verdict: Verdict;
  status: number;
  /** One line. */
  reason: string;
}

/** Whether it ended the kernel. An excused splat did not: a test provoked it. */
export function isCrash({ severity, excused }: Pick<RunSplat, 'severity' | 'excused'>): boolean {
  return severity === 'fatal' && excused === undefined;
}

/** Determines what the end of a VM is blamed on. */
export function blameFor({ record, splats }: Pick<RunFacts, 'record' | 'splats'>): Blame {
  if (record.wasHostFull === true) return 'setup';
  const { kind } = judgeEnding(record);
  // Checked before the crash: a kernel without enough memory for its image panics, too.
  if (kind === 'no-memory') return blameForMemory(record);
  if (splats.some(isCrash)) return 'guest';
  if (kind === 'not-started') return refusesKernel(record.qemuSaid) ? 'guest' : 'setup';
  if (kind === 'quit' || kind === 'lost' || kind === 'failed') return 'host';
  return record.events.some(({ event }) => event === 'no-directory') ? 'setup' : 'guest';
}

/** A VM that is too small for its image is so with any kernel. Otherwise, the kernel may be what uses the memory. */
export function blameForMemory({ memory }: Pick<SessionRecord, 'memory'>): Blame {
  return memory !== undefined && isTooSmall(memory) ? 'setup' : 'host';
}

/** Exit statuses of `rapido run`, apart from that of the command. */
export const RUN_EXIT = {
  pass: 0,
  fail: 1,
  crash: 120,
  splat: 121,
  timeout: 124,
  error: 125,
  interrupted: 130,
} as const satisfies Record<Verdict, number>;

/**
 * Judges a run. It passes only if everything that a pass requires was seen. Of several problems, the one that explains
 * the most about the cause is reported.
 */
export function judgeRun(facts: RunFacts): Judgement {
  const judgement = judgeAll(facts);
  const refused = findRefusedModule(facts);
  if (refused === undefined || !BLAMED_ON_MODULES.includes(judgement.verdict)) return judgement;
  return verdictOf(
    'error',
    `${refused}: the module belongs to another build; then ${judgement.reason}`,
  );
}

/** The verdicts that a missing driver may cause. */
const BLAMED_ON_MODULES: readonly Verdict[] = ['fail', 'timeout'];

/** Finds a module of the image that the kernel rejected. */
function findRefusedModule({ splats, modules = [] }: RunFacts): string | undefined {
  return splats.find((splat) => modules.includes(refusedModule(splat) ?? ''))?.title;
}

function judgeAll(facts: RunFacts): Judgement {
  return (
    judgeEnd(facts) ??
    judgeConsistency(facts) ??
    judgeScripts(facts) ??
    judgeCommand(facts) ??
    judgeTests(facts) ??
    judgeEvidence(facts) ?? { verdict: 'pass', status: RUN_EXIT.pass, reason: describePass(facts) }
  );
}

function verdictOf(verdict: Exclude<Verdict, 'pass'>, reason: string): Judgement {
  return { verdict, status: RUN_EXIT[verdict], reason };
}

/** Judges a VM that did not power off in the regular way. */
function judgeEnd({ record, limits, splats }: RunFacts): Judgement | undefined {
  const ending = judgeEnding(record);
  const during = describePhase(record.events);
  const crash = splats.find(isCrash);
  if (ending.kind === 'interrupted') {
    return verdictOf('interrupted', `interrupted by ${ending.signal} ${during}`);
  }
  if (ending.kind === 'no-memory') return verdictOf('error', ending.message);
  // Its consequences in the guest, even a panic, are caused by the host.
  if (record.wasHostFull === true) {
    return verdictOf('error', "no space left on the host for the VM's disks; guest writes failed");
  }
  // Checked before the limits: after a crash, rapido only waits for the rest of the report.
  const hasPoweredOff =
    ending.kind === 'powered-off' || (ending.kind === 'failed' && ending.after === 'power-off');
  if (crash !== undefined && !hasPoweredOff) {
    return verdictOf('crash', `the kernel crashed ${during}: ${crash.title}`);
  }
  if (record.timedOut !== undefined) {
    const isLate = record.events.length > 0;
    const where = record.timedOut !== 'boot' ? ` ${during}` : isLate ? '; it started later' : '';
    return verdictOf('timeout', `${describeLimit(record.timedOut, limits)}${where}`);
  }
  if (hasPoweredOff) return undefined;
  switch (ending.kind) {
    case 'not-started': {
      const words = lastErrorLine(record);
      const hint = hintFor(record.qemuSaid);
      const why = hint === undefined ? words : `${words} (${hint})`;
      return verdictOf('error', `QEMU did not start the VM: ${why}`);
    }
    case 'panicked':
      return verdictOf('crash', `the kernel panicked ${during}: ${ending.message}`);
    case 'reset':
      return verdictOf(
        'crash',
        `the VM reset ${during}: a triple fault, or a reboot that bypassed rapido`,
      );
    case 'failed':
      return verdictOf('error', describeFailure(ending, record));
    case 'quit':
      return verdictOf('crash', `QEMU was terminated ${during}`);
    case 'lost':
      return verdictOf('crash', `the VM was lost ${during}: ${ending.reason}`);
  }
}

const LIMITS: Readonly<Record<keyof TimeLimits, string>> = {
  total: 'the run exceeded the time limit of',
  boot: "the guest's init did not start within",
  silence: 'there was no output for',
};

function describeLimit(limit: keyof TimeLimits, limits: TimeLimits): string {
  return `${LIMITS[limit]} ${formatLimit(limits[limit] ?? 0)}`;
}

/** The phase in which the run ended. */
function describePhase(events: readonly GuestEvent[]): string {
  const last = events.at(-1);
  switch (last?.event) {
    case undefined:
      return 'before init';
    case 'autorun-start':
      return `during autorun script ${nameOfScript(last.script)}`;
    case 'autorun-end':
      return `after autorun script ${nameOfScript(last.script)}`;
    case 'command-start':
      return 'during the command';
    case 'command-end':
    case 'leak-scan':
    case 'power-off':
      return 'after the end of the command';
    default:
      return 'during init';
  }
}

/** Removes the number that orders the scripts. */
export function nameOfScript(script: string): string {
  return script.replace(/^\d+-/, '');
}

function judgeConsistency({ record: { events } }: RunFacts): Judgement | undefined {
  const contradiction = findContradiction(events);
  if (contradiction === undefined) return undefined;
  const [before, after] = contradiction;
  return verdictOf(
    'error',
    `the session's messages contradict each other and may be forged: ${after} after ${before}`,
  );
}

function judgeScripts({ record: { events }, autorun }: RunFacts): Judgement | undefined {
  if (events.some(({ event }) => event === 'no-channel')) {
    return verdictOf('error', 'a channel for input or output is missing in the guest');
  }
  if (events.some(({ event }) => event === 'no-directory')) {
    return verdictOf('error', 'the directory that the cut names is not in the image');
  }
  const [failed] = failedAutoruns(events);
  if (failed !== undefined) {
    const { script, status } = failed;
    return verdictOf(
      'fail',
      `autorun script ${nameOfScript(script)} failed: ${describeExit(status)}`,
    );
  }
  const ended = events.filter(({ event }) => event === 'autorun-end').length;
  if (ended === autorun) return undefined;
  return verdictOf(
    'crash',
    `the VM powered off ${describePhase(events)}: ${ended} of ${autorun} autorun scripts reported their end`,
  );
}

function judgeCommand({ record, hasCommand, tests }: RunFacts): Judgement | undefined {
  if (!hasCommand) return undefined;
  const end = record.events.find((event) => event.event === 'command-end');
  if (end === undefined) {
    return verdictOf('crash', 'the VM powered off before the end of the command was reported');
  }
  if (end.status === 0) return undefined;
  const reason = describeFailures(tests) ?? describeStatus(end.status);
  return { verdict: 'fail', status: end.status, reason };
}

function describeStatus(status: number): string {
  const meaning = meaningOfStatus(status);
  return `the command exited with status ${status}${meaning === undefined ? '' : ` (${meaning})`}`;
}

function judgeTests({ tests, testProblems }: RunFacts): Judgement | undefined {
  const failures = describeFailures(tests);
  if (failures !== undefined) return verdictOf('fail', failures);
  const [problem] = testProblems;
  if (problem !== undefined) return verdictOf('fail', problem);
  const interrupted = tests.find(({ status }) => status === 'interrupted');
  if (interrupted !== undefined) {
    return verdictOf('error', `${interrupted.name} did not finish`);
  }
  if (tests.length === 0 || tests.some(({ status }) => status !== 'skip')) return undefined;
  return verdictOf('error', `nothing was tested: ${describeSkipped(tests)}`);
}

function describeFailures(tests: readonly TestResult[]): string | undefined {
  const failed = tests.filter(isFailure);
  const [first] = failed;
  if (first === undefined) return undefined;
  return failed.length === 1
    ? `${first.name} failed`
    : `${failed.length} of ${tests.length} tests failed`;
}

function describeSkipped(tests: readonly TestResult[]): string {
  const [first] = tests;
  const why = first?.message === undefined ? '' : `: ${first.message}`;
  return tests.length === 1
    ? `the test was skipped${why}`
    : `all ${tests.length} tests were skipped`;
}

/** Reasons against a pass although all tests succeeded. */
function judgeEvidence(facts: RunFacts): Judgement | undefined {
  const { record, hasCommand, splats, unwritten } = facts;
  const counting = splats.filter(countsAgainstPass);
  const [first] = counting;
  if (first !== undefined) {
    const more = counting.length === 1 ? '' : ` and ${counting.length - 1} more`;
    return verdictOf('splat', `the kernel reported a problem: ${first.title}${more}`);
  }
  if (record.events.at(-1)?.event !== 'power-off') {
    return verdictOf('crash', `the VM powered off by itself ${describePhase(record.events)}`);
  }
  const unknown = whyReportsUnknown(record.events);
  if (unknown !== undefined) {
    return verdictOf('error', `cannot tell whether the kernel reported a problem: ${unknown}`);
  }
  if (facts.scansLeaks === true && !hasScanned(record.events)) {
    return verdictOf(
      'error',
      'the kernel could not be searched for memory leaks (CONFIG_DEBUG_KMEMLEAK, DEBUG_FS)',
    );
  }
  const ending = judgeEnding(record);
  if (ending.kind === 'failed') return verdictOf('error', describeFailure(ending, record));
  if (hasCommand && !record.isOutputComplete) {
    return verdictOf('error', "some of the command's output was lost");
  }
  const [file] = unwritten;
  return file === undefined ? undefined : verdictOf('error', `results are incomplete: ${file}`);
}

function hasScanned(events: readonly GuestEvent[]): boolean {
  return events.some((event) => event.event === 'leak-scan' && event.scanned);
}

function describePass(facts: RunFacts): string {
  const excused = facts.splats.filter((splat) => splat.severity !== 'note' && splat.excused).length;
  const splats = excused === 1 ? 'splat' : 'splats';
  const note = excused === 0 ? '' : `; ${excused} expected ${splats}`;
  return `${describeSuccess(facts)}${note}`;
}

/** @param tests none of which failed */
export function describePassed(tests: readonly TestResult[]): string {
  const passed = tests.filter(({ status }) => status === 'pass').length;
  const others = tests.length - passed;
  return `${passed === 1 ? '1 test' : `${passed} tests`} passed${others === 0 ? '' : `, ${others} skipped or expected to fail`}`;
}

function describeSuccess({ hasCommand, tests, autorun }: RunFacts): string {
  if (tests.length > 0) return describePassed(tests);
  if (hasCommand) return 'the command succeeded';
  if (autorun === 0) return 'the VM booted and powered off; there was nothing to run';
  return autorun === 1
    ? 'the autorun script succeeded'
    : `all ${autorun} autorun scripts succeeded`;
}
