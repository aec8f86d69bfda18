/** What the guest's session tells over the control channel, one JSON object a line. */
export type GuestEvent =
  /** PID 1 runs; `uptime` in seconds since the kernel started. */
  | { event: 'init'; uptime: number }
  /** A channel of the session, input or output of its command, is not there. */
  | { event: 'no-channel' }
  /** The directory that the cut names does not exist. */
  | { event: 'no-directory' }
  /** The kernel has no console where it was told to have one: no shell stands at the prompt. */
  | { event: 'no-console' }
  /** The console may not have shown all of the kernel's log, and the rest of it cannot be had. */
  | { event: 'no-log' }
  | { event: 'autorun-start'; script: string }
  | { event: 'autorun-end'; script: string; status: number }
  /** The command of `rapido run`; its status as a shell has it in $?. */
  | { event: 'command-start' }
  | { event: 'command-end'; status: number }
  /** Whether a command that was to have a terminal (`terminal ID …`) has one, or pipes. */
  | { event: 'exec-terminal'; id: string; made: boolean }
  /** A command that the host asked for (`exec ID …`, `terminal ID …`) has ended. */
  | { event: 'exec-end'; id: string; status: number }
  /** A shell stands at the prompt. */
  | { event: 'prompt' }
  /**
   * The session is over; the guest is about to power off. `taint`: /proc/sys/kernel/tainted. `left`:
   * how many files and directories are in a /rapido/results that is not the host's. undefined: the
   * guest cannot tell.
   */
  | { event: 'power-off'; taint: number | undefined; left: number | undefined };

type Word = GuestEvent['event'];

/** The last words of a session of `rapido run`, and what may come where nothing runs. */
const LAST: readonly Word[] = ['no-log', 'power-off'];
const NEXT: readonly Word[] = [
  ...(['autorun-start', 'no-directory', 'no-channel', 'command-start'] as const),
  ...LAST,
];

/** What may follow each word of such a session; `undefined`: its first. */
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
 * What no session says after what was heard before: two of them speak, and one is a forger who has read the
 * key.
 * @returns both words; undefined: all is in its order
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
  /** The key that rapido gave to the session; empty before that. */
  key: string;
  event: GuestEvent;
}

/**
 * Reads one line of the control channel. The guest is not trusted: whatever is not exactly one of
 * the messages is undefined.
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

/** A number, or that there is none to be had. */
function isCount(value: unknown): value is string {
  return typeof value === 'string' && /^(\d{1,9}|unknown)$/.test(value);
}

function parseCount(text: string): number | undefined {
  return text === 'unknown' ? undefined : Number(text);
}

/** What a shell has in $?. */
function isExitStatus(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) <= 255;
}
