import type { KernelLine } from './line.ts';
import { CUT_HERE, WARN } from './rules/general.ts';
import type { Rule } from './rules/rule.ts';
import type { Severity, Splat, SplatHead } from './splat.ts';

/** Limits for one splat. The longest real ones (OOM with many tasks) are much shorter. */
export const MAX_SPLAT_LINES = 1500;
export const MAX_SPLAT_CHARACTERS = 192 * 1024;

/**
 * `open`: takes all lines. `ended`: takes only lines that clearly belong to a report. `closed`: takes only a
 * panic.
 */
export type CaptureState = 'open' | 'ended' | 'closed';

/** A splat whose lines are being collected. */
export interface Capture {
  rule: Rule;
  head: RegExpExecArray;
  /** Undefined if the splat is not reported: see `Rule.severity`. */
  severity: Severity | undefined;
  caller: string;
  state: CaptureState;
  /** Whether the listener has been called: not before a line shows the kind. */
  isAnnounced: boolean;
  /** Whether registers, modules or a stack trace have been seen: then the kind does not change any more. */
  isDetailed: boolean;
  /** Whether its stack trace has begun. */
  isTraced: boolean;
  hasPanicked: boolean;
  /** Number of consecutive lines that do not look like part of a report. */
  unrelatedLines: number;
  time: number | undefined;
  /** Timestamp of its last line. */
  lastTime: number | undefined;
  /** Seconds without a line after which the splat ends. */
  maxSilence: number;
  /** The lines as printed on the console. */
  shown: string[];
  /** The texts of the lines, without those of other callers. Titles are made from them. */
  texts: string[];
  characters: number;
  dropped: number;
}

/** Seconds without a line after which a splat ends and a panic no longer counts as its consequence. */
const MAX_SILENCE = 1;
/** The kernel waits up to 10 s for the backtraces of other CPUs (lib/nmi_backtrace.c). */
const MAX_SILENCE_FOR_CPUS = 11;

export function beginCapture(
  rule: Rule,
  head: RegExpExecArray,
  line: KernelLine,
  severity: Severity | undefined,
): Capture {
  return {
    rule,
    head,
    severity,
    caller: line.caller,
    state: 'open',
    isAnnounced: false,
    isDetailed: false,
    isTraced: false,
    hasPanicked: false,
    unrelatedLines: 0,
    time: line.time,
    lastTime: line.time,
    maxSilence: MAX_SILENCE,
    shown: [],
    texts: [],
    characters: 0,
    dropped: 0,
  };
}

const DETAIL = /^(?:CPU: \d+ |Modules linked in:|Hardware name:|Kdump: |Call [Tt]race:)/;
const TRACE = /^\s*(?:Call [Tt]race|[Bb]acktrace)\b.*:/;

/** Adds a line, within the limits. Lines of other callers are kept, but not used for the title. */
export function addLine(capture: Capture, line: KernelLine): void {
  // The timestamps of CPUs that were stuck may lag behind.
  capture.lastTime = Math.max(line.time ?? 0, capture.lastTime ?? 0);
  capture.maxSilence = line.text.startsWith('Sending NMI') ? MAX_SILENCE_FOR_CPUS : MAX_SILENCE;
  if (DETAIL.test(line.text)) capture.isDetailed = true;
  if (TRACE.test(line.text)) capture.isTraced = true;
  const shown = withoutPrevious(capture, line.shown);
  if (
    capture.shown.length >= MAX_SPLAT_LINES ||
    capture.characters + shown.length > MAX_SPLAT_CHARACTERS
  ) {
    capture.dropped += 1;
    return;
  }
  capture.characters += shown.length;
  capture.shown.push(shown);
  if (line.caller === capture.caller || FROM_ANY_CPU.has(capture.rule.kind)) {
    capture.texts.push(line.text);
  }
}

/** A line may include the one that it continues, which may have been added already. */
function withoutPrevious({ shown }: Capture, next: string): string {
  const previous = `${shown.at(-1)}\n`;
  return next.startsWith(previous) ? next.slice(previous.length) : next;
}

/** Kinds whose title comes from another CPU: the stalled one, not the one that detected the stall. */
const FROM_ANY_CPU: ReadonlySet<string> = new Set(['rcu-stall', 'soft-lockup', 'hard-lockup']);

/**
 * Whether a splat has ended: too much time has passed, or the clock has gone back at a line that is not part of
 * a report, as after a reboot.
 */
export function isOver(capture: Capture, time: number | undefined, isReportLine: boolean): boolean {
  if (time === undefined || capture.lastTime === undefined) return false;
  const silence = time - capture.lastTime;
  return silence > capture.maxSilence || (silence < -MAX_SILENCE && !isReportLine);
}

export function headOf(capture: Capture & { severity: Severity }): SplatHead {
  const { rule, head, severity, texts } = capture;
  return { kind: rule.kind, severity, title: rule.title(head, texts) };
}

export function splatOf(capture: Capture & { severity: Severity }): Splat {
  const { shown, dropped, time } = capture;
  const note = dropped === 0 ? [] : [`[cut short: ${dropped} more lines]`];
  return { ...headOf(capture), text: [...shown, ...note].join('\n'), time };
}

/** Whether a later line will show the kind. */
export function isUndecided(capture: Capture): boolean {
  return capture.rule === CUT_HERE;
}

/**
 * Whether the next line may be the message of a WARN(), which says more than its first line. Linux 4.x prints
 * them in this order, and so do later versions on architectures whose WARN() is a function (arm).
 */
export function awaitsMessage({ rule, head, texts }: Capture): boolean {
  return rule === WARN && texts.at(-1) === head.input;
}
