/** The messages of the guest's session on the control channel, one JSON object per line. */
export type GuestEvent =
  /** PID 1 runs; `uptime` in seconds since the kernel started. */
  | { event: 'init'; uptime: number }
  /** A channel for the input or output of the session's command does not exist. */
  | { event: 'no-channel' }
  /** The directory that the cut names does not exist. */
  | { event: 'no-directory' }
  /** The kernel has no driver for its console, so there is no shell at a prompt. */
  | { event: 'no-console' }
  /** The console may not have shown the whole kernel log, and the guest cannot supply the rest. */
  | { event: 'no-log' }
  | { event: 'autorun-start'; script: string }
  | { event: 'autorun-end'; script: string; status: number }
  /** The command of `rapido run`; its status as in $? of a shell. */
  | { event: 'command-start' }
  | { event: 'command-end'; status: number }
  /** Whether a command that requested a terminal (`terminal ID …`) has one, or pipes. */
  | { event: 'exec-terminal'; id: string; made: boolean }
  /** A command that the host started (`exec ID …`, `terminal ID …`) has ended. */
  | { event: 'exec-end'; id: string; status: number }
  /** The shell at the console is about to start. */
  | { event: 'prompt' }
  /**
   * The session has ended, and the guest is about to power off. `taint`: /proc/sys/kernel/tainted. `left`: the
   * number of files and directories in /rapido/results, if that is not the host's directory. undefined: the guest
   * could not find out.
   */
  | { event: 'power-off'; taint: number | undefined; left: number | undefined };

type Word = GuestEvent['event'];

/** The last messages of a session of `rapido run`, and those that may come while nothing runs. */
const LAST: readonly Word[] = ['no-log', 'power-off'];
const NEXT: readonly Word[] = [
  ...(['autorun-start', 'no-directory', 'no-channel', 'command-start'] as const),
  ...LAST,
];

/** Which messages may follow each message of such a session; key `undefined`: the first message. */
const FOLLOWERS: ReadonlyMap<Word | undefined, readonly Word[]> = new Map([
  [undefined, ['init']],
  ['init', NEXT],
  ['autorun-start', ['autorun-end']],
  ['autorun-end', NEXT],
  ['no-directory', LAST],
  ['no-channel', LAST],
  ['command-start', ['command-end']],
  ['command-end', LAST],
  ['no-log', ['power-off']],
]);

/**
 * Finds a message that a session cannot send after the one before it. Then a program in the guest has read the key
 * and forged messages.
 * @returns both messages; undefined: the order is correct
 */
export function findContradiction(
  events: readonly GuestEvent[],
): [before: Word | 'nothing', after: Word] | undefined {
  for (const [index, { event }] of events.entries()) {
    const before = events[index - 1]?.event;
    if (FOLLOWERS.get(before)?.includes(event) !== true) return [before ?? 'nothing', event];
  }
  return undefined;
}

export interface GuestMessage {
  /** The key that rapido sent to the session; empty before that. */
  key: string;
  event: GuestEvent;
}

/**
 * Parses one line of the control channel. The guest is not trusted.
 * @returns undefined if the line is not exactly one of the messages
 */
export function parseGuestMessage(line: string): GuestMessage | undefined {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof record !== 'object' || record === null) return undefined;
  const { key, ...fields } = record as Record<string, unknown>;
  const event = parseEvent(fields);
  return typeof key === 'string' && event !== undefined ? { key, event } : undefined;
}

function parseEvent(fields: Record<string, unknown>): GuestEvent | undefined {
  const { event, uptime, taint, left, script, status, id, made } = fields;
  switch (event) {
    case 'init':
      return isDecimal(uptime) ? { event, uptime: Number(uptime) } : undefined;
    case 'autorun-start':
      return typeof script === 'string' ? { event, script } : undefined;
    case 'autorun-end':
      return typeof script === 'string' && isExitStatus(status)
        ? { event, script, status: Number(status) }
        : undefined;
    case 'command-end':
      return isExitStatus(status) ? { event, status: Number(status) } : undefined;
    case 'exec-terminal':
      return typeof id === 'string' && (made === '0' || made === '1')
        ? { event, id, made: made === '1' }
        : undefined;
    case 'exec-end':
      return typeof id === 'string' && isExitStatus(status)
        ? { event, id, status: Number(status) }
        : undefined;
    case 'power-off':
      return isCount(taint) && isCount(left)
        ? { event, taint: parseCount(taint), left: parseCount(left) }
        : undefined;
    case 'no-channel':
    case 'no-directory':
    case 'no-console':
    case 'no-log':
    case 'command-start':
    case 'prompt':
      return { event };
    default:
      return undefined;
  }
}

function isDecimal(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,9}(\.\d{1,6})?$/.test(value);
}

/** A number, or `unknown`. */
function isCount(value: unknown): value is string {
  return typeof value === 'string' && /^(\d{1,9}|unknown)$/.test(value);
}

function parseCount(text: string): number | undefined {
  return text === 'unknown' ? undefined : Number(text);
}

/** A value of $? in a shell. */
function isExitStatus(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) <= 255;
}
