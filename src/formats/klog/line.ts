/** A line of the kernel, as printk prints it on the console. */
export interface KernelLine {
  /** Seconds since boot, from the timestamp. */
  time: number | undefined;
  /** `T123` (task) or `C1` (CPU, from interrupts) with CONFIG_PRINTK_CALLER, else empty. */
  caller: string;
  /** The text after timestamp and caller, up to the next timestamp. */
  text: string;
  /**
   * `text`, and another reading if it differs. The kernel prints the name of a task unchanged; an escape
   * sequence in it must not hide characters that the kernel printed after it.
   */
  readings: readonly string[];
  /** The readings up to the end of the console line: the name of a task may look like a timestamp. */
  readingsOfRest: readonly string[];
  /** Timestamp, caller and text, without control characters. */
  shown: string;
}

/**
 * The prefix of printk, `"[%5lu.%06lu]"` and with CONFIG_PRINTK_CALLER `"[%6s]"`
 * (kernel/printk/printk.c: print_time, print_caller). The fixed width excludes most timestamps of user
 * programs.
 */
const STAMP = /\[(?=[ \d]{5,11}\.)( *\d+\.\d{6})\](?: ?\[ *([TC]\d+)\])? ?/g;

/** printk cuts its lines at 1 KiB (CONSOLE_LOG_MAX, PRINTKRB_RECORD_MAX); user programs do not. */
const LONGEST_TEXT = 1024;

/** How much a reader that splits longer lines must repeat, so that a kernel message and its prefix stay whole. */
export const MESSAGE_OVERLAP = 2 * LONGEST_TEXT;

/** The kernel does not print more timestamps in one line. If there are more, the last ones are used. */
const MOST_STAMPS = 64;

/**
 * Messages without a timestamp: a panic if timestamps are disabled, and the note that the console dropped
 * messages.
 */
const UNSTAMPED = /^Kernel panic - not syncing|^\*\* \d+ printk messages dropped \*\*/;

/**
 * Finds the lines of the kernel in a console line. printk may interrupt the output of programs at any byte, so
 * a timestamp is recognised anywhere in the raw line, whatever precedes it, even an incomplete escape
 * sequence. Each timestamp may begin a line of the kernel: a program may have printed a line of dmesg before
 * it, and Linux 4.x prints lines in parts, between which other lines may appear.
 * @param raw without the line feed; may contain CR, escape sequences and any other bytes
 * @returns one line for each timestamp, in order; none if the kernel printed nothing
 */
export function parseKernelLines(raw: string): KernelLine[] {
  const stamps = [...raw.matchAll(STAMP)].slice(-MOST_STAMPS);
  const lines = stamps.map((stamp, index): KernelLine => {
    const from = stamp.index + stamp[0].length;
    const next = stamps[index + 1]?.index;
    const readings = readingsOf(raw.slice(from, from + LONGEST_TEXT).slice(0, next && next - from));
    const [text = ''] = readings;
    return {
      time: Number(stamp[1]),
      caller: stamp[2] ?? '',
      text,
      readings,
      readingsOfRest:
        next === undefined ? readings : readingsOf(raw.slice(from, from + LONGEST_TEXT)),
      shown: `${stamp[0]}${text}`.trimEnd(),
    };
  });
  const unstamped = parseUnstamped(raw.slice(0, stamps[0]?.index ?? raw.length));
  return unstamped === undefined ? lines : [unstamped, ...lines];
}

function parseUnstamped(raw: string): KernelLine | undefined {
  const start = raw.slice(0, LONGEST_TEXT);
  const text = [readAsTerminal(start), withoutControls(start.replace(INTRODUCERS, ''))].find(
    (reading) => UNSTAMPED.test(reading),
  );
  if (text === undefined) return undefined;
  return {
    time: undefined,
    caller: '',
    text,
    readings: [text],
    readingsOfRest: [text],
    shown: text,
  };
}

function readingsOf(raw: string): string[] {
  const shown = readAsTerminal(raw);
  const all = withoutControls(raw);
  return shown === all ? [shown] : [shown, all];
}

/** Control characters except the tab. */
const CONTROLS = /[\0-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** Escape sequences (ECMA-48): CSI, OSC, charset selections, and those of two characters. */
const SEQUENCES =
  /\u001b(?:\[[0-9:;<=>?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]+[0-~]|[0-Z\\^-~])/g;

/** Escape sequences without their last character, which may have been printed by the kernel. */
const INTRODUCERS = /\u001b(?:[[\]NOPX^_][0-9:;<=>?]*)?[ -/]*/g;

/** The text as a terminal would show it, without colours. */
function readAsTerminal(text: string): string {
  return text.replace(SEQUENCES, '').replace(CONTROLS, '').trimEnd();
}

function withoutControls(text: string): string {
  return text.replace(CONTROLS, '').trimEnd();
}
