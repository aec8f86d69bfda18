/**
 * Time as this process lived it. A process that is stopped (SIGSTOP, a suspended machine) reads nothing,
 * so what it waits for may have come long ago: that time must not count against whom it waits for.
 */
export interface AwakeClock {
  /** Milliseconds since it was started, without those in which the process stood still. */
  now: () => number;
  stop: () => void;
}

/** How often the clock looks at the time, and how much later that may be on a busy machine, in milliseconds. */
const BEAT = 500;
const LAG = 500;

export function startAwakeClock(): AwakeClock {
  let awake = 0;
  let last = performance.now();
  const look = (): number => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    if (elapsed <= BEAT + LAG) awake += elapsed;
    return awake;
  };
  const beat = (): void => {
    look();
    timer = setTimeout(beat, BEAT);
    timer.unref();
  };
  let timer: NodeJS.Timeout | undefined;
  beat();
  return { now: look, stop: () => clearTimeout(timer) };
}

export interface Timer {
  stop: () => void;
}

/**
 * Calls `expire` once after so many milliseconds in which this process was awake. What waits to be read
 * by then is read first, and may stop the timer.
 * @param ref whether it keeps the process from ending
 */
export function startTimer(milliseconds: number, expire: () => void, { ref = true } = {}): Timer {
  const clock = startAwakeClock();
  let timer: NodeJS.Timeout | undefined;
  let expiry: NodeJS.Immediate | undefined;
  const check = (): void => {
    const left = milliseconds - clock.now();
    if (left > 0) {
      // The longest that setTimeout takes, 24 days.
      timer = setTimeout(check, Math.min(left, 2 ** 31 - 1));
      if (!ref) timer.unref();
      return;
    }
    clock.stop();
    // Immediates come after the event loop has polled.
    expiry = setImmediate(expire);
  };
  check();
  return {
    stop: () => {
      clock.stop();
      clearTimeout(timer);
      clearImmediate(expiry);
    },
  };
}

/**
 * What `work` comes to, or `otherwise` where it takes longer than so many milliseconds of this process's
 * time.
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
