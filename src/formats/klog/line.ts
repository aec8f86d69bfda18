/** A line of the kernel's, as printk put it on the console. */
export interface KernelLine {
  /** Seconds since boot, from the time stamp. */
  time: number | undefined;
  /** `T123` (task) or `C1` (CPU, from interrupts) with CONFIG_PRINTK_CALLER, else empty. */
  caller: string;
  /** What the kernel said behind time stamp and caller, up to the next time stamp. */
  text: string;
  /**
   * `text`, and where they differ another way to read it: the name of a task is printed as it is, and an
   * escape sequence in it is not to take letters of the kernel's with it.
   */
  readings: readonly string[];
  /** The same up to the end of the console line: the name of a task may look like a time stamp. */
  onwards: readonly string[];
  /** Time stamp, caller and text, without control characters. */
  shown: string;
}

/**
 * The prefix that printk makes, `"[%5lu.%06lu]"` and with CONFIG_PRINTK_CALLER `"[%6s]"`
 * (kernel/printk/printk.c: print_time, print_caller). The fixed width keeps most time stamps of
 * user programs out.
 */
const STAMP = /\[(?=[ \d]{5,11}\.)( *\d+\.\d{6})\](?: ?\[ *([TC]\d+)\])? ?/g;

/** printk cuts its lines at 1 KiB (CONSOLE_LOG_MAX, PRINTKRB_RECORD_MAX); user programs do not. */
const LONGEST_TEXT = 1024;

/** More time stamps than this in one line are no work of the kernel's: the last ones are read. */
const MOST_STAMPS = 64;

/**
 * What the console says without a time stamp: the last words of a kernel where those are off, and that
 * it could not keep up.
 */
const UNSTAMPED = /^Kernel panic - not syncing|^\*\* \d+ printk messages dropped \*\*/;

/**
 * Finds what the kernel said in a console line. printk cuts into the output of programs at any byte, so
 * the time stamp is looked for in the line as it came, wherever it stands: what precedes it, an
 * unfinished escape sequence included, has no say. Each stamp begins what may be a line of the kernel's:
 * a program may have printed a line of dmesg in front of it, and Linux 4.x prints a line in pieces,
 * between which another one may come.
 * @param raw without its end; CR, escape sequences and any other bytes may be in it
 * @returns one for each time stamp, in their order; none for what is not the kernel's
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
      onwards: next === undefined ? readings : readingsOf(raw.slice(from, from + LONGEST_TEXT)),
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
  return { time: undefined, caller: '', text, readings: [text], onwards: [text], shown: text };
}

function readingsOf(said: string): string[] {
  const shown = readAsTerminal(said);
  const all = withoutControls(said);
  return shown === all ? [shown] : [shown, all];
}

/** Control characters but the tab. */
const CONTROLS = /[\0-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** Escape sequences (ECMA-48): CSI, OSC, charset selections, and those of two characters. */
const SEQUENCES =
  /\u001b(?:\[[0-9:;<=>?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]+[0-~]|[0-Z\\^-~])/g;

/** What an escape sequence begins with, without its last character: that may be the kernel's. */
const INTRODUCERS = /\u001b(?:[[\]NOPX^_][0-9:;<=>?]*)?[ -/]*/g;

/** As a terminal would show it, without colours. */
function readAsTerminal(text: string): string {
  return text.replace(SEQUENCES, '').replace(CONTROLS, '').trimEnd();
}

function withoutControls(text: string): string {
  return text.replace(CONTROLS, '').trimEnd();
}
