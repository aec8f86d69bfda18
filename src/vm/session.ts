import type { Duplex, Readable } from 'node:stream';
import { errorCode } from '../errors.ts';
import { startAwakeClock, startTimer, type Timer } from '../sys/awake-clock.ts';
import { type ControlChannel, openControlChannel } from './control-channel.ts';
import type { VmRecord } from './ending.ts';
import type { GuestEvent } from './guest-events.ts';
import { memoryOf } from './memory-shortage.ts';
import type { VmPlan } from './plan.ts';
import { type QemuProcess, startQemu } from './qemu-process.ts';
import { createEnder, type Signs } from './session-ender.ts';
import type { KernelLoss, SessionWatch, TimeLimits } from './session-watch.ts';
import { untilEndMark } from './until-end-mark.ts';

export interface SessionRecord extends VmRecord {
  /** The limit that ran out. */
  timedOut: keyof TimeLimits | undefined;
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

/**
 * Starts QEMU for a command with nobody watching, and stays until it is gone.
 * @throws UserError when QEMU cannot be executed
 */
export async function runSession(plan: VmPlan, watch: SessionWatch): Promise<SessionRecord> {
  const timeline = startTimeline();
  const qemu = startQemu(plan, () => {});
  const ender = createEnder(qemu, watch, timeline.signs);
  const limits = startLimits(watch, ender.expire, timeline.silentFor);
  try {
    if (qemu.pid !== undefined) watch.onStart(qemu.pid);
    const events: GuestEvent[] = [];
    let outputEnd: Buffer | undefined;
    const log = createLog((chunk) => timeline.during(watch.onConsole(chunk)));
    const onEvent = (event: GuestEvent): void => {
      events.push(event);
      timeline.enter(event);
      if (event.event === 'init') {
        limits.booted();
        ender.booted();
      }
      if (event.event === 'command-end') outputEnd ??= control.endOutput();
      watch.onEvent(event);
    };
    const control = openControlChannel(qemu.channel('control'), onEvent, log.push);
    feedInput(qemu.channel('stdin'), watch.stdin);
    const markNow = (): Buffer | undefined => outputEnd;
    const heard = hear({ qemu, watch, control, log, markNow, timeline, onCrash: ender.crashed });
    // Where hearing fails, the VM is of no use any more.
    const exit = await Promise.race([qemu.exited, heard.then(() => qemu.exited)]);
    timeline.end();
    limits.stop();
    await Promise.all([qemu.qmp.closed, control.closed]);
    const { isOutputWhole, consoleTail } = await ender.lastWords(heard, {
      isOutputWhole: false,
      consoleTail: '',
    });
    return {
      exit,
      memory: memoryOf(plan),
      qemuSaid: await qemu.said,
      shutdown: qemu.qmp.shutdown(),
      wasHostFull: qemu.qmp.wasHostFull() || undefined,
      events,
      consoleTail,
      interruptedBy: ender.interruptedBy(),
      timedOut: ender.timedOut(),
      isOutputWhole,
      strangeLines: control.strangeLines(),
      times: timeline.times,
    };
  } finally {
    // Something of ours failed: the VM must not go on without us.
    qemu.kill('SIGKILL');
    limits.stop();
    ender.stop();
    timeline.signs.clock.stop();
    watch.stdin?.destroy();
  }
}

/** When what happened, in milliseconds since the start. */
interface Timeline {
  times: SessionTimes;
  enter: (event: GuestEvent) => void;
  /** Something has come out of the VM, which waits while `work` deals with it: that is no silence. */
  during: <Result>(work: Promise<Result>) => Promise<Result>;
  signs: Signs;
  silentFor: () => number;
  end: () => void;
}

function startTimeline(): Timeline {
  const clock = startAwakeClock();
  const started = performance.now();
  const elapsed = (): number => performance.now() - started;
  let last = 0;
  let pending = 0;
  const times: SessionTimes = {
    init: undefined,
    autorunEnd: undefined,
    commandStart: undefined,
    commandEnd: undefined,
    end: 0,
  };
  const points: Partial<Record<GuestEvent['event'], Exclude<keyof SessionTimes, 'end'>>> = {
    init: 'init',
    'autorun-end': 'autorunEnd',
    'command-start': 'commandStart',
    'command-end': 'commandEnd',
  };
  return {
    times,
    enter: ({ event }) => {
      last = clock.now();
      const point = points[event];
      if (point !== undefined) times[point] = elapsed();
    },
    during: async (work) => {
      last = clock.now();
      pending++;
      try {
        return await work;
      } finally {
        pending--;
        last = clock.now();
      }
    },
    signs: { clock, last: () => last },
    silentFor: () => (pending > 0 ? 0 : clock.now() - last),
    end: () => {
      times.end = elapsed();
    },
  };
}

/** Lines of the kernel's log that come over the control channel. */
interface GuestLog {
  push: (line: string) => void;
  /** Resolves when all that came has been delivered. */
  delivered: () => Promise<void>;
}

/** Delivers them as if the console had shown them. */
function createLog(deliver: (chunk: Buffer) => Promise<unknown>): GuestLog {
  let delivered: Promise<unknown> | undefined;
  const push = (text: string): void => {
    delivered = (delivered ?? Promise.resolve()).then(() => deliver(Buffer.from(`${text}\r\n`)));
    delivered.catch(() => {}); // `delivered` tells.
  };
  return {
    push: (line) => {
      if (delivered === undefined) push("\r\nrapido: the kernel's log, as the guest still has it:");
      push(line);
    },
    delivered: async () => {
      await delivered;
    },
  };
}

interface Hearing {
  qemu: QemuProcess;
  watch: SessionWatch;
  control: ControlChannel;
  log: GuestLog;
  /** What the output ends with; undefined: the command still runs. */
  markNow: () => Buffer | undefined;
  timeline: Timeline;
  onCrash: (loss: KernelLoss) => void;
}

/** Hears the console and the command's output to their ends. */
async function hear({ qemu, watch, control, log, markNow, timeline, onCrash }: Hearing): Promise<{
  isOutputWhole: boolean;
  consoleTail: string;
}> {
  let consoleTail = '';
  const hearConsole = async (): Promise<void> => {
    for await (const chunk of chunksOf(qemu.channel('console'))) {
      consoleTail += chunk.toString('latin1');
      if (consoleTail.length > 2 * CONSOLE_TAIL) consoleTail = consoleTail.slice(-CONSOLE_TAIL);
      const loss = await timeline.during(watch.onConsole(chunk));
      if (loss !== undefined) onCrash(loss);
    }
  };
  let unfinished = 2;
  const confirmWhenWhole = (): void => {
    if (--unfinished === 0) control.confirmOutput();
  };
  const hearOutput = (name: 'stdout' | 'stderr'): Promise<boolean> => {
    const deliver = (chunk: Buffer): Promise<void> => timeline.during(watch.onOutput(name, chunk));
    const source = chunksOf(qemu.channel(name));
    return untilEndMark(source, markNow, deliver, confirmWhenWhole);
  };
  const [stdout, stderr] = await Promise.all([
    hearOutput('stdout'),
    hearOutput('stderr'),
    hearConsole(),
    control.closed.then(log.delivered),
  ]);
  return { isOutputWhole: stdout && stderr, consoleTail };
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
  { limits, deadline }: Pick<SessionWatch, 'limits' | 'deadline'>,
  expire: (limit: keyof TimeLimits) => void,
  silentFor: () => number,
): { booted: () => void; stop: () => void } {
  const after = (limit: keyof TimeLimits, milliseconds: number | undefined): Timer | undefined =>
    milliseconds === undefined ? undefined : startTimer(milliseconds, () => expire(limit));
  const total = after('total', deadline?.left());
  const boot = after('boot', limits.boot);
  let silence: Timer | undefined;
  const watchSilence = (limit: number): void => {
    silence = startTimer(limit - silentFor(), () => {
      if (silentFor() < limit) watchSilence(limit);
      else expire('silence');
    });
  };
  return {
    booted: () => {
      boot?.stop();
      if (limits.silence !== undefined) watchSilence(limits.silence);
    },
    stop: () => {
      for (const timer of [total, boot, silence]) timer?.stop();
    },
  };
}
