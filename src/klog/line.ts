/** A line of the kernel's, as printk put it on the console. */
export interface KernelLine {
  /** Seconds since boot, from the time stamp. */
  time: number | undefined;
  /** `T123` (task) or `C1` (CPU, from interrupts) with CONFIG_PRINTK_CALLER, else empty. */
  caller: string;
  /** What the kernel said: all behind time stamp and caller. */
  text: string;
  /** The whole line, without CR, ANSI sequences and NULs. */
  shown: string;
}

/** printk cuts its lines at 1 KiB (PRINTK_MESSAGE_MAX); user programs do not. */
const MAX_LINE = 2048;

/** CSI and OSC sequences, other two-byte escapes, and control characters but the tab. */
const UNPRINTABLE =
  /\u001b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])|[\0-\u0008\u000b-\u001f\u007f]/g;

/**
 * The prefix that printk makes, `"[%5lu.%06lu]"` and with CONFIG_PRINTK_CALLER `"[%6s]"`
 * (kernel/printk/printk.c: print_time, print_caller). The fixed width keeps most time stamps of
 * user programs out.
 */
const PREFIX = /\[([ \d]{4,10}\d\.\d{6})\](?: ?\[ *([TC]\d+)\])? ?/;
const PREFIX_AT_START = new RegExp(`^(?:<\\d+>)?${PREFIX.source}`);
const PREFIXES = new RegExp(PREFIX.source, 'g');

/**
 * What the console says without a time stamp: the last words of a kernel where those are off, and that
 * it could not keep up.
 */
const UNSTAMPED = /^Kernel panic - not syncing|^\*\* \d+ printk messages dropped \*\*/;

/**
 * Reads a console line. A user program may have written in front of the kernel's prefix, even a
 * line of dmesg: what stands behind the last prefix is the kernel's.
 * @param line without its end; CR, ANSI sequences and any other bytes may be in it
 * @returns undefined for what is not the kernel's
 */
export function parseKernelLine(line: string): KernelLine | undefined {
  const shown = cleanLine(line);
  const prefix = lastPrefix(shown);
  if (prefix !== undefined) {
    const time = Number(prefix[1]);
    if (Number.isNaN(time)) return undefined;
    const text = shown.slice(prefix.index + prefix[0].length);
    return { time, caller: prefix[2] ?? '', text, shown };
  }
  return UNSTAMPED.test(shown) ? { time: undefined, caller: '', text: shown, shown } : undefined;
}

/** A line as a terminal would show it, without colours, and not longer than any of the kernel's. */
function cleanLine(line: string): string {
  const short = line.length > MAX_LINE ? line.slice(-MAX_LINE) : line;
  return short.replace(UNPRINTABLE, '').trimEnd();
}

function lastPrefix(shown: string): RegExpExecArray | undefined {
  const first = PREFIX_AT_START.exec(shown);
  return [...shown.matchAll(PREFIXES)].at(-1) ?? first ?? undefined;
}
