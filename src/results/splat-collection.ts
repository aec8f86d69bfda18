import { type ExpectedSplat, excuse } from '../klog/expected.ts';
import { createSplatScanner } from '../klog/scanner.ts';
import { keyOf, type Splat, type SplatKind } from '../klog/splat.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { RunSplat } from './run-result.ts';
import { nameOfScript } from './verdict.ts';

/** How many different splats of one severity are kept: those of another are never hidden by them. */
const MOST_SPLATS = 100;

export interface SplatOptions {
  expected: readonly ExpectedSplat[];
  /** Whether the kernel was told to go on after an oops. */
  survivesOops: boolean;
}

/** What the kernel complains of in one run, each once, with what was going on. */
export interface SplatCollection {
  /** Takes a line of the console. */
  push: (line: string) => void;
  enter: (event: GuestEvent) => void;
  /** A test's result has come: what the kernel complained of since the one before was in it. */
  testEnded: (name: string) => void;
  isCrashed: () => boolean;
  /** Whether the kernel did no more than fail to run our init: it has nothing to add to that. */
  isStuck: () => boolean;
  /** What comes from now on is rapido's own doing: the backtraces that it asks for. */
  stop: () => void;
  finish: () => RunSplat[];
}

export function collectSplats({ expected, survivesOops }: SplatOptions): SplatCollection {
  const splats = new Map<string, KeptSplat>();
  const counts = new Map<string, number>();
  let moment: Moment = { name: 'boot' };
  /** That of the test whose result comes next. */
  let testMoment: Moment = moment;
  let isCrashed = false;
  let isStuck = false;
  let isOver = false;
  let taint = 0;
  const keep = (splat: Splat, when: Moment): void => {
    // The end of a kernel without a power-off of its own; see guest/power-off.
    if (isOver && splat.title.includes('Attempted to kill init!')) return;
    const known = splats.get(keyOf(splat));
    if (known !== undefined) {
      known.count++;
      if (splat.severity === 'fatal') Object.assign(known, splat);
      return;
    }
    const kept = { ...splat, count: 1, when, excused: excuse(splat, expected) };
    const group = `${kept.severity} ${kept.excused === undefined}`;
    const count = (counts.get(group) ?? 0) + 1;
    if (count > MOST_SPLATS) return;
    counts.set(group, count);
    splats.set(keyOf(splat), kept);
  };
  const scanner = createSplatScanner<Moment>(
    {
      onBegin: () => moment,
      onFatal: ({ kind }) => {
        isStuck = kind === 'boot' && (isStuck || !isCrashed);
        isCrashed = true;
      },
      onEnd: keep,
    },
    { oopsIsFatal: !survivesOops },
  );
  let isStopped = false;
  return {
    push: (line) => {
      if (!isStopped) scanner.push(line);
    },
    stop: () => {
      isStopped = true;
      scanner.end();
    },
    enter: (event) => {
      const phase = phaseAfter(event);
      if (phase !== undefined) moment = { name: phase };
      if (event.event === 'command-start') testMoment = moment;
      if (event.event !== 'power-off') return;
      isOver = true;
      taint = event.taint ?? 0; // One that is not known is for the verdict.
    },
    testEnded: (name) => {
      testMoment.name = name;
      const next = { name: 'the command' };
      // The end of the command may be heard before its last result is.
      if (moment === testMoment) moment = next;
      testMoment = next;
    },
    isCrashed: () => isCrashed,
    isStuck: () => isStuck,
    finish: () => {
      scanner.end();
      const seen = [...splats.values()].map(describeSplat);
      return [...seen, ...explainTaint(taint, seen, expected)];
    },
  };
}

/** What was going on; a test is known by name only when its result comes. */
interface Moment {
  name: string;
}

interface KeptSplat extends Splat {
  count: number;
  when: Moment;
  excused: string | undefined;
}

function describeSplat({ kind, severity, title, count, text, when, excused }: KeptSplat): RunSplat {
  return { kind, severity, title, count, text, during: when.name, excused };
}

/** Kinds by which a kernel gets the taint D (`die()`), and not W. */
const OOPSES: readonly SplatKind[] = [
  'oops',
  'gpf',
  'double-fault',
  'bug',
  'stack',
  'cfi',
  'panic',
];

/**
 * Bits of /proc/sys/kernel/tainted that a kernel gets by a complaint
 * (Documentation/admin-guide/tainted-kernels.rst), and what kinds of splats explain them.
 */
const COMPLAINT_TAINTS: readonly [number, string, (kind: string) => boolean][] = [
  [4, 'M, a machine check', (kind) => kind === 'hardware'],
  [5, 'B, a bad page', (kind) => ['memory', 'slab', 'kasan', 'kfence'].includes(kind)],
  [7, 'D, an oops or BUG', (kind) => isOops(kind) || ['fortify', 'list-corruption'].includes(kind)],
  [9, 'W, a warning', (kind) => !isOops(kind)],
  [14, 'L, a soft lockup', (kind) => kind === 'soft-lockup'],
];

function isOops(kind: string): boolean {
  return OOPSES.some((oops) => oops === kind);
}

/** A test may have turned the console down (`dmesg -n 1`): the kernel still knows that it complained. */
function explainTaint(
  taint: number,
  seen: readonly RunSplat[],
  expected: readonly ExpectedSplat[],
): RunSplat[] {
  const complaints = seen.filter(({ severity }) => severity !== 'note');
  const reasons = COMPLAINT_TAINTS.filter(
    ([bit, , explains]) =>
      (taint & (1 << bit)) !== 0 && !complaints.some(({ kind }) => explains(kind)),
  );
  if (reasons.length === 0) return [];
  const title = `kernel tainted: ${reasons.map(([, reason]) => reason).join('; ')}`;
  const head = { kind: 'taint', severity: 'error', title } as const;
  return [
    {
      ...head,
      count: 1,
      text: `/proc/sys/kernel/tainted is ${taint}, and the console did not show why`,
      during: undefined,
      excused: excuse(head, expected),
    },
  ];
}

/** @returns undefined for an event that begins nothing */
function phaseAfter(event: GuestEvent): string | undefined {
  switch (event.event) {
    case 'init':
      return 'init';
    case 'autorun-start':
      return `autorun script ${nameOfScript(event.script)}`;
    case 'command-start':
      return 'the command';
    case 'command-end':
    case 'power-off':
      return 'the end';
    default:
      return undefined;
  }
}
