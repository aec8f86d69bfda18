import type { KernelLine } from './line.ts';
import { CUT_HERE, WARN } from './rules/general.ts';
import type { Rule } from './rules/rule.ts';
import type { Severity, Splat, SplatHead } from './splat.ts';

/** What one splat may hold; the longest real ones (OOM with many tasks) stay well below. */
export const MAX_SPLAT_LINES = 1500;
export const MAX_SPLAT_CHARACTERS = 192 * 1024;

/** `open` takes what comes; `ended` only what is plainly a report's; `closed` only a panic. */
export type CaptureState = 'open' | 'ended' | 'closed';

/** A splat while its lines come in. */
export interface Capture {
  rule: Rule;
  head: RegExpExecArray;
  /** Undefined where it is not to be told of: see `Rule.severity`. */
  severity: Severity | undefined;
  caller: string;
  state: CaptureState;
  /** Whether the listener knows of it: not before a line has told the kind. */
  isAnnounced: boolean;
  /** Whether registers, modules or a stack trace have come: then the kind is settled. */
  isDetailed: boolean;
  /** Whether its stack trace has begun. */
  isTraced: boolean;
  hasPanicked: boolean;
  /** Lines in a row that do not look like a report's. */
  strangers: number;
  time: number | undefined;
  /** Time stamp of its last line. */
  lastTime: number | undefined;
  /** Seconds of silence after which it is over. */
  patience: number;
  /** Lines as they were on the console. */
  shown: string[];
  /** What the lines say, those of other callers left out: what titles are made from. */
  texts: string[];
  characters: number;
  dropped: number;
}

/** Seconds without a line after which a splat is over, and a panic no consequence of it any more. */
const PATIENCE = 1;
/** The kernel waits for the backtraces of other CPUs for 10 s (lib/nmi_backtrace.c). */
const PATIENCE_FOR_CPUS = 11;

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
    strangers: 0,
    time: line.time,
    lastTime: line.time,
    patience: PATIENCE,
    shown: [],
    texts: [],
    characters: 0,
    dropped: 0,
  };
}

const DETAIL = /^(?:CPU: \d+ |Modules linked in:|Hardware name:|Kdump: |Call [Tt]race:)/;
const TRACE = /^\s*(?:Call [Tt]race|[Bb]acktrace)\b.*:/;

/** Adds a line, within the limits; what another caller said is kept, but makes no title. */
export function addLine(capture: Capture, line: KernelLine): void {
  // CPUs that were stuck may lag behind: their stamps do not turn the clock back.
  capture.lastTime = Math.max(line.time ?? 0, capture.lastTime ?? 0);
  capture.patience = line.text.startsWith('Sending NMI') ? PATIENCE_FOR_CPUS : PATIENCE;
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

/** A line that goes on with the one before it is shown with that, which may have been taken already. */
function withoutPrevious({ shown }: Capture, next: string): string {
  const previous = `${shown.at(-1)}\n`;
  return next.startsWith(previous) ? next.slice(previous.length) : next;
}

/** What a stalled CPU does is told by that CPU, not by the one that noticed. */
const FROM_ANY_CPU: ReadonlySet<string> = new Set(['rcu-stall', 'soft-lockup', 'hard-lockup']);

/** Whether its time has passed, or, at a line that is no report's, the clock has gone back for good. */
export function isOver(capture: Capture, time: number | undefined, isReportLine: boolean): boolean {
  if (time === undefined || capture.lastTime === undefined) return false;
  const silence = time - capture.lastTime;
  return silence > capture.patience || (silence < -PATIENCE && !isReportLine);
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

/** Whether the kind is still to be told by a later line. */
export function isUndecided(capture: Capture): boolean {
  return capture.rule === CUT_HERE;
}

/**
 * Whether the next line may be what a WARN() has to say, and tell more than its first line. That is the
 * order of Linux 4.x, and later of architectures whose WARN() is a function (arm).
 */
export function awaitsWords({ rule, head, texts }: Capture): boolean {
  return rule === WARN && texts.at(-1) === head.input;
}
