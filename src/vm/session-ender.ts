import { type AwakeClock, startTimer, waitUntil, within } from '../sys/awake-clock.ts';
import { createDeferred } from '../sys/deferred.ts';
import type { EndingSignal } from '../sys/signals.ts';
import { CONSOLE_ID } from './qemu-arguments.ts';
import { listenToSignals, type QemuProcess } from './qemu-process.ts';
import type { KernelLoss, SessionWatch, TimeLimits } from './session-watch.ts';

/** How long QEMU may take to exit after `quit`, in milliseconds. */
const QUIT_GRACE = 3000;

/**
 * How long a crashed kernel may print nothing before the VM is ended, and how long it may print in total
 * (`ftrace_dump_on_oops` on a serial line), in milliseconds.
 */
const PANIC_GRACE = { quiet: 15_000, longest: 180_000 } as const;

/** How long it may print nothing if its memory is dumped: then it does not end the VM by itself. */
const QUIET_BEFORE_DUMP = 3000;

/** The same for a kernel that did not run our init: if it finds no other init, it panics at once. */
const STUCK_GRACE = 1000;

const LOSSES = {
  crashed: 'the kernel crashed and did not end the VM',
  stuck: 'the kernel does not run its init',
} as const satisfies Record<KernelLoss, string>;

/** Ends a VM early. */
export interface Ender {
  expire: (limit: keyof TimeLimits) => void;
  /** To be called when the guest's init reports. If the boot limit was reached before, the VM is ended at once. */
  booted: () => void;
  crashed: (loss: KernelLoss) => void;
  interruptedBy: () => EndingSignal | undefined;
  timedOut: () => keyof TimeLimits | undefined;
  /**
   * Waits for `work`, which receives the last output of a VM that has ended. If the VM was ended early, the wait is
   * limited, because the reader of rapido's output may have stopped reading.
   * @returns the result of `work`, or `otherwise`
   */
  awaitOutput: <Result>(work: Promise<Result>, otherwise: Result) => Promise<Result>;
  stop: () => void;
}

/** When the VM last produced output, by a clock that stops while rapido is stopped. */
export interface Activity {
  clock: AwakeClock;
  /** The time of the last output. */
  last: () => number;
}

/** Ends the VM for the first of these reasons: a limit, a crash that did not end the VM, or a signal. */
export function createEnder(qemu: QemuProcess, watch: SessionWatch, activity: Activity): Ender {
  const { clock } = activity;
  let interruptedBy: EndingSignal | undefined;
  let timedOut: keyof TimeLimits | undefined;
  let panicking: NodeJS.Timeout | undefined;
  let isEnding = false;
  const begin = (why: string): boolean => {
    if (isEnding) return false;
    isEnding = true;
    watch.onEnding(why);
    return true;
  };
  /** Resolves when the last output has taken too long. */
  const lateOutput = createDeferred<void>();
  const limitOutput = (): void => {
    startTimer(OUTPUT_GRACE, lateOutput.resolve, { ref: false });
  };
  const interrupted = createDeferred<void>();
  const dump = async (): Promise<void> => {
    await Promise.race([watch.dump?.(qemu.qmp), interrupted.promise]);
  };
  let isStopped = false;
  watch.ended?.then((why) => {
    if (!isStopped && begin(why)) quit(qemu);
  });
  const signals = listenToSignals((signal) => {
    limitOutput();
    if (interruptedBy !== undefined) return qemu.kill('SIGKILL');
    interruptedBy = signal;
    interrupted.resolve();
    if (begin(`got ${signal}`)) quit(qemu);
  });
  return {
    expire: async (limit) => {
      if (!begin(`the time limit was reached (${limit})`)) return;
      timedOut = limit;
      await requestBacktraces(qemu, activity);
      await dump();
      await quit(qemu);
    },
    booted: () => {
      if (timedOut === 'boot') quit(qemu);
    },
    crashed: (loss) => {
      const crashed = clock.now();
      const quiet = watch.dump === undefined ? PANIC_GRACE.quiet : QUIET_BEFORE_DUMP;
      const grace = loss === 'stuck' ? STUCK_GRACE : quiet;
      const look = (): void => {
        const now = clock.now();
        const left = Math.min(
          Math.max(activity.last(), crashed) + grace - now,
          crashed + PANIC_GRACE.longest - now,
        );
        if (left > 0) panicking = setTimeout(look, left);
        else if (begin(LOSSES[loss])) dump().then(() => quit(qemu));
      };
      if (panicking === undefined) look();
    },
    interruptedBy: () => interruptedBy,
    timedOut: () => timedOut,
    awaitOutput: (work, otherwise) => {
      if (isEnding) limitOutput();
      return Promise.race([work, lateOutput.promise.then(() => otherwise)]);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(panicking);
      signals.stop();
    },
  };
}

/** How long receiving the last output may take after an interruption or a limit, in milliseconds. */
const OUTPUT_GRACE = 2000;

/** Has QEMU quit, so that it closes its disks. Kills it if it does not react. */
export async function quit(qemu: QemuProcess): Promise<void> {
  await qemu.qmp.execute('quit', { timeout: QUIT_GRACE });
  await within(QUIT_GRACE, qemu.exited, undefined);
  qemu.kill('SIGKILL');
}

/** Keys of sysrq (Documentation/admin-guide/sysrq.rst): blocked tasks, backtraces of CPUs, all tasks. */
const BACKTRACE_KEYS = ['w', 'l', 't'];

/**
 * How long an answer may take to begin, how long the console must be quiet after it, and how long it may take in
 * total, in milliseconds.
 */
const ANSWER = { first: 3000, quiet: 700, longest: 8000 } as const;

/**
 * Requests backtraces from the kernel, for the console log: with sysrq over the serial line, or, if the kernel does not
 * react, with an NMI, on which it panics with a backtrace.
 */
async function requestBacktraces(qemu: QemuProcess, activity: Activity): Promise<void> {
  for (const key of BACKTRACE_KEYS) {
    const asked = activity.clock.now();
    const isBroken = await qemu.qmp.execute('chardev-send-break', {
      arguments: { id: CONSOLE_ID },
    });
    if (!isBroken) break;
    qemu.channel('console').write(key);
    if (!(await awaitAnswer(asked, activity))) break;
    if (key === BACKTRACE_KEYS.at(-1)) return;
  }
  const asked = activity.clock.now();
  if (await qemu.qmp.execute('inject-nmi')) await awaitAnswer(asked, activity);
}

/** @returns whether there was any output */
async function awaitAnswer(asked: number, { clock, last }: Activity): Promise<boolean> {
  const hasAnswered = (): boolean => last() > asked;
  const isQuiet = (): boolean => {
    const quiet = clock.now() - Math.max(last(), asked);
    return quiet > (hasAnswered() ? ANSWER.quiet : ANSWER.first);
  };
  await waitUntil(ANSWER.longest, isQuiet, { every: 100 });
  return hasAnswered();
}
