import type { RunBoot, RunResult, RunSplat, TestResult } from '../results/run-result.ts';
import { isCrash } from '../results/verdict.ts';
import { formatDuration } from '../ui/format.ts';

/** Where the time of a run went. All times are in milliseconds since the start of the run. */
export interface Timeline {
  total: number;
  lanes: Lane[];
}

export interface Lane {
  name: string;
  bars: Bar[];
  marks: Mark[];
}

export interface Bar {
  from: number;
  to: number;
  /** A status of a test, `phase`, or `vm`. */
  kind: string;
  title: string;
  /** Shown in the bar. */
  name?: string | undefined;
  /** Index of the test. */
  test?: number | undefined;
}

/** A kernel report. */
export interface Mark {
  at: number;
  isFatal: boolean;
  title: string;
  /** Index of the report. */
  splat: number;
}

/** Bars that together are narrower than this part of the timeline are joined, so that it has a limited size. */
const FINEST = 1 / 1000;

/** @returns undefined if the result does not say when QEMU was started */
export function layOutTimeline(result: RunResult): Timeline | undefined {
  const { times, servers = [], splats } = result;
  const boots = bootsOf(result);
  if (boots.length === 0) return undefined;
  const marksOf = (isThere: (splat: RunSplat) => boolean): Mark[] =>
    splats.flatMap((splat, index) =>
      splat.start !== undefined && isThere(splat) ? [markOf(splat, splat.start, index)] : [],
    );
  const preparation = beforeBoot(result);
  return {
    total: times.total,
    lanes: [
      ...(preparation.length === 0 ? [] : [{ name: 'preparation', bars: preparation, marks: [] }]),
      ...servers.flatMap(({ cut, number, start }) => {
        const name = `${cut} (VM ${number})`;
        if (start === undefined) return [];
        const bar = {
          from: start,
          to: times.total,
          kind: 'vm',
          name: cut,
          title: `${name}, a server`,
        };
        return [{ name, bars: [bar], marks: marksOf(({ vm }) => vm === name) }];
      }),
      ...boots.flatMap((boot, index) => {
        const name = boots.length === 1 ? 'VM' : `boot ${index + 1}`;
        const marks = marksOf((splat) => splat.vm === undefined && (splat.boot ?? 1) === index + 1);
        const tests = layOutTests(boot, times.total);
        const phases: Lane = { name, bars: phasesOf(boot), marks: tests.length > 0 ? [] : marks };
        return tests.length === 0 ? [phases] : [phases, { name: 'tests', bars: tests, marks }];
      }),
    ],
  };
}

function markOf({ kind, title, severity }: RunSplat, at: number, splat: number): Mark {
  return { at, isFatal: severity === 'fatal', title: `${kind}: ${title}`, splat };
}

interface PlacedBoot {
  start: number;
  times: RunBoot['times'];
  /** When the command ended, or the VM was lost. */
  end: number;
  /** With the index of each. */
  tests: (readonly [number, TestResult])[];
}

/** Without boots whose start is unknown. */
function bootsOf(result: RunResult): PlacedBoot[] {
  const { vm, times, tests } = result;
  const { boots = [{ start: vm?.start, times, tests: tests.length }] } = result;
  const numbered = tests.map((test, index) => [index, test] as const);
  let first = 0;
  return boots.flatMap((boot, index) => {
    const own = numbered.slice(first, first + boot.tests);
    first += boot.tests;
    if (boot.start === undefined) return [];
    const next = boots[index + 1]?.start;
    const end = endOfCommand(boot.start, boot.times) ?? endOfVm(result, index + 1) ?? next;
    return [{ start: boot.start, times: boot.times, end: end ?? times.total, tests: own }];
  });
}

function endOfCommand(start: number, times: RunBoot['times']): number | undefined {
  const { boot = 0, autorun = 0, command } = times;
  return command === undefined ? undefined : start + boot + autorun + command;
}

/** When the kernel of a boot crashed. */
function endOfVm({ splats }: RunResult, boot: number): number | undefined {
  return splats.find(
    (splat) => isCrash(splat) && splat.vm === undefined && (splat.boot ?? 1) === boot,
  )?.start;
}

function beforeBoot({ times }: RunResult): Bar[] {
  return inSequence(0, [
    ['kernel build', times.build],
    ['cut', times.cut],
    ['start of the servers', times.servers],
  ]);
}

function phasesOf({ start, times, end }: PlacedBoot): Bar[] {
  const bars = inSequence(start, [
    ['boot', times.boot],
    ['autorun', times.autorun],
    ['command', times.command],
    ['power off', times.powerOff],
  ]);
  const last = bars.at(-1)?.to ?? start;
  if (times.command !== undefined || end <= last) return bars;
  const title = `did not end, ${formatDuration(end - last)}`;
  return [...bars, { from: last, to: end, kind: 'phase', name: 'did not end', title }];
}

function inSequence(start: number, phases: readonly (readonly [string, number | undefined])[]) {
  let from = start;
  return phases.flatMap(([name, took]): Bar[] => {
    if (took === undefined) return [];
    const bar = {
      from,
      to: from + took,
      kind: 'phase',
      name,
      title: `${name}, ${formatDuration(took)}`,
    };
    from = bar.to;
    return [bar];
  });
}

/** Without tests whose start is unknown. */
function layOutTests({ tests, end }: PlacedBoot, total: number): Bar[] {
  const placed = tests.filter(([, test]) => test.start !== undefined);
  const bars = placed.map(([index, test], place): Bar => {
    const from = test.start ?? 0;
    const next = placed[place + 1]?.[1].start ?? Math.max(end, from);
    const to = test.duration === undefined ? next : Math.min(from + test.duration, total);
    const took = test.duration === undefined ? '' : `, ${formatDuration(test.duration)}`;
    const title = `${test.name}: ${test.status}${took}`;
    return { from, to, kind: test.status, title, test: index };
  });
  return joinNarrow(bars, total * FINEST);
}

/** Joins narrow bars of the same kind that follow each other, except failures: each is shown. */
function joinNarrow(bars: readonly Bar[], width: number): Bar[] {
  const joined: (Bar & { count: number })[] = [];
  for (const bar of bars) {
    const last = joined.at(-1);
    const mayJoin = bar.kind !== 'fail' && bar.kind !== 'interrupted' && last?.kind === bar.kind;
    if (last !== undefined && mayJoin && bar.to - last.from < width) {
      last.to = Math.max(last.to, bar.to);
      last.count++;
      last.title = `${last.count} tests: ${bar.kind}`;
    } else joined.push({ ...bar, count: 1 });
  }
  return joined.map(({ count, ...bar }) => bar);
}

/** Round steps of an axis, in milliseconds. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200];

/** The times at which the axis has a label: about five. */
export function ticksOf(total: number): number[] {
  const least = total / 6;
  const whole = STEPS.map((seconds) => seconds * 1000);
  const step = [100, 200, 500, ...whole].find((each) => each >= least) ?? least;
  return Array.from({ length: Math.floor(total / step) + 1 }, (_, index) => index * step);
}
