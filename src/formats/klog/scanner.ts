import {
  addLine,
  awaitsMessage,
  beginCapture,
  type Capture,
  headOf,
  isOver,
  isUndecided,
  splatOf,
} from './capture.ts';
import { createKernelReader, type Head, isMinor, mayBeginReport } from './heads.ts';
import type { KernelLine } from './line.ts';
import { CUT_HERE, WARN } from './rules/general.ts';
import { BARE_TRACE, SHOWN_TASK } from './rules/notes.ts';
import { PANIC_CAUSES } from './rules/panics.ts';
import { END, type Rule } from './rules/rule.ts';
import type { Severity, Splat, SplatHead } from './splat.ts';
import { isFrame } from './stack.ts';

/** Called for splats as the lines arrive, from within `push` and `end`. */
export interface SplatListener<Context> {
  /**
   * The kind of a splat is known; its title may still improve.
   * @returns a context, such as what was running at that time, which is passed to `onEnd`
   */
  onBegin(head: SplatHead): Context;
  /**
   * The kernel cannot continue. Called once for each fatal splat: right after `onBegin`, or later if the splat
   * began with a lower severity, such as a warning with panic_on_warn. The console may be dead afterwards.
   */
  onFatal(head: SplatHead): void;
  /**
   * The splat is complete, and within one second of kernel time no panic followed that it may have caused.
   * Title and severity are final. Called at a later line or at `end`.
   */
  onEnd(splat: Splat, context: Context): void;
}

export interface ScannerOptions {
  /** Whether a fault in kernel code ends the run even without a panic. Default: true. */
  oopsIsFatal?: boolean;
  /** Head lines (without the timestamp) of splats that are not reported. */
  ignore?: readonly RegExp[];
}

export interface SplatScanner {
  /** Takes a console line without the line feed; it may contain anything. */
  push(line: string): void;
  /** The console is closed: ends all open splats. */
  end(): void;
}

/** The most splats that may be open or wait for a panic at a time. For another one, the oldest is ended. */
const MAX_CAPTURES = 16;
/** The number of head lines that are kept to recognise output of dmesg. */
const MAX_SEEN = 4096;
/** After so many consecutive lines that do not look like part of a report, a report without an end mark ends. */
const MAX_UNRELATED_LINES = 40;

/** Other messages between two frames of a stack, if the kernel does not print callers. */
const MAX_LINES_WITHIN_STACK = 2;

const BAR = /^={5,}$/;

/** A line that clearly belongs to a report of any kind. */
const REPORT_LINE = new RegExp(
  [
    String.raw`\s|$|---|Call [Tt]race|Backtrace|stack backtrace|Code: |Modules linked in|Hardware name`,
    String.raw`CPU: |Workqueue: |Stopper: |Tainted: |Kdump: |Comm: |RIP|EIP|[RE][A-Z0-9]{2}: |R\d\d: |CR\d: |DR\d: |[FGCDES]S: `,
    String.raw`pc : |lr : |sp : |pstate|x\d+ ?: |PC is at|LR is at|NIP|LR |GPR\d|CFAR|XER|MSR|Krnl|epc|ra :|gp :|status: |[ats]\d+ ?: `,
    String.raw`\[<?[0-9a-f]{8,16}|PGD |PKRU|#PF|Oops|Mem abort|Data abort|swapper pgtable|user pgtable|ESR|FAR|Faulting|Failing|Fault in`,
    String.raw`NMI backtrace|Sending NMI|task:|rcu: |Showing |\d+ locks? held|no locks held|INFO: lockdep is turned off|irq event stamp`,
    'hardirqs last|softirqs last|FIX |Object |Redzone|Padding|Bytes b4|Slab |Allocated |Freed |page:|raw: |flags: |The buggy',
    'Memory state|Last (?:potentially|breaking)|Reported by|value changed|read |write |handlers:|Disabling |Kernel Offset',
    'Rebooting|note: |Dumping ftrace|Kernel panic|Mem-Info|Stack:|Exception |Process |Insn|BUG: Bad rss',
    'caller is |Task dump for CPU|8<---|Register r|Flags: |Control: |[0-9a-f]{4}: (?: {8}|[0-9a-f]{8}) ',
  ]
    .map((words) => `(?:${words})`)
    .join('|')
    .replace(/^/, '^(?:')
    .replace(/$/, ')'),
);

/** Finds splats on a console. All state is bounded, whatever the console prints. */
export function createSplatScanner<Context>(
  listener: SplatListener<Context>,
  options: ScannerOptions = {},
): SplatScanner {
  const { oopsIsFatal = true, ignore = [] } = options;
  /** The splats that are open or wait for a panic, oldest first. */
  let captures: Capture[] = [];
  const contexts = new Map<Capture, Context>();
  let lastBar: KernelLine | undefined;
  const reader = createKernelReader();
  const seen = new Set<string>();

  const severityOf = (rule: Rule): Severity | undefined => {
    if (rule.severity === 'silent') return undefined;
    if (rule.severity !== 'oops') return rule.severity;
    return oopsIsFatal ? 'fatal' : 'error';
  };

  function announce(capture: Capture): void {
    if (!isReported(capture) || capture.isAnnounced) return;
    capture.isAnnounced = true;
    contexts.set(capture, listener.onBegin(headOf(capture)));
    if (capture.severity === 'fatal') listener.onFatal(headOf(capture));
  }

  /** Reports at once that a splat has become fatal. */
  function raise(capture: Capture, severity: Severity | undefined): void {
    if (!isReported(capture) || severity !== 'fatal' || capture.severity === 'fatal') return;
    capture.severity = 'fatal';
    if (capture.isAnnounced) listener.onFatal(headOf(capture));
  }

  function finish(capture: Capture): void {
    captures = captures.filter((other) => other !== capture);
    announce(capture);
    const context = contexts.get(capture) as Context;
    contexts.delete(capture);
    if (isReported(capture)) listener.onEnd(splatOf(capture), context);
  }

  /** Ends the text of a splat. It still waits for a panic, if it may cause one. */
  function close(capture: Capture): void {
    capture.state = 'closed';
    if (!isReported(capture) || capture.severity === 'note') finish(capture);
  }

  const openFor = (caller: string): Capture | undefined =>
    captures.findLast((capture) => capture.caller === caller && capture.state !== 'closed');

  function begin(rule: Rule, head: RegExpExecArray, line: KernelLine, isReplayed: boolean): void {
    // A note of one line may occur in the middle of an unrelated report.
    const isShortNote = rule.until === 'line' && rule.severity === 'note';
    const previous = isShortNote ? undefined : openFor(line.caller);
    if (previous !== undefined) close(previous);
    if (captures.length >= MAX_CAPTURES && captures[0] !== undefined) finish(captures[0]);
    const isHidden = isReplayed || ignore.some((pattern) => pattern.test(line.text));
    const capture = beginCapture(rule, head, line, isHidden ? undefined : severityOf(rule));
    if (lastBar?.caller === line.caller && !isShortNote) {
      capture.time = lastBar.time;
      addLine(capture, lastBar);
    }
    captures.push(capture);
    take(capture, line);
    if (rule !== CUT_HERE) announce(capture);
    if (isShortNote) finish(capture);
  }

  /** Whether dmesg in the guest prints a line that the console has shown: same text, same timestamp. */
  function isReplay({ time, text }: KernelLine): boolean {
    if (time === undefined) return false;
    const key = `${time} ${text.slice(0, 200)}`;
    if (seen.has(key)) return true;
    const [oldest] = seen;
    if (seen.size >= MAX_SEEN && oldest !== undefined) seen.delete(oldest);
    seen.add(key);
    return false;
  }

  function take(capture: Capture, line: KernelLine): void {
    addLine(capture, line);
    const until = capture.hasPanicked ? /^---\[ end Kernel panic/ : capture.rule.until;
    if (until === 'line' || (until instanceof RegExp && isEnd(until, line, capture))) {
      capture.state = 'ended';
    }
  }

  /** Adds a head line to an open splat: it shows the kind after `cut here`, or continues a known splat. */
  function join(capture: Capture, rule: Rule, head: RegExpExecArray, line: KernelLine): void {
    if (decides(rule, capture)) {
      if (ignore.some((pattern) => pattern.test(line.text))) capture.severity = undefined;
      capture.rule = rule;
      capture.head = head;
      if (capture.severity !== undefined) capture.severity = severityOf(rule);
    }
    take(capture, line);
    raise(capture, severityOf(rule));
    announce(capture);
  }

  /** Adds a panic to the splat that caused it. */
  function panic(cause: Capture, line: KernelLine): void {
    cause.state = 'open';
    cause.hasPanicked = true;
    take(cause, line);
    raise(cause, 'fatal');
  }

  function takeHead({ rule, match: head, line }: Head): void {
    const isReplayed = isReplay(line);
    const dead = captures.find(({ hasPanicked, state }) => hasPanicked && state === 'open');
    if (dead !== undefined && rule.severity !== 'note') {
      take(dead, line);
      return;
    }
    if (head[0].startsWith('Kernel panic')) {
      const cause = causeOfPanic(captures, line);
      if (cause !== undefined) {
        panic(cause, line);
        return;
      }
    }
    const open = openFor(line.caller);
    if (open !== undefined && isPartOf(open, rule)) {
      join(open, rule, head, line);
      return;
    }
    if (isTrace(rule) && takeTrace(line)) return;
    begin(rule, head, line, isReplayed);
    if (head[0].startsWith('Kernel panic')) {
      const capture = captures.at(-1);
      if (capture !== undefined) capture.hasPanicked = true;
    }
  }

  /**
   * Adds a stack trace to the splat that it follows: backtraces of all CPUs, dump_stack() of a lock.
   * @returns false if there is no splat
   */
  function takeTrace(line: KernelLine): boolean {
    const capture =
      captures.findLast(({ state }) => state !== 'closed') ??
      captures.findLast(({ caller }) => caller === line.caller);
    if (capture === undefined) return false;
    if (capture.state === 'closed') capture.state = 'ended';
    take(capture, line);
    return true;
  }

  /** Takes a line that does not begin a splat: it belongs to the open splat of its caller, or of another CPU. */
  function takeOther(line: KernelLine, isReportLine: boolean): void {
    const own = openFor(line.caller);
    const capture =
      own ?? (isReportLine ? captures.findLast(({ state }) => state === 'open') : undefined);
    if (BAR.test(line.text)) lastBar = line;
    if (capture === undefined) return;
    if (belongs(capture, line, isReportLine)) take(capture, line);
    else if (!isWithinStack(capture)) close(capture);
  }

  function pushLine(line: KernelLine, head: Head | undefined): void {
    const bar = lastBar;
    const isReportLine = REPORT_LINE.test(line.text);
    for (const capture of captures) if (isOver(capture, line.time, isReportLine)) finish(capture);
    if (head === undefined) takeOther(line, isReportLine);
    else takeHead(head);
    if (lastBar === bar && bar?.caller === line.caller) lastBar = undefined;
  }

  function push(raw: string): void {
    const isIdle = captures.length === 0 && lastBar === undefined && !reader.isWaiting();
    if (isIdle && !mayBeginReport(raw) && !raw.includes('=====')) return;
    const { heads, other } = reader.read(raw);
    for (const head of heads) pushLine(head.line, head);
    if (other !== undefined) pushLine(other, undefined);
  }

  return {
    push,
    end: () => {
      for (const capture of [...captures]) finish(capture);
    },
  };
}

function isReported(capture: Capture): capture is Capture & { severity: Severity } {
  return capture.severity !== undefined;
}

/** The latest splat that can have caused a panic with this message. */
function causeOfPanic(captures: readonly Capture[], { text }: KernelLine): Capture | undefined {
  const [, kinds] = PANIC_CAUSES.find(([message]) => message.test(text)) ?? [];
  if (kinds === undefined) return undefined;
  return captures.findLast(
    ({ rule, severity, isAnnounced }) =>
      isAnnounced && severity !== 'note' && (kinds === 'any' || kinds.includes(rule.kind)),
  );
}

/** Whether a head line determines the kind of an open report that has not shown it, or only a less specific one. */
function decides(rule: Rule, open: Capture): boolean {
  if (rule === CUT_HERE || isTrace(rule) || isMinor(rule)) return false;
  return isUndecided(open) || (awaitsMessage(open) && rule !== WARN && rule.until === END);
}

function isTrace(rule: Rule): boolean {
  return rule === BARE_TRACE || rule === SHOWN_TASK;
}

/** Whether a head line continues the open splat, rather than begins another one. */
function isPartOf(open: Capture, rule: Rule): boolean {
  if (isTrace(rule)) return true;
  if (open.state !== 'open') return false;
  if (decides(rule, open)) return true;
  // Two of them in a row are two reports, of two CPUs.
  const isOfWarn = (each: Rule): boolean => each === WARN || each === CUT_HERE;
  if (isOfWarn(open.rule) && (isOfWarn(rule) || isUndecided(open))) return false;
  if (open.rule.kind === 'oom' && rule.kind === 'oom') return rule.joins === true;
  if (open.rule.kind === 'rcu-stall' && rule.kind === 'rcu-stall') return rule.joins === true;
  if (open.rule.kind === 'boot' && rule.kind === 'boot') return true;
  if (open.isDetailed || open.severity === 'note' || open.rule.severity === 'silent') return false;
  return open.rule.until instanceof RegExp && (rule.joins === true || rule === CUT_HERE);
}

function isEnd(until: RegExp, line: KernelLine, capture: Capture): boolean {
  return capture.texts.length > 1 && until.test(line.text) && line.caller === capture.caller
    ? !BAR.test(line.text) || capture.isTraced || capture.isDetailed
    : false;
}

function belongs(capture: Capture, line: KernelLine, isReportLine: boolean): boolean {
  if (BAR.test(line.text)) return capture.rule.until instanceof RegExp && capture.state === 'open';
  capture.unrelatedLines = isReportLine ? 0 : capture.unrelatedLines + 1;
  if (isReportLine) return true;
  if (capture.state !== 'open') return false;
  if (capture.rule.until instanceof RegExp || capture.hasPanicked) {
    return capture.unrelatedLines <= MAX_UNRELATED_LINES;
  }
  return !capture.isTraced && capture.unrelatedLines <= MAX_UNRELATED_LINES;
}

/**
 * Whether the stack of a report may go on after a line that does not belong to it. A note ends there: it must not
 * take the frames of a report that it interrupted.
 */
function isWithinStack({ state, severity, texts, unrelatedLines }: Capture): boolean {
  return (
    state === 'open' &&
    severity !== 'note' &&
    unrelatedLines <= MAX_LINES_WITHIN_STACK &&
    isFrame(texts.at(-1) ?? '')
  );
}
