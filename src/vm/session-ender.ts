import { setTimeout as sleep } from 'node:timers/promises';
import { type AwakeClock, startTimer, within } from '../sys/awake-clock.ts';
import type { EndingSignal } from '../sys/signals.ts';
import { CONSOLE_ID } from './qemu-arguments.ts';
import { listenToSignals, type QemuProcess } from './qemu-process.ts';
import type { KernelLoss, SessionWatch, TimeLimits } from './session-watch.ts';

/** How long QEMU may take to end when it is told to. */
const QUIT_GRACE = 3000;

/**
 * How long a kernel that has crashed may be quiet before the VM is ended, and how long it may talk
 * (`ftrace_dump_on_oops` on a serial line), in milliseconds.
 */
const PANIC_GRACE = { quiet: 15_000, longest: 180_000 } as const;

/** The same of one that does not run our init: where it can run none, its panic follows at once. */
const STUCK_GRACE = 1000;

const LOSSES = {
  crashed: 'the kernel crashed and did not end the VM',
  stuck: 'the kernel does not run its init',
} as const satisfies Record<KernelLoss, string>;

/** What ends a VM before its time. */
export interface Ender {
  expire: (limit: keyof TimeLimits) => void;
  /** The guest's init is heard: where that is too late, nothing of it is to run. */
  booted: () => void;
  crashed: (loss: KernelLoss) => void;
  interruptedBy: () => EndingSignal | undefined;
  timedOut: () => keyof TimeLimits | undefined;
  /**
   * What `work`, which hears the last of a VM that is gone, comes to. Where the VM was ended before
   * its time, that does not wait long for a reader who has stopped reading.
   */
  lastWords: <Result>(work: Promise<Result>, otherwise: Result) => Promise<Result>;
  stop: () => void;
}

/** When something came out of the VM, by a clock that stands still while rapido does. */
export interface Signs {
  clock: AwakeClock;
  /** When that was last. */
  last: () => number;
}

/** Ends the VM, for one reason only: a limit, a crash that does not come to its end, or a signal. */
export function createEnder(qemu: QemuProcess, watch: SessionWatch, signs: Signs): Ender {
  const { clock } = signs;
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
  let giveUp = (): void => {};
  const patience = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  let isStopped = false;
  watch.ended?.then((why) => {
    if (!isStopped && begin(why)) quit(qemu);
  });
  const signals = listenToSignals((signal) => {
    startTimer(LAST_WORDS, giveUp, { ref: false });
    if (interruptedBy !== undefined) return qemu.kill('SIGKILL');
    interruptedBy = signal;
    if (begin(`got ${signal}`)) quit(qemu);
  });
  return {
    expire: async (limit) => {
      if (!begin(`the time is over (${limit})`)) return;
      timedOut = limit;
      await askForBacktraces(qemu, signs);
      await quit(qemu);
    },
    booted: () => {
      if (timedOut === 'boot') quit(qemu);
    },
    crashed: (loss) => {
      const crashed = clock.now();
      const grace = loss === 'stuck' ? STUCK_GRACE : PANIC_GRACE.quiet;
      const look = (): void => {
        const now = clock.now();
        const left = Math.min(
          Math.max(signs.last(), crashed) + grace - now,
          crashed + PANIC_GRACE.longest - now,
        );
        if (left > 0) panicking = setTimeout(look, left);
        else if (begin(LOSSES[loss])) quit(qemu);
      };
      if (panicking === undefined) look();
    },
    interruptedBy: () => interruptedBy,
    timedOut: () => timedOut,
    lastWords: (work, otherwise) => {
      if (isEnding) startTimer(LAST_WORDS, giveUp, { ref: false });
      return Promise.race([work, patience.then(() => otherwise)]);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(panicking);
      signals.stop();
    },
  };
}

/** How long the last output may take after an interruption or a limit, in milliseconds. */
const LAST_WORDS = 2000;

/** Ends QEMU in order: it closes its disks. One that does not answer is killed. */
export async function quit(qemu: QemuProcess): Promise<void> {
  await qemu.qmp.execute('quit', { timeout: QUIT_GRACE });
  await within(QUIT_GRACE, qemu.exited, undefined);
  qemu.kill('SIGKILL');
}

/** Keys of sysrq (Documentation/admin-guide/sysrq.rst): blocked tasks, backtraces of CPUs, all tasks. */
const BACKTRACE_KEYS = ['w', 'l', 't'];

/** How long the console must be quiet for an answer to be over, and how long it may take. */
const ANSWER = { quiet: 700, longest: 8000 };

/**
 * Asks the kernel what it is doing, for the console log: by sysrq over the serial line, and, where
 * nothing hears that any more, by an NMI, on which it panics with a backtrace.
 */
async function askForBacktraces(qemu: QemuProcess, signs: Signs): Promise<void> {
  for (const key of BACKTRACE_KEYS) {
    const asked = signs.clock.now();
    const isBroken = await qemu.qmp.execute('chardev-send-break', {
      arguments: { id: CONSOLE_ID },
    });
    if (!isBroken) break;
    qemu.channel('console').write(key);
    if (!(await hearAnswer(asked, signs))) break;
    if (key === BACKTRACE_KEYS.at(-1)) return;
  }
  const asked = signs.clock.now();
  if (await qemu.qmp.execute('inject-nmi')) await hearAnswer(asked, signs);
}

/** @returns whether anything came */
async function hearAnswer(asked: number, { clock, last }: Signs): Promise<boolean> {
  const isOver = (): boolean => {
    const now = clock.now();
    const quiet = now - Math.max(last(), asked);
    return now - asked > ANSWER.longest || quiet > (last() > asked ? ANSWER.quiet : 3000);
  };
  while (!isOver()) await sleep(100);
  return last() > asked;
}
