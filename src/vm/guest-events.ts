import * as z from 'zod/mini';
import { parseJson } from '../sys/json.ts';

/** The session is a shell script and sends all values as strings. */
const decimal = z.pipe(
  z.string().check(z.regex(/^\d{1,9}(\.\d{1,6})?$/)),
  z.transform((text) => Number(text)),
);

/** A number; undefined: `unknown`. */
const count = z.pipe(
  z.string().check(z.regex(/^(\d{1,9}|unknown)$/)),
  z.transform((text) => (text === 'unknown' ? undefined : Number(text))),
);

/** A value of $? in a shell. */
const status = z.pipe(
  z.pipe(
    z.string().check(z.regex(/^\d{1,3}$/)),
    z.transform((text) => Number(text)),
  ),
  z.number().check(z.maximum(255)),
);

const flag = z.pipe(
  z.enum(['0', '1']),
  z.transform((text) => text === '1'),
);

const guestEvent = z.discriminatedUnion('event', [
  /** PID 1 runs; `uptime` in seconds since the kernel started. */
  z.object({ event: z.literal('init'), uptime: decimal }),
  /** A channel for the input or output of the session's command does not exist. */
  z.object({ event: z.literal('no-channel') }),
  /** The directory that the cut names does not exist. */
  z.object({ event: z.literal('no-directory') }),
  /** The kernel has no driver for its console, so there is no shell at a prompt. */
  z.object({ event: z.literal('no-console') }),
  /** The console may not have shown the whole kernel log, and the guest cannot supply the rest. */
  z.object({ event: z.literal('no-log') }),
  z.object({ event: z.literal('autorun-start'), script: z.string() }),
  z.object({ event: z.literal('autorun-end'), script: z.string(), status }),
  /** The command of `rapido run`; its status as in $? of a shell. */
  z.object({ event: z.literal('command-start') }),
  z.object({ event: z.literal('command-end'), status }),
  /** Whether a command that requested a terminal (`terminal ID …`) has one, or pipes. */
  z.object({ event: z.literal('exec-terminal'), id: z.string(), made: flag }),
  /** A command that the host requested was not run: the guest cannot find a channel for its input or output. */
  z.object({ event: z.literal('exec-no-channel'), id: z.string() }),
  /** A command that the host started (`exec ID …`, `terminal ID …`) has ended. */
  z.object({ event: z.literal('exec-end'), id: z.string(), status }),
  /** The shell at the console is about to start. */
  z.object({ event: z.literal('prompt') }),
  /** The kernel has searched for memory leaks (`--kmemleak`), or could not. */
  z.object({ event: z.literal('leak-scan'), scanned: flag }),
  /**
   * The session has ended, and the guest is about to power off. `taint`: /proc/sys/kernel/tainted. `left`: the
   * number of files and directories in /rapido/results, if that is not the host's directory. undefined: the guest
   * could not find out.
   */
  z.object({ event: z.literal('power-off'), taint: count, left: count }),
]);

/** The messages of the guest's session on the control channel, one JSON object per line. */
export type GuestEvent = z.infer<typeof guestEvent>;

/** The fields of the event are in the same object as the key. */
const guestMessage = z.pipe(
  z.pipe(
    z.looseObject({ key: z.string() }),
    z.transform(({ key, ...event }) => ({ key, event })),
  ),
  z.object({
    /** The key that rapido sent to the session; empty before that. */
    key: z.string(),
    event: guestEvent,
  }),
);

export type GuestMessage = z.infer<typeof guestMessage>;

/**
 * Parses one line of the control channel. The guest is not trusted.
 * @returns undefined if the line is not exactly one of the messages
 */
export function parseGuestMessage(line: string): GuestMessage | undefined {
  return parseJson(guestMessage, line);
}
