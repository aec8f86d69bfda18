import { type KernelLine, parseKernelLines } from './line.ts';
import { RULES } from './rules/index.ts';
import type { Rule } from './rules/rule.ts';

/** A line with which a report begins. */
export interface Head {
  rule: Rule;
  match: RegExpExecArray;
  /** As it is to be understood: its text is what the rule matched. */
  line: KernelLine;
}

/** One search for all clues: nearly all lines end here. */
const CLUES = new RegExp(
  [...new Set(RULES.flatMap(({ clue }) => clue))]
    .filter((clue, _, all) => !all.some((other) => other !== clue && clue.includes(other)))
    .map((clue) => clue.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('|'),
);

/** Whether a report may begin in a console line. `dmesg --color` may print a colour within a clue. */
export function mayTell(raw: string): boolean {
  return CLUES.test(raw) || (raw.includes('\u001b') && /\.\d{6}\]/.test(raw));
}

/**
 * Words so particular that a report begins with them wherever they stand in a line of the kernel's: in
 * Linux 4.x a line that has no end yet goes on with whatever is printed next.
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

/** The kernel's own command line may hold anything. */
const QUOTES = /^(?:Kernel command line|Command line|Unknown kernel command line parameters)\b/;

type Found = Pick<Head, 'rule' | 'match'>;

/** The report that a text of the kernel's begins, if it does. */
function findReport(text: string): Found | undefined {
  if (!CLUES.test(text)) return undefined;
  const found = findRule(text);
  return found === undefined || isMinor(found.rule) ? (findGlued(text) ?? found) : found;
}

/** Whether a report by this rule takes no pass away. */
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

/** What the kernel said in one console line. */
export interface Heard {
  /** The reports that begin in it; several only where lines without an end were glued together. */
  heads: Head[];
  /** Its last line, if no report begins there. */
  other: KernelLine | undefined;
}

export interface KernelReader {
  /** Whether what came last may be the beginning of a report whose first line has not ended. */
  isWaiting: () => boolean;
  read: (raw: string) => Heard;
}

/** Reads console lines, also where one line of the kernel's is several of them. */
export function createKernelReader(): KernelReader {
  /** What has a clue and begins no report, as far as it has come. */
  let waiting: KernelLine[] = [];
  /** The name of a task may hold line feeds: what follows one gets the same time stamp and caller. */
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
      const longer = readOnwards(lines).flatMap((line) => [line, ...joinToWaiting(line)]);
      const head = longer.map(findHead).find((each) => each !== undefined);
      waiting = head === undefined ? longer.filter(hasClue).slice(-MOST_WAITING) : [];
      return head === undefined ? { heads, other } : { heads: [head], other: undefined };
    },
  };
}

/** More than this many time stamps between line feeds in the name of a task there cannot be. */
const MOST_WAITING = 4;

function hasClue({ readings }: KernelLine): boolean {
  // A clue may end with the blank in front of the name that was cut.
  return readings.some((text) => CLUES.test(`${text} `));
}

/** The same lines, each with all that stands behind its time stamp: that may hold what looks like one. */
function readOnwards(lines: readonly KernelLine[]): KernelLine[] {
  return lines.map((line, index) => ({
    ...line,
    readings: line.onwards,
    shown: lines
      .slice(index)
      .map(({ shown }) => shown)
      .join(' '),
  }));
}

/** No longer than what the kernel prints at once. */
const LONGEST_MESSAGE = 1024;

function joinLines(begun: KernelLine, next: KernelLine): KernelLine {
  const join = (a = '', b = ''): string => `${a} ${b}`.slice(0, LONGEST_MESSAGE);
  return {
    ...next,
    readings: begun.readings.flatMap((a) => next.readings.map((b) => join(a, b))).slice(0, 4),
    shown: `${begun.shown}\n${next.shown}`.slice(0, 2 * LONGEST_MESSAGE),
  };
}
