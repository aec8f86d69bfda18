import type { Duplex, Readable } from 'node:stream';
import { startAwakeClock, startTimer, type Timer } from '../sys/awake-clock.ts';
import { type ConsoleReader, chunksOf, readConsole } from './console.ts';
import { type ControlChannel, openControlChannel } from './control-channel.ts';
import type { VmRecord } from './ending.ts';
import { isInspected } from './gdb-stub.ts';
import type { GuestEvent } from './guest-events.ts';
import { memoryOf } from './memory-shortage.ts';
import type { VmPlan } from './plan.ts';
import { type QemuProcess, startQemu } from './qemu-process.ts';
import { type Activity, createEnder } from './session-ender.ts';
import type { SessionWatch, TimeLimits } from './session-watch.ts';
import { untilEndMark } from './until-end-mark.ts';

export interface SessionRecord extends VmRecord {
  /** The limit that was reached; undefined: none. */
  timedOut: keyof TimeLimits | undefined;
  /** Whether the command's output was received up to its end mark. */
  isOutputComplete: boolean;
  /** The number of lines on the control channel that the session did not write. */
  foreignLines: number;
  /** How long the VM was stopped, by a debugger or for a dump, in milliseconds; undefined: it was not. */
  stoppedFor?: number | undefined;
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

/**
 * Starts QEMU for an unattended run and waits until it ends.
 * @throws UserError if QEMU cannot be executed
 */
export async function runSession(plan: VmPlan, watch: SessionWatch): Promise<SessionRecord> {
  const timeline = startTimeline();
  const qemu = startQemu(plan, () => {});
  const ender = createEnder(qemu, watch, timeline.activity);
  const limits = startLimits(watch, ender.expire, timeline.silentFor);
  try {
    if (qemu.pid !== undefined) watch.onStart(qemu.pid);
    const stops = pauseWhileStopped(qemu, [
      limits,
      timeline.activity.clock,
      ...(watch.deadline === undefined ? [] : [watch.deadline]),
    ]);
    const events: GuestEvent[] = [];
    let outputEnd: Buffer | undefined;
    const console = readConsole(qemu.channel('console'), async (chunk) => {
      const loss = await timeline.during(watch.onConsole(chunk));
      if (loss !== undefined) ender.crashed(loss);
    });
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
    const control = openControlChannel(qemu.channel('control'), onEvent, console.addLine);
    feedInput(qemu.channel('stdin'), watch.stdin);
    const markNow = (): Buffer | undefined => outputEnd;
    const received = receive({ qemu, watch, control, console, markNow, timeline });
    // An error in `receive` ends the session at once.
    const exit = await Promise.race([qemu.exited, received.then(() => qemu.exited)]);
    timeline.end();
    limits.stop();
    await Promise.all([qemu.qmp.closed, control.closed]);
    const { isOutputComplete, consoleTail } = await ender.awaitOutput(received, {
      isOutputComplete: false,
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
      isOutputComplete,
      foreignLines: control.foreignLines(),
      stoppedFor: stops.total(),
      times: timeline.times,
    };
  } finally {
    // After an error in rapido itself, the VM must not keep running.
    qemu.kill('SIGKILL');
    limits.stop();
    ender.stop();
    timeline.activity.clock.stop();
    watch.stdin?.destroy();
  }
}

/** Records when things happened, in milliseconds since the start. */
interface Timeline {
  times: SessionTimes;
  enter: (event: GuestEvent) => void;
  /** To be called with the processing of output. The VM waits meanwhile, so this time does not count as silence. */
  during: <Result>(work: Promise<Result>) => Promise<Result>;
  activity: Activity;
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
    activity: { clock, last: () => last },
    silentFor: () => (pending > 0 ? 0 : clock.now() - last),
    end: () => {
      times.end = elapsed();
    },
  };
}

interface Reception {
  qemu: QemuProcess;
  watch: SessionWatch;
  control: ControlChannel;
  console: ConsoleReader;
  /** Returns the end mark of the output; undefined: the command still runs. */
  markNow: () => Buffer | undefined;
  timeline: Timeline;
}

/** Receives the console and the command's output to their ends. */
async function receive({
  qemu,
  watch,
  control,
  console,
  markNow,
  timeline,
}: Reception): Promise<Pick<SessionRecord, 'isOutputComplete' | 'consoleTail'>> {
  let unfinished = 2;
  const confirmWhenComplete = (): void => {
    if (--unfinished === 0) control.confirmOutput();
  };
  const receiveOutput = (name: 'stdout' | 'stderr'): Promise<boolean> => {
    const deliver = (chunk: Buffer): Promise<void> => timeline.during(watch.onOutput(name, chunk));
    const source = chunksOf(qemu.channel(name));
    return untilEndMark(source, markNow, deliver, confirmWhenComplete);
  };
  const [stdout, stderr, consoleTail] = await Promise.all([
    receiveOutput('stdout'),
    receiveOutput('stderr'),
    console.received(control.closed),
  ]);
  return { isOutputComplete: stdout && stderr, consoleTail };
}

/** Copies the input and half-closes the channel at its end. QEMU passes EOF on to the guest after the data. */
function feedInput(channel: Duplex, stdin: Readable | undefined): void {
  // It is not an error if a command ends without reading all of its input.
  channel.on('error', () => {});
  channel.resume();
  if (stdin === undefined) channel.end();
  else {
    stdin.on('error', () => channel.end());
    stdin.pipe(channel);
  }
}

/** Watches the limits. `expire` is called with the first limit that is reached. */
function startLimits(
  { limits, deadline }: Pick<SessionWatch, 'limits' | 'deadline'>,
  expire: (limit: keyof TimeLimits) => void,
  silentFor: () => number,
): Pausable & { booted: () => void; stop: () => void } {
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
  const each = (act: (timer: Timer) => void): void => {
    for (const timer of [total, boot, silence]) if (timer !== undefined) act(timer);
  };
  return {
    booted: () => {
      boot?.stop();
      if (limits.silence !== undefined) watchSilence(limits.silence);
    },
    pause: () => each((timer) => timer.pause()),
    resume: () => each((timer) => timer.resume()),
    stop: () => each((timer) => timer.stop()),
  };
}

/** What measures time in which the VM runs. */
type Pausable = Pick<Timer, 'pause' | 'resume'>;

/**
 * While a debugger has stopped the VM, or its memory is dumped, the guest can do nothing about a limit: that time does
 * not count. A VM that is stopped for any other reason must reach its limits, or the run would never end.
 */
function pauseWhileStopped(
  qemu: QemuProcess,
  pausables: readonly Pausable[],
): { total: () => number | undefined } {
  let stopped: number | undefined;
  let total: number | undefined;
  const resume = (): void => {
    if (stopped === undefined) return;
    total = (total ?? 0) + performance.now() - stopped;
    stopped = undefined;
    for (const pausable of pausables) pausable.resume();
  };
  let stops = 0;
  qemu.qmp.onEvent(async ({ event }) => {
    if (event === 'RESUME') {
      stops++;
      resume();
    }
    if (event !== 'STOP') return;
    const stop = ++stops;
    const isOnPurpose = await isInspected(qemu.qmp);
    // It may run again by now.
    if (!isOnPurpose || stop !== stops) return;
    stopped ??= performance.now();
    for (const pausable of pausables) pausable.pause();
  });
  qemu.qmp.closed.then(resume);
  return { total: () => total };
}
