import { type ExpectedSplat, excuse } from '../klog/expected.ts';
import { createSplatScanner } from '../klog/scanner.ts';
import type { Splat } from '../klog/splat.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { RunSplat } from './run-result.ts';
import { nameOfScript } from './verdict.ts';

/** How many different splats are kept; a kernel that has more than that says nothing new. */
const MOST_SPLATS = 200;

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
  finish: () => RunSplat[];
}

export function collectSplats({ expected, survivesOops }: SplatOptions): SplatCollection {
  const splats = new Map<string, RunSplat>();
  let during = 'boot';
  let isCrashed = false;
  let sinceLastTest: RunSplat[] = [];
  let begun: string | undefined;
  let taint = 0;
  const keep = (splat: Splat): void => {
    const { kind, severity, title, text } = splat;
    const key = `${kind}: ${title}`;
    const known = splats.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (splats.size >= MOST_SPLATS) return;
    const excused = excuse(splat, expected);
    const kept = { kind, severity, title, count: 1, text, during: begun ?? during, excused };
    splats.set(key, kept);
    sinceLastTest.push(kept);
  };
  const scanner = createSplatScanner(
    {
      onBegin: () => {
        begun = during;
      },
      onFatal: () => {
        isCrashed = true;
      },
      onEnd: (splat) => {
        keep(splat);
        begun = undefined;
      },
    },
    { oopsIsFatal: !survivesOops },
  );
  return {
    push: (line) => scanner.push(line),
    enter: (event) => {
      during = phaseAfter(event, during);
      if (event.event === 'command-start') sinceLastTest = [];
      if (event.event === 'power-off') taint = event.taint;
    },
    testEnded: (name) => {
      for (const splat of sinceLastTest) splat.during = name;
      sinceLastTest = [];
    },
    isCrashed: () => isCrashed,
    finish: () => {
      scanner.end();
      const seen = [...splats.values()];
      const unexplained = seen.some(({ severity }) => severity !== 'note')
        ? undefined
        : explainTaint(taint, expected);
      return unexplained === undefined ? seen : [...seen, unexplained];
    },
  };
}

/**
 * Bits of /proc/sys/kernel/tainted that a kernel gets by a complaint
 * (Documentation/admin-guide/tainted-kernels.rst).
 */
const COMPLAINT_TAINTS = [
  [4, 'M, a machine check'],
  [5, 'B, a bad page'],
  [7, 'D, an oops or BUG'],
  [9, 'W, a warning'],
  [14, 'L, a soft lockup'],
] as const;

/** A test may have turned the console down (`dmesg -n 1`): the kernel still knows that it complained. */
function explainTaint(taint: number, expected: readonly ExpectedSplat[]): RunSplat | undefined {
  const reasons = COMPLAINT_TAINTS.filter(([bit]) => (taint & (1 << bit)) !== 0);
  if (reasons.length === 0) return undefined;
  const title = `kernel tainted: ${reasons.map(([, reason]) => reason).join('; ')}`;
  const head = { kind: 'taint', severity: 'error', title } as const;
  return {
    ...head,
    count: 1,
    text: `/proc/sys/kernel/tainted is ${taint}, and the console did not show why`,
    during: undefined,
    excused: excuse(head, expected),
  };
}

function phaseAfter(event: GuestEvent, before: string): string {
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
      return before;
  }
}
