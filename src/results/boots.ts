import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
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
 * One boot of a run: a VM from its start to its end. A run is one, unless it goes on after a crash: each
 * boot then has a VM of its own, and does the tests that those before it did not.
 */
export interface EndedBoot extends RunFacts {
  testsDropped: number;
  /** Tests that were running when it ended. */
  unfinished: readonly string[];
  /** Tasks that slept uninterruptibly when it was ended; undefined: that is not known. */
  blockedTasks: BlockedTask[] | undefined;
}

/** What comes of all boots of a run. */
export type RunOutcome = Pick<
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
> & { notes: string[]; times: Partial<RunTimes>; blames: Blame };

/** @param boots one at least; all but the last ended by a crash */
export function sumUpBoots(boots: readonly EndedBoot[]): RunOutcome {
  const last = boots.at(-1)!;
  const { events } = last.record;
  const several = boots.length > 1;
  return {
    ...judgeBoots(boots),
    commandStatus: events.find((event) => event.event === 'command-end')?.status,
    autorun: events
      .filter((event) => event.event === 'autorun-end')
      .map(({ script, status }) => ({ script, status })),
    tests: boots.flatMap(({ tests }) => tests),
    splats: several ? joinSplats(boots) : [...last.splats],
    blockedTasks: last.blockedTasks?.length === 0 ? undefined : last.blockedTasks,
    boots: several ? boots.map(describeBoot) : undefined,
    notes: [
      ...new Set(boots.flatMap(({ unwritten }) => unwritten)),
      // What a crash cut short is not whole: that goes without saying.
      ...last.testProblems,
      ...boots.flatMap(describeOddities),
    ],
    times: boots.map(({ record }) => phasesOf(record.times)).reduce(addTimes),
    blames: several ? 'guest' : blameFor(last),
  };
}

/** A crash stays one, however well the tests went on after it. */
function judgeBoots(boots: readonly EndedBoot[]): Judgement {
  const judged = boots.map(judgeRun);
  const last = judged.at(-1)!;
  if (boots.length === 1) return last;
  const crashes = boots.filter((_, index) => judged[index]?.verdict === 'crash').map(nameCrash);
  const crashed = `the kernel crashed in ${listSome(crashes)}`;
  if (last.verdict === 'crash') return { ...judged[0]!, reason: crashed };
  if (last.verdict === 'interrupted') return { ...last, reason: `${last.reason}; ${crashed}` };
  return { ...judged[0]!, reason: `${crashed}; then ${last.reason}` };
}

/** So many are named in one line. */
const MOST_NAMES = 5;

function listSome(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Where a boot crashed: a test, or what else was going on. */
export function nameCrash({ unfinished, splats }: EndedBoot): string {
  return unfinished[0] ?? findCrash(splats)?.during ?? 'the command';
}

function findCrash(splats: readonly RunSplat[]): RunSplat | undefined {
  return splats.find(isCrash);
}

/** Each once; but what ended a boot is told of each, with its own test. */
function joinSplats(boots: readonly EndedBoot[]): RunSplat[] {
  const known = new Map<string, RunSplat>();
  return boots.flatMap(({ splats }, index) =>
    splats.flatMap((splat) => {
      const { severity, kind, title, excused, excusedBy } = splat;
      const key = [severity, kind, title, excused, excusedBy].join('\n');
      const same = isCrash(splat) ? undefined : known.get(key);
      if (same !== undefined) {
        same.count += splat.count;
        return [];
      }
      const joined = { ...splat, boot: index + 1 };
      known.set(key, joined);
      return [joined];
    }),
  );
}

function describeBoot(boot: EndedBoot): RunBoot {
  const { verdict, reason } = judgeRun(boot);
  return { verdict, reason, tests: boot.tests.length, times: phasesOf(boot.record.times) };
}

function describeOddities({ record, testsDropped }: EndedBoot): string[] {
  return [
    ...describeDropped(testsDropped),
    ...describeStrangeness(record.strangeLines),
    ...describeLosses(record.events),
    ...wordsOf(record.qemuSaid),
  ];
}

function describeDropped(tests: number): string[] {
  return tests === 0 ? [] : [`${tests} more tests are not listed`];
}

function describeStrangeness(lines: number): string[] {
  return lines === 0
    ? []
    : [`${lines} lines on the control channel were not from rapido's session`];
}

/** What QEMU said: warnings, mostly. */
function wordsOf(qemuSaid: string): string[] {
  return qemuSaid
    .split('\n')
    .filter(Boolean)
    .slice(-5)
    .map((line) => `QEMU: ${line}`);
}

/** What the guest left where the host cannot get it. */
function describeLosses(events: readonly GuestEvent[]): string[] {
  const end = events.find((event) => event.event === 'power-off');
  if (end === undefined || end.left === 0) return [];
  if (end.left === undefined) {
    return ['whether all that was left in /rapido/results has reached the host is not known'];
  }
  return [
    `what was left in /rapido/results is lost: the kernel could not mount the host's directory (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)`,
  ];
}

type Phases = RunBoot['times'];

/** From points of time to durations. */
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

/** What crashes this often is not worth another boot. */
const MOST_CRASHES = 20;

/** How a run may go on: without the tests that are done, or not, `because`. */
export type NextBoot = { done: string[] } | { because: string };

/**
 * Whether to boot again after the last of these.
 * @param asked the tests that the user named; undefined: it is not known which there will be
 * @returns undefined where it did not crash, or was in the last test that was asked for
 */
export function planNextBoot(
  boots: readonly EndedBoot[],
  asked: readonly string[] | undefined,
): NextBoot | undefined {
  const last = boots.at(-1)!;
  if (judgeRun(last).verdict !== 'crash' || blameFor(last) !== 'guest') return undefined;
  const before = new Set(boots.slice(0, -1).flatMap(namesOf));
  const isNew = namesOf(last).some((name) => !before.has(name));
  if (!isNew) return { because: 'the crash was in none of the tests that were still to run' };
  if (boots.length >= MOST_CRASHES) return { because: `these are ${MOST_CRASHES} crashes` };
  if (last.testsDropped > 0) return { because: 'there are too many tests to remember' };
  const done = [...new Set(boots.flatMap(namesOf))];
  return asked?.every((test) => isDone(test, done)) ? undefined : { done };
}

function namesOf({ tests }: EndedBoot): string[] {
  return tests.map(({ name }) => name);
}

/** Results may name a device or a part of a test: `loop/001/zram0`. */
function isDone(test: string, done: readonly string[]): boolean {
  return done.some((name) => name === test || name.startsWith(`${test}/`));
}
