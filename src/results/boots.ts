import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
import { listSome } from '../sys/list-words.ts';
import { formatDuration } from '../ui/format.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { SessionTimes } from '../vm/session.ts';
import type { RunBoot, RunResult, RunSplat, RunTimes } from './run-result.ts';
import {
  type Blame,
  blameFor,
  isCrash,
  type Judgement,
  judgeRun,
  type RunFacts,
} from './verdict.ts';

/**
 * One boot of a run that has ended. A run has several boots only with --resume-after-crash: each boot then has its
 * own VM and runs the tests that the earlier boots did not run.
 */
export interface EndedBoot extends RunFacts {
  /** Milliseconds from the start of the run to the start of QEMU. */
  start?: number | undefined;
  testsDropped: number;
  /** Tests that were running at its end. */
  unfinished: readonly string[];
  /** Tasks in uninterruptible sleep when it was ended; undefined: unknown. */
  blockedTasks: BlockedTask[] | undefined;
  /** The file with the memory of the VM, or why there is none; undefined: it was not asked for, or not needed. */
  dump?: { file: string } | { problem: string } | undefined;
}

/** The result of all boots of a run. */
export type BootsSummary = Pick<
  RunResult,
  | 'verdict'
  | 'status'
  | 'reason'
  | 'commandStatus'
  | 'autorun'
  | 'tests'
  | 'splats'
  | 'blockedTasks'
  | 'boots'
  | 'dumps'
> & { notes: string[]; times: Partial<RunTimes>; blames: Blame };

/** @param boots at least one; all but the last ended with a crash */
export function sumUpBoots(boots: readonly EndedBoot[]): BootsSummary {
  const last = boots.at(-1)!;
  const { events } = last.record;
  const several = boots.length > 1;
  const judgement = judgeBoots(boots);
  return {
    ...judgement,
    commandStatus: events.find((event) => event.event === 'command-end')?.status,
    autorun: events
      .filter((event) => event.event === 'autorun-end')
      .map(({ script, status }) => ({ script, status })),
    tests: boots.flatMap(({ tests }) => tests),
    splats: several ? joinSplats(boots.flatMap(splatsOf)) : [...last.splats],
    blockedTasks: last.blockedTasks?.length === 0 ? undefined : last.blockedTasks,
    boots: several ? boots.map(describeBoot) : undefined,
    ...listDumps(boots),
    notes: [
      ...new Set(boots.flatMap(({ unwritten }) => unwritten)),
      // Not those of earlier boots: their output is incomplete because of the crash.
      ...last.testProblems.filter((problem) => problem !== judgement.reason),
      ...boots.flatMap(describeOddities),
    ],
    times: boots.map(({ record }) => phasesOf(record.times)).reduce(addTimes),
    blames: several ? 'guest' : blameFor(last),
  };
}

/** The verdict stays `crash`, even if all remaining tests pass after it. */
function judgeBoots(boots: readonly EndedBoot[]): Judgement {
  const judged = boots.map(judgeRun);
  const last = judged.at(-1)!;
  if (boots.length === 1) return last;
  const crashes = boots.filter((_, index) => judged[index]?.verdict === 'crash').map(nameCrash);
  const crashed = `the kernel crashed during ${listSome(crashes)}`;
  if (last.verdict === 'crash') return { ...judged[0]!, reason: crashed };
  if (last.verdict === 'interrupted') return { ...last, reason: `${last.reason}; ${crashed}` };
  return { ...judged[0]!, reason: `${crashed}; then ${last.reason}` };
}

/** @returns the test or the phase in which a boot crashed */
export function nameCrash({ unfinished, splats }: EndedBoot): string {
  return unfinished[0] ?? findCrash(splats)?.during ?? 'the command';
}

function findCrash(splats: readonly RunSplat[]): RunSplat | undefined {
  return splats.find(isCrash);
}

/** Lists equal splats of several boots once, except those that ended a boot: they are listed for each boot. */
export function joinSplats(splats: readonly RunSplat[]): RunSplat[] {
  const known = new Map<string, RunSplat>();
  return splats.flatMap((splat) => {
    const { severity, kind, title, excused, excusedBy, vm } = splat;
    const key = [severity, kind, title, excused, excusedBy, vm].join('\n');
    const same = isCrash(splat) ? undefined : known.get(key);
    if (same !== undefined) {
      same.count += splat.count;
      return [];
    }
    const joined = { ...splat };
    known.set(key, joined);
    return [joined];
  });
}

function splatsOf({ splats }: EndedBoot, index: number): RunSplat[] {
  return splats.map((splat) => ({ ...splat, boot: index + 1 }));
}

function listDumps(boots: readonly EndedBoot[]): Pick<RunResult, 'dumps'> {
  const dumps = boots.flatMap(({ dump }) =>
    dump !== undefined && 'file' in dump ? [dump.file] : [],
  );
  return dumps.length === 0 ? {} : { dumps };
}

function describeBoot(boot: EndedBoot): RunBoot {
  const { verdict, reason } = judgeRun(boot);
  const { start, tests, record } = boot;
  return { verdict, reason, tests: tests.length, start, times: phasesOf(record.times) };
}

function describeOddities({ record, testsDropped, dump }: EndedBoot): string[] {
  return [
    ...(dump !== undefined && 'problem' in dump ? [`no dump: ${dump.problem}`] : []),
    ...describeDropped(testsDropped),
    ...describeForeignLines(record.foreignLines),
    ...describeLosses(record.events),
    ...describeStops(record.stoppedFor),
    ...qemuMessages(record.qemuSaid),
  ];
}

function describeDropped(tests: number): string[] {
  return tests === 0 ? [] : [`${tests} more tests are not listed`];
}

function describeForeignLines(lines: number): string[] {
  return lines === 0
    ? []
    : [`${lines} lines on the control channel were not from rapido's session`];
}

function describeStops(stoppedFor: number | undefined): string[] {
  return stoppedFor === undefined
    ? []
    : [
        `the VM was stopped for ${formatDuration(stoppedFor)}, by a debugger or for a dump; the limits do not count that time`,
      ];
}

/** Messages of QEMU, mostly warnings. */
function qemuMessages(qemuSaid: string): string[] {
  return qemuSaid
    .split('\n')
    .filter(Boolean)
    .slice(-5)
    .map((line) => `QEMU: ${line}`);
}

/** Files that the guest wrote and the host did not get. */
function describeLosses(events: readonly GuestEvent[]): string[] {
  const end = events.find((event) => event.event === 'power-off');
  if (end === undefined || end.left === 0) return [];
  if (end.left === undefined) {
    return ['some files in /rapido/results may not have reached the host'];
  }
  return [
    `the files in /rapido/results are lost: the kernel could not mount the directory of the host (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)`,
  ];
}

type Phases = RunBoot['times'];

/** Converts points in time to durations. */
function phasesOf(times: SessionTimes): Phases {
  const { init, autorunEnd, commandStart, commandEnd, end } = times;
  const between = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : to - from;
  return {
    boot: init,
    autorun: between(init, autorunEnd),
    command: between(commandStart, commandEnd),
    powerOff: between(commandStart === undefined ? autorunEnd : commandEnd, end),
  };
}

function addTimes(a: Phases, b: Phases): Phases {
  const sum = (phase: keyof Phases): number | undefined =>
    a[phase] === undefined && b[phase] === undefined
      ? undefined
      : (a[phase] ?? 0) + (b[phase] ?? 0);
  return {
    boot: sum('boot'),
    autorun: sum('autorun'),
    command: sum('command'),
    powerOff: sum('powerOff'),
  };
}

/** After this many crashes, the run ends. */
const MAX_CRASHES = 20;

/** The tests that the next boot skips; or why there is no next boot. */
export type NextBoot = { done: string[] } | { because: string };

/**
 * Decides whether to boot again.
 * @param asked the tests that the user named; undefined: unknown
 * @returns undefined if the last boot did not crash, or no tests are left
 */
export function planNextBoot(
  boots: readonly EndedBoot[],
  asked: readonly string[] | undefined,
): NextBoot | undefined {
  const last = boots.at(-1)!;
  if (judgeRun(last).verdict !== 'crash' || blameFor(last) !== 'guest') return undefined;
  const before = new Set(boots.slice(0, -1).flatMap(namesOf));
  const isNew = namesOf(last).some((name) => !before.has(name));
  if (!isNew) return { because: 'the crash was not in one of the remaining tests' };
  if (boots.length >= MAX_CRASHES) return { because: `there were ${MAX_CRASHES} crashes` };
  if (last.testsDropped > 0) return { because: 'there are too many tests to keep track of' };
  const done = [...new Set(boots.flatMap(namesOf))];
  return asked?.every((test) => isDone(test, done)) ? undefined : { done };
}

function namesOf({ tests }: EndedBoot): string[] {
  return tests.map(({ name }) => name);
}

/** The name in a result may include a device or a part of the test: `loop/001/zram0`. */
function isDone(test: string, done: readonly string[]): boolean {
  return done.some((name) => name === test || name.startsWith(`${test}/`));
}
