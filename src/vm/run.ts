import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { errorCode, UserError } from '../errors.ts';
import { startTool } from '../sys/exec.ts';
import { readLines } from '../sys/lines.ts';
import { ENDING_SIGNALS, type EndingSignal } from '../sys/signals.ts';
import { saveTerminal } from '../sys/terminal-mode.ts';
import type { VmRecord } from './ending.ts';
import { type GuestEvent, parseGuestEvent } from './guest-events.ts';
import type { VmPlan } from './plan.ts';
import { QEMU_FD, qemuCommandLine } from './qemu-arguments.ts';

export interface VmWatch {
  /** Whether stdin and stdout are a terminal that the guest's console gets. */
  interactive: boolean;
  onStart?: (qemuPid: number) => void;
}

/** How much of the console's end is kept for judging how the VM ended; a panic's trace fits. */
const CONSOLE_TAIL_BYTES = 256 * 1024;

/**
 * Starts QEMU and stays until it is gone. The terminal is given back as it was, however QEMU ends.
 * @throws UserError when QEMU cannot be executed
 */
export async function runVm(plan: VmPlan, watch: VmWatch): Promise<VmRecord> {
  keepPreviousLog(plan.consoleLog);
  const restoreTerminal = watch.interactive ? saveTerminal() : () => {};
  // QEMU gives back the terminal on SIGTERM, but not when it is killed.
  const qemu = startTool(
    qemuCommandLine(plan),
    [watch.interactive ? 'inherit' : 'ignore', 'inherit', 'pipe', 'pipe', 'pipe'],
    watch.interactive ? 'TERM' : 'KILL',
  );
  const interruption = endOnSignal(qemu);
  try {
    const exited = waitForExit(qemu, plan.qemu);
    if (qemu.pid !== undefined) watch.onStart?.(qemu.pid);
    const said = copyStderr(qemu);
    const shutdown = watchForShutdown(qemu.stdio[QEMU_FD.events] as Duplex);
    const events = collectEvents(qemu.stdio[QEMU_FD.control] as Duplex);
    const exit = await exited;
    return {
      exit,
      qemuSaid: await said,
      shutdown: await shutdown,
      events: await events,
      consoleTail: readTail(plan.consoleLog, CONSOLE_TAIL_BYTES),
      interruptedBy: interruption.signal(),
    };
  } finally {
    // Something of ours failed: the VM must not go on without us.
    if (qemu.exitCode === null && qemu.signalCode === null) qemu.kill('SIGKILL');
    interruption.stopListening();
    restoreTerminal();
  }
}

function keepPreviousLog(path: string): void {
  // What a guest shows may be secret: `set -x` in a script is enough.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    renameSync(path, `${path}.previous`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

async function waitForExit(qemu: ChildProcess, program: string): Promise<VmRecord['exit']> {
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      qemu.once('error', reject);
      qemu.once('exit', (...how) => resolve(how));
    },
  ).catch((cause) => {
    throw new UserError(`${program} cannot be executed`, {
      cause,
      hint: 'run `rapido doctor` to see what is missing',
    });
  });
  return signal === null ? { status: status ?? 0 } : { signal };
}

/** Ends QEMU when rapido is asked to end; a second signal kills it. */
function endOnSignal(qemu: ChildProcess): {
  signal: () => EndingSignal | undefined;
  stopListening: () => void;
} {
  let received: EndingSignal | undefined;
  const listener = (signal: NodeJS.Signals): void => {
    qemu.kill(received === undefined ? 'SIGTERM' : 'SIGKILL');
    received = signal as EndingSignal; // Nothing else is listened to.
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, listener);
  return {
    signal: () => received,
    stopListening: () => {
      for (const signal of ENDING_SIGNALS) process.off(signal, listener);
    },
  };
}

/** QEMU's own words go to the user as they come, and are kept for a hint. */
async function copyStderr(qemu: ChildProcess): Promise<string> {
  let said = '';
  const stderr = qemu.stderr as Readable;
  stderr.setEncoding('utf8');
  stderr.on('data', (chunk: string) => {
    process.stderr.write(chunk);
    said = (said + chunk).slice(-8192);
  });
  await once(stderr, 'close');
  return said;
}

/** Reads QMP until the end; the reason of the SHUTDOWN event, if there was one. */
async function watchForShutdown(monitor: Duplex): Promise<string | undefined> {
  let reason: string | undefined;
  const end = readLines(monitor, (line) => {
    if (!line.includes('"SHUTDOWN"')) return;
    const message: { event?: string; data?: { reason?: string } } = JSON.parse(line);
    if (message.event === 'SHUTDOWN') reason ??= message.data?.reason;
  });
  monitor.write('{"execute":"qmp_capabilities"}\n');
  await end;
  return reason;
}

async function collectEvents(channel: Duplex): Promise<GuestEvent[]> {
  const events: GuestEvent[] = [];
  await readLines(channel, (line) => {
    const event = parseGuestEvent(line.trimEnd());
    if (event !== undefined) events.push(event);
  });
  return events;
}

function readTail(path: string, bytes: number): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
