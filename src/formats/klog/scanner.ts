import {
  addLine,
  awaitsWords,
  beginCapture,
  type Capture,
  headOf,
  isOver,
  isUndecided,
  splatOf,
} from './capture.ts';
import { createKernelReader, type Head, isMinor, mayTell } from './heads.ts';
import type { KernelLine } from './line.ts';
import { CUT_HERE, WARN } from './rules/general.ts';
import { HEADLESS, SHOWN_TASK } from './rules/notes.ts';
import { PANIC_CAUSES } from './rules/panics.ts';
import { END, type Rule } from './rules/rule.ts';
import type { Severity, Splat, SplatHead } from './splat.ts';

/** Hears of splats as the lines come. Calls come from within `push` and `end`. */
export interface SplatListener<Context> {
  /**
   * The first line that tells the kind has come; the title may still get better. What this returns,
   * what was going on at that time say, comes back with the splat.
   */
  onBegin(head: SplatHead): Context;
  /**
   * The kernel cannot go on. Comes once for each fatal splat: right after `onBegin`, or later for
   * one that began as less, such as a warning under panic_on_warn. The console may be dead after it.
   */
  onFatal(head: SplatHead): void;
  /**
   * All of it has been seen, and it has waited a second of the kernel's time for a panic that it may
   * be the cause of: title and severity of this call count. It comes with a later line or with `end`.
   */
  onEnd(splat: Splat, context: Context): void;
}

export interface ScannerOptions {
  /** Whether a fault in kernel code ends the run even if no panic follows. Default: true. */
  oopsIsFatal?: boolean;
  /** Head lines (behind the time stamp) of what is not to be told of at all. */
  ignore?: readonly RegExp[];
}

export interface SplatScanner {
  /** Takes a console line without its end; anything may be in it. */
  push(line: string): void;
  /** The console is closed: ends whatever is open. */
  end(): void;
}

/** What may be open or wait for a panic at one time; the oldest is ended for more. */
const MAX_CAPTURES = 16;
/** Head lines remembered to tell a replay by dmesg from the real thing. */
const MAX_SEEN = 4096;
/** Lines in a row that are no report's, after which one without an end mark is over. */
const MAX_STRANGERS = 40;

const BAR = /^={5,}$/;

/** A line that is plainly a part of a report, whatever the report is about. */
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
  ]
    .map((words) => `(?:${words})`)
    .join('|')
    .replace(/^/, '^(?:')
    .replace(/$/, ')'),
);

/** Watches a console for splats. All state is bounded, however long and wild the console is. */
export function createSplatScanner<Context>(
  listener: SplatListener<Context>,
  options: ScannerOptions = {},
): SplatScanner {
  const { oopsIsFatal = true, ignore = [] } = options;
  /** What is open or waits for a panic, the oldest first. */
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
    if (!isTold(capture) || capture.isAnnounced) return;
    capture.isAnnounced = true;
    contexts.set(capture, listener.onBegin(headOf(capture)));
    if (capture.severity === 'fatal') listener.onFatal(headOf(capture));
  }

  /** Tells at once of what has turned out to be worse than it began. */
  function raise(capture: Capture, severity: Severity | undefined): void {
    if (!isTold(capture) || severity !== 'fatal' || capture.severity === 'fatal') return;
    capture.severity = 'fatal';
    if (capture.isAnnounced) listener.onFatal(headOf(capture));
  }

  function finish(capture: Capture): void {
    captures = captures.filter((other) => other !== capture);
    announce(capture);
    const context = contexts.get(capture) as Context;
    contexts.delete(capture);
    if (isTold(capture)) listener.onEnd(splatOf(capture), context);
  }

  /** Nothing more belongs to it; it waits for the panic that may follow, if one may. */
  function close(capture: Capture): void {
    capture.state = 'closed';
    if (!isTold(capture) || capture.severity === 'note') finish(capture);
  }

  const openFor = (caller: string): Capture | undefined =>
    captures.findLast((capture) => capture.caller === caller && capture.state !== 'closed');

  function begin(rule: Rule, head: RegExpExecArray, line: KernelLine, isReplayed: boolean): void {
    // A remark of one line may come in the middle of a report, from somewhere else.
    const isRemark = rule.until === 'line' && rule.severity === 'note';
    const previous = isRemark ? undefined : openFor(line.caller);
    if (previous !== undefined) close(previous);
    if (captures.length >= MAX_CAPTURES && captures[0] !== undefined) finish(captures[0]);
    const isHidden = isReplayed || ignore.some((pattern) => pattern.test(line.text));
    const capture = beginCapture(rule, head, line, isHidden ? undefined : severityOf(rule));
    if (lastBar?.caller === line.caller && !isRemark) {
      capture.time = lastBar.time;
      addLine(capture, lastBar);
    }
    captures.push(capture);
    take(capture, line);
    if (rule !== CUT_HERE) announce(capture);
    if (isRemark) finish(capture);
  }

  /** dmesg in the guest shows again what the console has shown: the same line at the same time. */
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

  /** The line that tells what was cut here, or that goes on with a splat that is already known. */
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

  /** Makes a panic the end of the splat that caused it. */
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

  /** A stack trace right after a splat is about it: backtraces of all CPUs, the locks' dump_stack. */
  function takeTrace(line: KernelLine): boolean {
    const capture =
      captures.findLast(({ state }) => state !== 'closed') ??
      captures.findLast(({ caller }) => caller === line.caller);
    if (capture === undefined) return false;
    if (capture.state === 'closed') capture.state = 'ended';
    take(capture, line);
    return true;
  }

  /** A line that begins nothing: it belongs to the open splat of its caller, or of another CPU. */
  function takeOther(line: KernelLine, looksSo: boolean): void {
    const own = openFor(line.caller);
    const capture =
      own ?? (looksSo ? captures.findLast(({ state }) => state === 'open') : undefined);
    if (BAR.test(line.text)) lastBar = line;
    if (capture === undefined) return;
    if (belongs(capture, line, looksSo)) take(capture, line);
    else close(capture);
  }

  function pushLine(line: KernelLine, head: Head | undefined): void {
    const bar = lastBar;
    const looksSo = REPORT_LINE.test(line.text);
    for (const capture of captures) if (isOver(capture, line.time, looksSo)) finish(capture);
    if (head === undefined) takeOther(line, looksSo);
    else takeHead(head);
    if (lastBar === bar && bar?.caller === line.caller) lastBar = undefined;
  }

  function push(raw: string): void {
    const isIdle = captures.length === 0 && lastBar === undefined && !reader.isWaiting();
    if (isIdle && !mayTell(raw) && !raw.includes('=====')) return;
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

function isTold(capture: Capture): capture is Capture & { severity: Severity } {
  return capture.severity !== undefined;
}

/** The youngest splat that can have made the kernel stop with these words. */
function causeOfPanic(captures: readonly Capture[], { text }: KernelLine): Capture | undefined {
  const [, kinds] = PANIC_CAUSES.find(([lastWords]) => lastWords.test(text)) ?? [];
  if (kinds === undefined) return undefined;
  return captures.findLast(
    ({ rule, severity, isAnnounced }) =>
      isAnnounced && severity !== 'note' && (kinds === 'any' || kinds.includes(rule.kind)),
  );
}

/** Whether it says what a report is about that has begun without a word of that, or with less. */
function decides(rule: Rule, open: Capture): boolean {
  if (rule === CUT_HERE || isTrace(rule) || isMinor(rule)) return false;
  return isUndecided(open) || (awaitsWords(open) && rule !== WARN && rule.until === END);
}

function isTrace(rule: Rule): boolean {
  return rule === HEADLESS || rule === SHOWN_TASK;
}

/** Whether a head line goes on with what is open rather than beginning something else. */
function isPartOf(open: Capture, rule: Rule): boolean {
  if (isTrace(rule)) return true;
  if (open.state !== 'open') return false;
  if (decides(rule, open)) return true;
  // Two of them one after the other are two reports, of two CPUs.
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

function belongs(capture: Capture, line: KernelLine, looksSo: boolean): boolean {
  if (BAR.test(line.text)) return capture.rule.until instanceof RegExp && capture.state === 'open';
  capture.strangers = looksSo ? 0 : capture.strangers + 1;
  if (looksSo) return true;
  if (capture.state !== 'open') return false;
  if (capture.rule.until instanceof RegExp || capture.hasPanicked) {
    return capture.strangers <= MAX_STRANGERS;
  }
  return !capture.isTraced && capture.strangers <= MAX_STRANGERS;
}
