import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A clock that stops while this process is stopped (SIGSTOP, a suspended machine). A stopped process reads
 * nothing, so that time must not count towards the timeout of what it waits for.
 */
export interface AwakeClock {
  /** Milliseconds since the start of the clock, without those in which the process was stopped or the clock paused. */
  now: () => number;
  pause: () => void;
  resume: () => void;
  stop: () => void;
}

/** How often the clock samples the time, and how late a sample may be on a busy machine, in milliseconds. */
const BEAT = 500;
const LAG = 500;

export function startAwakeClock(): AwakeClock {
  let awake = 0;
  let isPaused = false;
  let last = performance.now();
  const look = (): number => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    if (elapsed <= BEAT + LAG && !isPaused) awake += elapsed;
    return awake;
  };
  const beat = (): void => {
    look();
    timer = setTimeout(beat, BEAT);
    timer.unref();
  };
  let timer: NodeJS.Timeout | undefined;
  beat();
  const setPaused = (paused: boolean): void => {
    look();
    isPaused = paused;
  };
  return {
    now: look,
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    stop: () => clearTimeout(timer),
  };
}

export interface Timer {
  /** The time until `resume` does not count. */
  pause: () => void;
  resume: () => void;
  stop: () => void;
}

/**
 * Calls `expire` once, after this process was awake for `milliseconds`. Data that is readable by then is read
 * first, and may stop the timer.
 * @param ref whether the timer keeps the process alive
 */
export function startTimer(milliseconds: number, expire: () => void, { ref = true } = {}): Timer {
  const clock = startAwakeClock();
  let timer: NodeJS.Timeout | undefined;
  let expiry: NodeJS.Immediate | undefined;
  let isOver = false;
  const cancel = (): void => {
    clearTimeout(timer);
    clearImmediate(expiry);
  };
  const check = (): void => {
    const left = milliseconds - clock.now();
    if (left > 0) {
      // The maximum of setTimeout, 24 days.
      timer = setTimeout(check, Math.min(left, 2 ** 31 - 1));
      if (!ref) timer.unref();
      return;
    }
    clock.stop();
    // Immediates run after the event loop has polled for I/O.
    expiry = setImmediate(() => {
      isOver = true;
      expire();
    });
  };
  check();
  return {
    pause: () => {
      clock.pause();
      cancel();
    },
    resume: () => {
      clock.resume();
      cancel();
      if (!isOver) check();
    },
    stop: () => {
      isOver = true;
      clock.stop();
      cancel();
    },
  };
}

/**
 * @returns the result of `work`, or `otherwise` if it takes longer than `milliseconds`, measured by an
 * `AwakeClock`
 */
export async function within<Result, Otherwise>(
  milliseconds: number,
  work: Promise<Result>,
  otherwise: Otherwise,
  options?: { ref?: boolean },
): Promise<Result | Otherwise> {
  let timer: Timer | undefined;
  const late = new Promise<Otherwise>((resolve) => {
    timer = startTimer(milliseconds, () => resolve(otherwise), options);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer?.stop();
  }
}

/** Waits until a condition is met, or for `milliseconds`, measured by an `AwakeClock`. @returns whether it is met */
export async function waitUntil(
  milliseconds: number,
  isMet: () => boolean,
  { every = 20 } = {},
): Promise<boolean> {
  const clock = startAwakeClock();
  try {
    while (!isMet()) {
      if (clock.now() >= milliseconds) return false;
      await sleep(every);
    }
    return true;
  } finally {
    clock.stop();
  }
}
