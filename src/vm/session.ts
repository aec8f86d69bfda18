import type { Duplex, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../errors.ts';
import type { EndingSignal } from '../sys/signals.ts';
import { openControlChannel } from './control-channel.ts';
import type { VmRecord } from './ending.ts';
import type { GuestEvent } from './guest-events.ts';
import type { VmPlan } from './plan.ts';
import { CONSOLE_ID } from './qemu-arguments.ts';
import { listenToSignals, type QemuProcess, startQemu } from './qemu-process.ts';
import { untilEndMark } from './until-end-mark.ts';

/** Milliseconds, 2^31 - 1 at most; undefined: no limit. */
export interface SessionLimits {
  /** For the whole session, from the start of QEMU. */
  total: number | undefined;
  /** Until the first word of the guest's init. */
  boot: number | undefined;
  /** Without any output, console included, once init has been heard: a boot is quiet. */
  silence: number | undefined;
}

/** Who hears of what goes on in the VM, as it happens. */
export interface SessionWatch {
  limits: SessionLimits;
  /** What the command reads; undefined: nothing. */
  stdin: Readable | undefined;
  onStart: (qemuPid: number) => void;
  onEvent: (event: GuestEvent) => void;
  /** A part of the serial console. @returns 'crashed' once the kernel is known to be lost */
  onConsole: (chunk: Buffer) => Promise<'crashed' | undefined>;
  /** A part of the command's output; the next one waits until this is dealt with. */
  onOutput: (name: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>;
  /** Why rapido has begun to end the VM. */
  onEnding: (why: string) => void;
}

export interface SessionRecord extends VmRecord {
  /** The limit that ran out. */
  timedOut: keyof SessionLimits | undefined;
  /** Whether the command's output was received to its end. */
  isOutputWhole: boolean;
  /** Lines on the control channel that the session did not write. */
  strangeLines: number;
  times: SessionTimes;
}

/** Milliseconds since the start of QEMU; undefined: it was not reached. */
export interface SessionTimes {
  init: number | undefined;
  autorunEnd: number | undefined;
  commandStart: number | undefined;
  commandEnd: number | undefined;
  end: number;
}

/** How much of the console's end is kept for judging how the VM ended, in characters. */
const CONSOLE_TAIL = 64 * 1024;

/** How long a kernel that panics may take to end the VM by itself, in milliseconds. */
const PANIC_GRACE = 15_000;

/** How long QEMU may take to end when it is told to. */
const QUIT_GRACE = 3000;

/**
 * Starts QEMU for a command with nobody watching, and stays until it is gone.
 * @throws UserError when QEMU cannot be executed
 */
export async function runSession(plan: VmPlan, watch: SessionWatch): Promise<SessionRecord> {
  const started = performance.now();
  const since = (): number => performance.now() - started;
  const times: SessionTimes = {
    ...{ init: undefined, autorunEnd: undefined, commandStart: undefined, commandEnd: undefined },
    end: 0,
  };
  const events: GuestEvent[] = [];
  let consoleTail = '';
  let lastSign = started;
  const qemu = startQemu(plan, () => {});
  const ender = createEnder(qemu, watch, () => lastSign);
  try {
    if (qemu.pid !== undefined) watch.onStart(qemu.pid);
    const limits = startLimits(watch.limits, ender.expire, () => performance.now() - lastSign);
    const control = openControlChannel(qemu.channel('control'), (event) => {
      lastSign = performance.now();
      events.push(event);
      if (event.event === 'init') {
        times.init = since();
        limits.booted();
      }
      if (event.event === 'autorun-end') times.autorunEnd = since();
      if (event.event === 'command-start') times.commandStart = since();
      if (event.event === 'command-end') times.commandEnd = since();
      watch.onEvent(event);
    });
    const hearConsole = async (): Promise<void> => {
      for await (const chunk of chunksOf(qemu.channel('console'))) {
        lastSign = performance.now();
        consoleTail = (consoleTail + chunk.toString('latin1')).slice(-CONSOLE_TAIL);
        if ((await watch.onConsole(chunk)) === 'crashed') ender.crashed();
      }
    };
    let unfinished = 2;
    const confirmWhenWhole = (): void => {
      if (--unfinished === 0) control.confirmOutput();
    };
    const hearOutput = (name: 'stdout' | 'stderr'): Promise<boolean> => {
      const deliver = (chunk: Buffer): Promise<void> => {
        lastSign = performance.now();
        return watch.onOutput(name, chunk);
      };
      const source = chunksOf(qemu.channel(name));
      return untilEndMark(source, control.outputEnd, deliver, confirmWhenWhole);
    };
    feedInput(qemu.channel('stdin'), watch.stdin);
    const heard = Promise.all([hearConsole(), hearOutput('stdout'), hearOutput('stderr')]);
    // Where hearing fails, the VM is of no use any more.
    const exit = await Promise.race([qemu.exited, heard.then(() => qemu.exited)]);
    times.end = since();
    limits.stop();
    await Promise.all([qemu.qmp.closed, control.closed]);
    const [, ...areWhole] = await ender.unlessInterrupted(heard, [undefined, false, false]);
    return {
      exit,
      qemuSaid: await qemu.said,
      shutdown: qemu.qmp.shutdown(),
      events,
      consoleTail,
      interruptedBy: ender.interruptedBy(),
      timedOut: ender.timedOut(),
      isOutputWhole: areWhole.every(Boolean),
      strangeLines: control.strangeLines(),
      times,
    };
  } finally {
    // Something of ours failed: the VM must not go on without us.
    qemu.kill('SIGKILL');
    ender.stop();
    watch.stdin?.destroy();
  }
}

/** The chunks of a socket until its other end has gone, whichever way it went. */
async function* chunksOf(channel: Duplex): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of channel) yield chunk;
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ECONNRESET' && code !== 'EPIPE' && code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      throw error;
    }
  }
}

/** Half-closes at the end: QEMU then tells the guest, after all that came before. */
function feedInput(channel: Duplex, stdin: Readable | undefined): void {
  // A command that ends without reading all of its input is no error.
  channel.on('error', () => {});
  channel.resume();
  if (stdin === undefined) channel.end();
  else {
    stdin.on('error', () => channel.end());
    stdin.pipe(channel);
  }
}

/** Watches the limits. `expire` is called with the first that runs out. */
function startLimits(
  limits: SessionLimits,
  expire: (limit: keyof SessionLimits) => void,
  silentFor: () => number,
): { booted: () => void; stop: () => void } {
  const after = (limit: keyof SessionLimits): NodeJS.Timeout | undefined =>
    limits[limit] === undefined ? undefined : setTimeout(() => expire(limit), limits[limit]);
  const total = after('total');
  const boot = after('boot');
  let silence: NodeJS.Timeout | undefined;
  const watchSilence = (limit: number): void => {
    const left = limit - silentFor();
    if (left <= 0) expire('silence');
    else silence = setTimeout(() => watchSilence(limit), left);
  };
  return {
    booted: () => {
      clearTimeout(boot);
      if (limits.silence !== undefined) watchSilence(limits.silence);
    },
    stop: () => {
      for (const timer of [total, boot, silence]) clearTimeout(timer);
    },
  };
}

interface Ender {
  expire: (limit: keyof SessionLimits) => void;
  crashed: () => void;
  interruptedBy: () => EndingSignal | undefined;
  timedOut: () => keyof SessionLimits | undefined;
  /** What `work` comes to; who interrupts does not wait for a reader that has stopped reading. */
  unlessInterrupted: <Result>(work: Promise<Result>, otherwise: Result) => Promise<Result>;
  stop: () => void;
}

/** Ends the VM, for one reason only: a limit, a crash that does not come to its end, or a signal. */
function createEnder(qemu: QemuProcess, watch: SessionWatch, lastSign: () => number): Ender {
  let interruptedBy: EndingSignal | undefined;
  let timedOut: keyof SessionLimits | undefined;
  let panicking: NodeJS.Timeout | undefined;
  let isEnding = false;
  const begin = (why: string): boolean => {
    if (isEnding) return false;
    isEnding = true;
    watch.onEnding(why);
    return true;
  };
  let giveUp = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const signals = listenToSignals((signal) => {
    setTimeout(giveUp, LAST_WORDS).unref();
    if (interruptedBy !== undefined) return qemu.kill('SIGKILL');
    interruptedBy = signal;
    if (begin(`got ${signal}`)) quit(qemu);
  });
  return {
    expire: async (limit) => {
      if (!begin(`the time is over (${limit})`)) return;
      timedOut = limit;
      await askForBacktraces(qemu, lastSign);
      await quit(qemu);
    },
    crashed: () => {
      panicking ??= setTimeout(() => {
        if (begin('the kernel crashed and did not end the VM')) quit(qemu);
      }, PANIC_GRACE);
    },
    interruptedBy: () => interruptedBy,
    timedOut: () => timedOut,
    unlessInterrupted: (work, otherwise) => Promise.race([work, interrupted.then(() => otherwise)]),
    stop: () => {
      clearTimeout(panicking);
      signals.stop();
    },
  };
}

/** How long the last output may take after an interruption, in milliseconds. */
const LAST_WORDS = 2000;

/** Ends QEMU in order: it closes its disks. One that does not answer is killed. */
async function quit(qemu: QemuProcess): Promise<void> {
  await qemu.qmp.execute('quit', { timeout: QUIT_GRACE });
  const patience = new AbortController();
  const late = sleep(QUIT_GRACE, undefined, { signal: patience.signal }).catch(() => {});
  await Promise.race([qemu.exited, late]);
  patience.abort();
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
async function askForBacktraces(qemu: QemuProcess, lastSign: () => number): Promise<void> {
  for (const key of BACKTRACE_KEYS) {
    const asked = performance.now();
    const isBroken = await qemu.qmp.execute('chardev-send-break', {
      arguments: { id: CONSOLE_ID },
    });
    if (!isBroken) break;
    qemu.channel('console').write(key);
    if (!(await hearAnswer(asked, lastSign))) break;
    if (key === BACKTRACE_KEYS.at(-1)) return;
  }
  const asked = performance.now();
  if (await qemu.qmp.execute('inject-nmi')) await hearAnswer(asked, lastSign);
}

/** @returns whether anything came */
async function hearAnswer(asked: number, lastSign: () => number): Promise<boolean> {
  const isOver = (): boolean => {
    const now = performance.now();
    const quiet = now - Math.max(lastSign(), asked);
    return now - asked > ANSWER.longest || quiet > (lastSign() > asked ? ANSWER.quiet : 3000);
  };
  while (!isOver()) await sleep(100);
  return lastSign() > asked;
}
