import { startAwakeClock } from './awake-clock.ts';

/** The end of a limit. It includes the limit, so that messages can print it. */
export interface Deadline {
  /** The limit, in milliseconds. */
  asked: number;
  /** Milliseconds that are left, at least 0. Time in which this process was stopped does not count. */
  left: () => number;
}

/** @param asked limit in milliseconds from now; undefined: no limit */
export function startDeadline(asked: number): Deadline;
export function startDeadline(asked: number | undefined): Deadline | undefined;
export function startDeadline(asked: number | undefined): Deadline | undefined {
  if (asked === undefined) return undefined;
  const clock = startAwakeClock();
  return { asked, left: () => Math.max(asked - clock.now(), 0) };
}
