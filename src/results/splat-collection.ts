import { type ExpectedSplat, findExcuse } from '../formats/klog/expected.ts';
import { createSplatScanner } from '../formats/klog/scanner.ts';
import { keyOf, type Splat, type SplatHead, type SplatKind } from '../formats/klog/splat.ts';
import type { TestMark } from '../formats/suites/suite.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { RunSplat } from './run-result.ts';
import { createTestTimeline, type TestTimeline } from './test-timeline.ts';
import { nameOfScript } from './verdict.ts';

/** How many different splats of each severity are kept. Many notes cannot displace an error. */
const MAX_SPLATS = 100;

/**
 * Results that arrive within so many milliseconds of each other may have been printed at once: a program whose stdout
 * is a pipe keeps them until its buffer is full or it exits.
 */
const BURST = 5;

/** How many tests are kept for a moment. With more of them, no test is held responsible. */
const MAX_TESTS_OF_MOMENT = 1000;

export interface SplatOptions {
  expected: readonly ExpectedSplat[];
  /** Whether the kernel is configured to continue after an oops. */
  survivesOops: boolean;
  /** How the suite marks its tests in the kernel log; undefined: splats are assigned by the order of results. */
  mark?: TestMark | undefined;
  /** @returns milliseconds since the start of the run; undefined: the starts of splats are not recorded */
  elapsed?: (() => number) | undefined;
}

/** Collects the kernel reports of one boot: each once, with the phase or test in which it appeared. */
export interface SplatCollection {
  /** Takes a line of the console. */
  push: (line: string) => void;
  enter: (event: GuestEvent) => void;
  /**
   * The result of a test has arrived. If the suite does not mark tests in the kernel log, the kernel reports since the
   * previous result belong to this test, or to one of those whose results follow at once.
   */
  testEnded: (name: string) => void;
  isCrashed: () => boolean;
  /** Whether the kernel could not start the init, which is its only report: nothing more follows. */
  isStuck: () => boolean;
  /** Ignores further lines: rapido itself now requests backtraces from the kernel. */
  stop: () => void;
  finish: () => RunSplat[];
}

export function collectSplats({
  expected,
  survivesOops,
  mark,
  elapsed,
}: SplatOptions): SplatCollection {
  const timeline = createTestTimeline(mark);
  const store = createSplatStore(expected, timeline);
  const bursts = createBurstDetector(elapsed ?? (() => performance.now()));
  let moment = beginMoment('boot');
  /** The moment of the test whose result comes next. */
  let testMoment = moment;
  /** The moments with reports whose results are arriving. */
  let closing: Moment[] = [];
  let isCrashed = false;
  let isStuck = false;
  let isOver = false;
  let taint = 0;
  const scanner = createSplatScanner<Begun>(
    {
      onBegin: () => {
        moment.hasReport = true;
        return { moment, start: elapsed?.() };
      },
      onFatal: (head) => {
        // A test may provoke a report that is fatal otherwise; the kernel then continues. Without marks in the kernel
        // log, the test is not known until its result arrives.
        if (findExcuse(head, testsAt(timeline, undefined), expected) !== undefined) return;
        if (mark === undefined && moment === testMoment && isForSomeTest(head, expected)) return;
        isStuck = head.kind === 'boot' && (isStuck || !isCrashed);
        isCrashed = true;
      },
      onEnd: (splat, begun) => {
        // A kernel without a power-off driver ends like this; see guest/power-off.
        if (isOver && splat.title.includes('Attempted to kill init!')) return;
        store.add(splat, begun);
      },
    },
    { oopsIsFatal: !survivesOops },
  );
  let isStopped = false;
  return {
    push: (line) => {
      if (isStopped) return;
      timeline.push(line);
      scanner.push(line);
    },
    stop: () => {
      isStopped = true;
      scanner.end();
    },
    enter: (event) => {
      const phase = phaseAfter(event);
      if (phase !== undefined) moment = beginMoment(phase);
      if (event.event === 'command-start') testMoment = moment;
      if (event.event !== 'power-off') return;
      isOver = true;
      taint = event.taint ?? 0; // The verdict handles an unknown taint.
    },
    testEnded: (name) => {
      if (!bursts.continues()) {
        for (const each of closing) each.isComplete = true;
        closing = [];
      }
      if (testMoment.hasReport) {
        closing.push(testMoment);
        const next = beginMoment('the command');
        // The end of the command may arrive before the last result.
        if (moment === testMoment) moment = next;
        testMoment = next;
      }
      for (const each of closing) addTest(each, name);
    },
    isCrashed: () => isCrashed,
    isStuck: () => isStuck,
    finish: () => {
      scanner.end();
      const seen = store.list();
      return [...seen, ...explainTaint(taint, seen, expected)];
    },
  };
}

/** The phase and the tests, one of which was running. Their names are added when their results arrive. */
interface Moment {
  phase: string;
  hasReport: boolean;
  tests: string[];
  /** Whether all of them are known. */
  isComplete: boolean;
  /** Whether there were more tests than are kept. */
  isCut: boolean;
}

function beginMoment(phase: string): Moment {
  return { phase, hasReport: false, tests: [], isComplete: false, isCut: false };
}

/** A test that contains others ends with the last of them: its result says nothing more. */
function addTest(moment: Moment, name: string): void {
  if (moment.tests.at(-1)?.startsWith(`${name}/`)) return;
  if (moment.tests.length < MAX_TESTS_OF_MOMENT) moment.tests.push(name);
  else moment.isCut = true;
}

interface BurstDetector {
  /** @returns whether this result may have been printed together with the previous one */
  continues: () => boolean;
}

/** @param now in milliseconds */
function createBurstDetector(now: () => number): BurstDetector {
  let last = Number.NEGATIVE_INFINITY;
  return {
    continues: () => {
      const time = now();
      const isBurst = time - last <= BURST;
      last = time;
      return isBurst;
    },
  };
}

function testsAt(timeline: TestTimeline, time: number | undefined): readonly string[] {
  const test = timeline.testAt(time);
  return test === undefined ? [] : [test];
}

/** When a splat began. */
interface Begun {
  moment: Moment;
  /** Milliseconds since the start of the run. */
  start: number | undefined;
}

interface KeptSplat extends Splat, Begun {
  count: number;
  /** Whether it counts regardless of the test in which it appeared. */
  counts: boolean;
}

interface SplatStore {
  add: (splat: Splat, begun: Begun) => void;
  list: () => RunSplat[];
}

/**
 * Keeps equal splats as one. A splat that one test provokes and that also appears in another test is kept twice. A
 * splat that may turn out to be provoked is kept for each moment.
 */
function createSplatStore(expected: readonly ExpectedSplat[], timeline: TestTimeline): SplatStore {
  /** By the key of the splat, then by its excuse or its moment. */
  const kept = new Map<string, Map<Moment | ExpectedSplat | undefined, KeptSplat>>();
  const inOrder: KeptSplat[] = [];
  const sizes = new Map<string, number>();
  const testsOf = (time: number | undefined, { tests }: Moment): readonly string[] =>
    timeline.isMarked() ? testsAt(timeline, time) : tests;
  const excuseOf = (splat: Splat, moment: Moment): ExpectedSplat | undefined => {
    const isVague = moment.isCut && !timeline.isMarked();
    return findExcuse(splat, isVague ? [] : testsOf(splat.time, moment), expected);
  };
  /** Whether its excuse depends on tests whose names are not all known yet. */
  const isOpen = (splat: Splat, moment: Moment): boolean =>
    !timeline.isMarked() && !moment.isComplete && isForSomeTest(splat, expected);
  /** @returns false if there are too many of this group and severity */
  const put = (
    splat: Splat,
    begun: Begun,
    group: 'open' | 'excused' | 'counting',
    common: Moment | ExpectedSplat | undefined,
  ): boolean => {
    const alike = kept.get(keyOf(splat)) ?? new Map<typeof common, KeptSplat>();
    const known = alike.get(common);
    if (known !== undefined) {
      known.count++;
      if (splat.severity === 'fatal') Object.assign(known, splat);
      return true;
    }
    const size = (sizes.get(`${splat.severity} ${group}`) ?? 0) + 1;
    if (size > MAX_SPLATS) return false;
    sizes.set(`${splat.severity} ${group}`, size);
    const first = { ...splat, ...begun, count: 1, counts: group === 'counting' };
    kept.set(keyOf(splat), alike.set(common, first));
    inOrder.push(first);
    return true;
  };
  return {
    add: (splat, begun) => {
      const { moment } = begun;
      const isUnknown = isOpen(splat, moment);
      if (isUnknown && put(splat, begun, 'open', moment)) return;
      const excuse = isUnknown ? findExcuse(splat, [], expected) : excuseOf(splat, moment);
      put(splat, begun, excuse === undefined ? 'counting' : 'excused', excuse);
    },
    list: () =>
      joinEqual(
        inOrder.map((splat) => {
          const excuse = splat.counts ? undefined : excuseOf(splat, splat.moment);
          return describeSplat(splat, testsOf(splat.time, splat.moment), excuse);
        }),
      ),
  };
}

function describeSplat(
  { kind, severity, title, count, start, text, moment }: KeptSplat,
  tests: readonly string[],
  excuse: ExpectedSplat | undefined,
): RunSplat {
  const [first = moment.phase, last = first] = [tests[0], tests.at(-1)];
  const during = first === last ? first : `${first} … ${last}`;
  return {
    kind,
    severity,
    title,
    count,
    ...(start !== undefined && { start }),
    text,
    during,
    ...describeExcuse(excuse),
  };
}

function describeExcuse(
  excuse: ExpectedSplat | undefined,
): Pick<RunSplat, 'excused' | 'excusedBy'> {
  return excuse === undefined ? {} : { excused: excuse.reason, excusedBy: excuse.where };
}

/** Joins equal splats of different tests, once the names of the tests are known. */
function joinEqual(splats: readonly RunSplat[]): RunSplat[] {
  const joined = new Map<string, RunSplat>();
  for (const splat of splats) {
    const key = `${splat.kind}\n${splat.title}\n${splat.excusedBy}`;
    const same = joined.get(key);
    if (same === undefined) joined.set(key, splat);
    else {
      same.count += splat.count;
      if (splat.severity === 'fatal') {
        const { count, start } = same;
        Object.assign(same, splat, { count }, start !== undefined && { start });
      }
    }
  }
  return [...joined.values()];
}

/** Kinds that set the taint flag D (`die()`), and not W. */
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
 * Bits of /proc/sys/kernel/tainted that kernel reports set (Documentation/admin-guide/tainted-kernels.rst), and the
 * kinds of splats that explain them.
 */
const REPORT_TAINTS: readonly [number, string, (kind: string) => boolean][] = [
  [4, 'M, a machine check', (kind) => kind === 'hardware'],
  [5, 'B, a bad page', (kind) => ['memory', 'slab', 'kasan', 'kfence'].includes(kind)],
  [7, 'D, an oops or BUG', (kind) => isOops(kind) || ['fortify', 'list-corruption'].includes(kind)],
  [9, 'W, a warning', (kind) => !isOops(kind)],
  [14, 'L, a soft lockup', (kind) => kind === 'soft-lockup'],
];

function isOops(kind: string): boolean {
  return OOPSES.some((oops) => oops === kind);
}

/** The console may not show a report, for example after `dmesg -n 1`, but the taint flags still do. */
function explainTaint(
  taint: number,
  seen: readonly RunSplat[],
  expected: readonly ExpectedSplat[],
): RunSplat[] {
  const faults = seen.filter(({ severity }) => severity !== 'note');
  const reasons = REPORT_TAINTS.filter(
    ([bit, , explains]) => (taint & (1 << bit)) !== 0 && !faults.some(({ kind }) => explains(kind)),
  );
  if (reasons.length === 0) return [];
  const title = `kernel tainted: ${reasons.map(([, reason]) => reason).join('; ')}`;
  const head = { kind: 'taint', severity: 'error', title } as const satisfies SplatHead;
  return [
    {
      ...head,
      count: 1,
      text: `/proc/sys/kernel/tainted is ${taint}, and the console did not show why`,
      during: undefined,
      ...describeExcuse(findExcuse(head, [], expected)),
    },
  ];
}

/** @returns undefined for an event that begins no phase */
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

/** Whether a list excuses it in any test. */
function isForSomeTest(
  head: Pick<SplatHead, 'kind' | 'title'>,
  expected: readonly ExpectedSplat[],
): boolean {
  return expected.some(({ test, pattern }) => test !== undefined && pattern.test(keyOf(head)));
}
