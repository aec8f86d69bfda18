import type { GuestEvent } from './guest-events.ts';

type Word = GuestEvent['event'];

/** The last messages of a session of `rapido run`, and those that may come while nothing runs. */
const LAST: readonly Word[] = ['leak-scan', 'no-log', 'power-off'];
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
  ['leak-scan', ['no-log', 'power-off']],
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
