import { constants } from 'node:os';
import { refusedModule } from '../formats/klog/rules/modules.ts';
import { formatLimit } from '../ui/format.ts';
import {
  describeFailure,
  failedAutoruns,
  hintFor,
  judgeEnding,
  lastWordsOf,
  refusesKernel,
  unknownComplaints,
} from '../vm/ending.ts';
import { findContradiction, type GuestEvent } from '../vm/guest-events.ts';
import { isTooSmall } from '../vm/memory-shortage.ts';
import type { SessionRecord } from '../vm/session.ts';
import type { TimeLimits } from '../vm/session-watch.ts';
import { isFailure } from './compare.ts';
import type { RunSplat, TestResult, Verdict } from './run-result.ts';

/** All that decides about a run. */
export interface RunFacts {
  record: SessionRecord;
  limits: TimeLimits;
  /** How many autorun scripts the image has. */
  autorun: number;
  /** Whether a command was to run after them. */
  hasCommand: boolean;
  tests: readonly TestResult[];
  /** What is wrong with the output as a list of tests: a missing plan, a test that never reported. */
  testProblems: readonly string[];
  splats: readonly RunSplat[];
  /** Names of the kernel modules in the image. */
  modules?: readonly string[];
  /** Files of the run that could not be written, with the reason. */
  unwritten: readonly string[];
}

/**
 * Whether a verdict that is no pass tells anything of the kernel and its test:
 * - `guest`: it does;
 * - `host`: the VM was lost on the host, which may be otherwise the next time;
 * - `setup`: what is wrong with the host, the conf or the cut would be so with any kernel.
 */
export type Blame = 'guest' | 'host' | 'setup';

export interface Judgement {
  verdict: Verdict;
  status: number;
  /** One line. */
  reason: string;
}

/** Whether it ended its kernel: what a test only makes the kernel say did not. */
export function isCrash({ severity, excused }: Pick<RunSplat, 'severity' | 'excused'>): boolean {
  return severity === 'fatal' && excused === undefined;
}

/** Who or what ended a VM that did not end by itself. */
export function blameFor({ record, splats }: Pick<RunFacts, 'record' | 'splats'>): Blame {
  if (record.wasHostFull === true) return 'setup';
  const { kind } = judgeEnding(record);
  // Before the crash: a kernel that lacks memory for its image panics, too.
  if (kind === 'no-memory') return blameForMemory(record);
  if (splats.some(isCrash)) return 'guest';
  if (kind === 'not-started') return refusesKernel(record.qemuSaid) ? 'guest' : 'setup';
  if (kind === 'quit' || kind === 'lost' || kind === 'failed') return 'host';
  return record.events.some(({ event }) => event === 'no-directory') ? 'setup' : 'guest';
}

/** A VM that is too small for its image is so with any kernel; one that is not may have a kernel that takes it all. */
export function blameForMemory({ memory }: Pick<SessionRecord, 'memory'>): Blame {
  return memory !== undefined && isTooSmall(memory) ? 'setup' : 'host';
}

/** Exit statuses of `rapido run`, beside the command's own. */
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
 * Tells how a run ended. It passes only if everything that belongs to a pass was seen: whatever is
 * missing takes it away, and what says the most about the cause comes first.
 */
export function judgeRun(facts: RunFacts): Judgement {
  const judgement = judgeAll(facts);
  const refused = findRefusedModule(facts);
  if (refused === undefined || !BLAMED_ON_MODULES.includes(judgement.verdict)) return judgement;
  return verdictOf('error', `${refused}: it is of another build; then ${judgement.reason}`);
}

/** What a driver that is missing looks like. */
const BLAMED_ON_MODULES: readonly Verdict[] = ['fail', 'timeout'];

/** A module of the image that the kernel did not take. */
function findRefusedModule({ splats, modules = [] }: RunFacts): string | undefined {
  return splats.find((splat) => modules.includes(refusedModule(splat) ?? ''))?.title;
}

function judgeAll(facts: RunFacts): Judgement {
  return (
    judgeEnd(facts) ??
    judgeWords(facts) ??
    judgeScripts(facts) ??
    judgeCommand(facts) ??
    judgeTests(facts) ??
    judgeTruth(facts) ?? { verdict: 'pass', status: RUN_EXIT.pass, reason: describePass(facts) }
  );
}

function verdictOf(verdict: Exclude<Verdict, 'pass'>, reason: string): Judgement {
  return { verdict, status: RUN_EXIT[verdict], reason };
}

/** A VM that did not come to its end in order. */
function judgeEnd({ record, limits, splats }: RunFacts): Judgement | undefined {
  const ending = judgeEnding(record);
  const during = describePhase(record.events);
  const crash = splats.find(isCrash);
  if (ending.kind === 'interrupted') {
    return verdictOf('interrupted', `interrupted by ${ending.signal} ${during}`);
  }
  if (ending.kind === 'no-memory') return verdictOf('error', ending.message);
  // Whatever the guest made of that, a panic even, is the host's doing.
  if (record.wasHostFull === true) {
    return verdictOf(
      'error',
      'the host has no room for the disks of the VM: writes of the guest failed',
    );
  }
  // Whoever waits for a kernel that is dead already waits for its crash.
  const hasPoweredOff =
    ending.kind === 'powered-off' || (ending.kind === 'failed' && ending.after === 'power-off');
  if (crash !== undefined && !hasPoweredOff) {
    return verdictOf('crash', `the kernel crashed ${during}: ${crash.title}`);
  }
  if (record.timedOut !== undefined) {
    const isLate = record.events.length > 0;
    const where = record.timedOut !== 'boot' ? ` ${during}` : isLate ? '; it came later' : '';
    return verdictOf('timeout', `${describeLimit(record.timedOut, limits)}${where}`);
  }
  if (hasPoweredOff) return undefined;
  switch (ending.kind) {
    case 'not-started': {
      const words = lastWordsOf(record);
      const hint = hintFor(record.qemuSaid);
      const why = hint === undefined ? words : `${words} (${hint})`;
      return verdictOf('error', `QEMU did not start the VM: ${why}`);
    }
    case 'panicked':
      return verdictOf('crash', `the kernel panicked ${during}: ${ending.message}`);
    case 'reset':
      return verdictOf(
        'crash',
        `the VM reset ${during}: a triple fault, or a reboot around rapido`,
      );
    case 'failed':
      return verdictOf('error', describeFailure(ending, record));
    case 'quit':
      return verdictOf('crash', `QEMU was told to quit ${during}`);
    case 'lost':
      return verdictOf('crash', `the VM was lost ${during}: ${ending.reason}`);
  }
}

const LIMITS: Readonly<Record<keyof TimeLimits, string>> = {
  total: 'it took longer than',
  boot: "nothing was heard of the guest's init for",
  silence: 'there was no output for',
};

function describeLimit(limit: keyof TimeLimits, limits: TimeLimits): string {
  return `${LIMITS[limit]} ${formatLimit(limits[limit] ?? 0)}`;
}

/** Where the run was when it ended. */
function describePhase(events: readonly GuestEvent[]): string {
  const last = events.at(-1);
  switch (last?.event) {
    case undefined:
      return 'before init';
    case 'autorun-start':
      return `in autorun script ${nameOfScript(last.script)}`;
    case 'autorun-end':
      return `after autorun script ${nameOfScript(last.script)}`;
    case 'command-start':
      return 'in the command';
    case 'command-end':
    case 'power-off':
      return 'after the end of the command';
    default:
      return 'in init';
  }
}

/** Without the number that keeps scripts in their order. */
export function nameOfScript(script: string): string {
  return script.replace(/^\d+-/, '');
}

function judgeWords({ record: { events } }: RunFacts): Judgement | undefined {
  const contradiction = findContradiction(events);
  if (contradiction === undefined) return undefined;
  const [before, after] = contradiction;
  return verdictOf(
    'error',
    `the session contradicts itself, as if somebody forged its words: ${after} after ${before}`,
  );
}

function judgeScripts({ record: { events }, autorun }: RunFacts): Judgement | undefined {
  if (events.some(({ event }) => event === 'no-channel')) {
    return verdictOf('error', 'a channel for input or output was not there in the guest');
  }
  if (events.some(({ event }) => event === 'no-directory')) {
    return verdictOf('error', 'the directory that the cut names is not in the image');
  }
  const [failed] = failedAutoruns(events);
  if (failed !== undefined) {
    const { script, status } = failed;
    return verdictOf('fail', `autorun script ${nameOfScript(script)} failed with status ${status}`);
  }
  const ended = events.filter(({ event }) => event === 'autorun-end').length;
  if (ended === autorun) return undefined;
  return verdictOf(
    'crash',
    `the VM powered off ${describePhase(events)}: ${ended} of ${autorun} autorun scripts were heard to end`,
  );
}

function judgeCommand({ record, hasCommand, tests }: RunFacts): Judgement | undefined {
  if (!hasCommand) return undefined;
  const end = record.events.find((event) => event.event === 'command-end');
  if (end === undefined) {
    return verdictOf('crash', 'the VM powered off before the command was heard to end');
  }
  if (end.status === 0) return undefined;
  const reason = describeFailures(tests) ?? describeStatus(end.status);
  return { verdict: 'fail', status: end.status, reason };
}

/** What a shell ends with for a program that it cannot execute, or find. */
const NOT_EXECUTED: Readonly<Record<number, string>> = {
  126: 'cannot be executed',
  127: 'not found',
};

/** SIGRTMAX of Linux. */
const LAST_SIGNAL = 64;

function describeStatus(status: number): string {
  const said = `the command ended with status ${status}`;
  const signal = status - 128;
  const named = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  const meaning =
    signal > 0 && signal <= LAST_SIGNAL
      ? `killed by ${named ?? `signal ${signal}`}`
      : NOT_EXECUTED[status];
  return meaning === undefined ? said : `${said}, which stands for "${meaning}"`;
}

function judgeTests({ tests, testProblems }: RunFacts): Judgement | undefined {
  const failures = describeFailures(tests);
  if (failures !== undefined) return verdictOf('fail', failures);
  const [problem] = testProblems;
  if (problem !== undefined) return verdictOf('fail', `the test output: ${problem}`);
  const interrupted = tests.find(({ status }) => status === 'interrupted');
  if (interrupted !== undefined) {
    return verdictOf('error', `${interrupted.name} did not come to its end`);
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

/** What takes a pass away although everything went well. */
function judgeTruth(facts: RunFacts): Judgement | undefined {
  const { record, hasCommand, splats, unwritten } = facts;
  const counting = splats.filter(({ severity, excused }) => severity !== 'note' && !excused);
  const [first] = counting;
  if (first !== undefined) {
    const more = counting.length === 1 ? '' : ` and ${counting.length - 1} more`;
    return verdictOf('splat', `the kernel complained: ${first.title}${more}`);
  }
  if (record.events.at(-1)?.event !== 'power-off') {
    return verdictOf('crash', `the VM powered off by itself ${describePhase(record.events)}`);
  }
  const unknown = unknownComplaints(record.events);
  if (unknown !== undefined) {
    return verdictOf('error', `whether the kernel complained is not known: ${unknown}`);
  }
  const ending = judgeEnding(record);
  if (ending.kind === 'failed') return verdictOf('error', describeFailure(ending, record));
  if (hasCommand && !record.isOutputWhole) {
    return verdictOf('error', "the command's output was not received whole");
  }
  const [file] = unwritten;
  return file === undefined ? undefined : verdictOf('error', `results are incomplete: ${file}`);
}

function describePass(facts: RunFacts): string {
  const excused = facts.splats.filter((splat) => splat.severity !== 'note' && splat.excused).length;
  const reports = excused === 1 ? 'report' : 'reports';
  const note = excused === 0 ? '' : `; ${excused} expected kernel ${reports}`;
  return `${describeSuccess(facts)}${note}`;
}

function describeSuccess({ hasCommand, tests, autorun }: RunFacts): string {
  const passed = tests.filter(({ status }) => status === 'pass').length;
  if (tests.length > 0) {
    const others = tests.length - passed;
    return `${passed === 1 ? '1 test' : `${passed} tests`} passed${others === 0 ? '' : `, ${others} skipped or expected to fail`}`;
  }
  if (hasCommand) return 'the command succeeded';
  if (autorun === 0) return 'the VM came up and powered off; there was nothing to run';
  return autorun === 1
    ? 'the autorun script succeeded'
    : `all ${autorun} autorun scripts succeeded`;
}
