import { startAwakeClock } from './awake-clock.ts';

/** The end of a limit. It includes the limit, so that messages can print it. */
export interface Deadline {
  /** The limit, in milliseconds. */
  asked: number;
  /** Milliseconds that are left, at least 0. Time in which this process was stopped or the deadline paused does not count. */
  left: () => number;
  pause: () => void;
  resume: () => void;
}

/** @param asked limit in milliseconds from now; undefined: no limit */
export function startDeadline(asked: number): Deadline;
export function startDeadline(asked: number | undefined): Deadline | undefined;
export function startDeadline(asked: number | undefined): Deadline | undefined {
  if (asked === undefined) return undefined;
  const clock = startAwakeClock();
  return {
    asked,
    left: () => Math.max(asked - clock.now(), 0),
    pause: clock.pause,
    resume: clock.resume,
  };
}
