import { startAwakeClock } from './awake-clock.ts';

/** When a piece of work must be over. It is passed on whole, so that messages name what was asked for. */
export interface Deadline {
  /** What was asked for, in milliseconds. */
  asked: number;
  /** Milliseconds that are left, 0 once it is over; those in which this process stood still do not count. */
  left: () => number;
}

/** @param asked milliseconds from now on; undefined: there is no limit */
export function startDeadline(asked: number): Deadline;
export function startDeadline(asked: number | undefined): Deadline | undefined;
export function startDeadline(asked: number | undefined): Deadline | undefined {
  if (asked === undefined) return undefined;
  const clock = startAwakeClock();
  return { asked, left: () => Math.max(asked - clock.now(), 0) };
}
