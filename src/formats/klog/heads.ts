import { type KernelLine, parseKernelLines } from './line.ts';
import { RULES } from './rules/index.ts';
import type { Rule } from './rules/rule.ts';

/** The first line of a report. */
export interface Head {
  rule: Rule;
  match: RegExpExecArray;
  /** Its text is the reading of the line that the rule matched. */
  line: KernelLine;
}

/** All clues in one expression, which rules out nearly all lines. */
const CLUES = new RegExp(
  [...new Set(RULES.flatMap(({ clue }) => clue))]
    .filter((clue, _, all) => !all.some((other) => other !== clue && clue.includes(other)))
    .map((clue) => clue.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('|'),
);

/** Whether a report may begin in a console line. `dmesg --color` may print an escape sequence within a clue. */
export function mayBeginReport(raw: string): boolean {
  return CLUES.test(raw) || (raw.includes('\u001b') && /\.\d{6}\]/.test(raw));
}

/**
 * Texts so specific that they begin a report anywhere in a line of the kernel: in Linux 4.x, the next message
 * is appended to a line that has not ended.
 */
const GLUED = new RegExp(
  [
    String.raw`INFO: task \S.*:\d+ blocked for more than \d+ seconds`,
    String.raw`INFO: rcu_\w+ (?:self-)?detected (?:expedited )?stalls? on CPU`,
    'INFO: possible (?:circular|recursive) locking',
    String.raw`WARNING: CPU: \d+ PID: \d+ at \S+:\d+ `,
    'WARNING: possible (?:circular|recursive) locking',
    String.raw`-{6,}\[ cut here \]-{6,}$`,
    String.raw`BUG: (?:KASAN: \S+ in |KMSAN: \S+ in |KCSAN: data-race in |KFENCE: \S+ \S+ in )`,
    'BUG: (?:unable to handle (?:kernel|page fault)|kernel NULL pointer dereference)',
    String.raw`BUG: (?:soft lockup - CPU#\d+ stuck|workqueue lockup - pool|spinlock \w+ )`,
    'BUG: (?:scheduling while atomic: |sleeping function called from invalid context at )',
    String.raw`kernel BUG at \S+:\d+!`,
    String.raw`general protection fault: [0-9a-f]{4} \[#\d+\]`,
    'Kernel panic - not syncing: (?!.*Kernel panic)',
  ].join('|'),
);

/** Lines that quote the kernel command line, which may contain anything. */
const QUOTES = /^(?:Kernel command line|Command line|Unknown kernel command line parameters)\b/;

type Found = Pick<Head, 'rule' | 'match'>;

/** Finds the rule for a report that begins in a text of the kernel. */
function findReport(text: string): Found | undefined {
  if (!CLUES.test(text)) return undefined;
  const found = findRule(text);
  return found === undefined || isMinor(found.rule) ? (findGlued(text) ?? found) : found;
}

/** Whether a report by this rule does not prevent a pass. */
export function isMinor({ severity }: Rule): boolean {
  return severity === 'note' || severity === 'silent';
}

function findRule(text: string): Found | undefined {
  for (const rule of RULES) {
    const match = rule.head.exec(text);
    if (match !== null) return { rule, match };
  }
  return undefined;
}

function findGlued(text: string): Found | undefined {
  const at = QUOTES.test(text) ? 0 : text.search(GLUED);
  return at <= 0 ? undefined : findRule(text.slice(at));
}

function findHead(line: KernelLine): Head | undefined {
  for (const text of line.readings) {
    const found = findReport(text);
    if (found !== undefined) return { ...found, line: { ...line, text: found.match.input } };
  }
  return undefined;
}

/** The lines of the kernel in one console line. */
export interface ParsedLine {
  /** The reports that begin in it; several only if unterminated lines were joined. */
  heads: Head[];
  /** The last line of the kernel in it, if no report begins there. */
  other: KernelLine | undefined;
}

export interface KernelReader {
  /** Whether the previous line may be an incomplete first line of a report. */
  isWaiting: () => boolean;
  read: (raw: string) => ParsedLine;
}

/** Parses console lines. A line of the kernel may be spread over several of them. */
export function createKernelReader(): KernelReader {
  /** Lines that contain a clue but, so far, do not begin a report. */
  let waiting: KernelLine[] = [];
  /** The name of a task may contain line feeds. What follows one gets the same timestamp and caller. */
  const joinToWaiting = (line: KernelLine): KernelLine[] =>
    waiting
      .filter(({ time, caller }) => time === line.time && caller === line.caller)
      .map((begun) => joinLines(begun, line));
  return {
    isWaiting: () => waiting.length > 0,
    read: (raw) => {
      const lines = parseKernelLines(raw);
      if (lines.length === 0) return { heads: [], other: undefined };
      const found = lines.map(findHead);
      const heads = found.filter((head) => head !== undefined);
      const other = found.at(-1) === undefined ? lines.at(-1) : undefined;
      if (heads.length > 0) {
        waiting = [];
        return { heads, other };
      }
      const longer = withRest(lines).flatMap((line) => [line, ...joinToWaiting(line)]);
      const head = longer.map(findHead).find((each) => each !== undefined);
      waiting = head === undefined ? longer.filter(hasClue).slice(-MOST_WAITING) : [];
      return head === undefined ? { heads, other } : { heads: [head], other: undefined };
    },
  };
}

/** The name of a task cannot contain more timestamps between line feeds. */
const MOST_WAITING = 4;

function hasClue({ readings }: KernelLine): boolean {
  // A clue may end with a blank, and the line may have been cut before it.
  return readings.some((text) => CLUES.test(`${text} `));
}

/** The same lines, each up to the end of the console line: a text may contain what looks like a timestamp. */
function withRest(lines: readonly KernelLine[]): KernelLine[] {
  return lines.map((line, index) => ({
    ...line,
    readings: line.readingsOfRest,
    shown: lines
      .slice(index)
      .map(({ shown }) => shown)
      .join(' '),
  }));
}

/** The longest message that the kernel prints at once. */
const LONGEST_MESSAGE = 1024;

function joinLines(begun: KernelLine, next: KernelLine): KernelLine {
  const join = (a = '', b = ''): string => `${a} ${b}`.slice(0, LONGEST_MESSAGE);
  return {
    ...next,
    readings: begun.readings.flatMap((a) => next.readings.map((b) => join(a, b))).slice(0, 4),
    shown: `${begun.shown}\n${next.shown}`.slice(0, 2 * LONGEST_MESSAGE),
  };
}
