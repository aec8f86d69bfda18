import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { errorCode } from '../errors.ts';
import { startTool } from '../sys/exec.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { ENDING_SIGNALS, type EndingSignal } from '../sys/signals.ts';
import { explainSpawnError } from '../sys/spawn.ts';
import { withPrivateUmask } from '../sys/umask.ts';
import type { VmRecord } from './ending.ts';
import type { VmPlan } from './plan.ts';
import { channelCount, QEMU_FD, qemuCommandLine } from './qemu-arguments.ts';
import { openQmp, type Qmp } from './qmp.ts';

/** A running QEMU process. */
export interface QemuProcess {
  pid: number | undefined;
  qmp: Qmp;
  /** rapido's end of the socket pair of that file descriptor. */
  channel: (name: keyof typeof QEMU_FD) => Duplex;
  kill: (signal: 'SIGTERM' | 'SIGKILL') => void;
  /** Rejects with a UserError if QEMU cannot be executed. */
  exited: Promise<VmRecord['exit']>;
  /** Resolves with the end of QEMU's standard error when that is closed. */
  said: Promise<string>;
}

/**
 * Starts QEMU. If rapido dies, QEMU is killed.
 * @param onStderr receives QEMU's standard error as it arrives
 */
export function startQemu(plan: VmPlan, onStderr: (text: string) => void): QemuProcess {
  const hasTerminal = plan.console === 'terminal';
  const stdio: StdioOptions = [
    hasTerminal && plan.interactive ? 'inherit' : 'ignore',
    hasTerminal ? 'inherit' : 'ignore',
    'pipe',
    ...Array.from({ length: channelCount(plan) }, () => 'pipe' as const),
  ];
  // A process that can connect to the QMP socket can make QEMU run any program.
  const qemu = withPrivateUmask(() =>
    startTool(qemuCommandLine(plan), {
      stdio,
      // The user's own QEMU arguments may need variables, for example for displays, sound and proxies.
      environment: 'inherited',
      // QEMU restores the terminal on SIGTERM, but not on SIGKILL.
      deathSignal: hasTerminal && plan.interactive ? 'TERM' : 'KILL',
      detached: !hasTerminal,
    }),
  );
  const exited = waitForExit(qemu, plan.qemu);
  const ends: readonly unknown[] = qemu.stdio;
  const channel = (name: keyof typeof QEMU_FD): Duplex => ends[QEMU_FD[name]] as Duplex;
  return {
    pid: qemu.pid,
    qmp: openQmp(channel('events')),
    channel,
    kill: (signal) => {
      if (qemu.exitCode === null && qemu.signalCode === null) qemu.kill(signal);
    },
    exited,
    said: collectStderr(qemu, onStderr),
  };
}

async function waitForExit(qemu: ChildProcess, program: string): Promise<VmRecord['exit']> {
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      qemu.once('error', reject);
      qemu.once('exit', (...how) => resolve(how));
    },
  ).catch((cause) => {
    throw explainSpawnError(program, cause, 'run `rapido doctor` to see what is missing');
  });
  return signal === null ? { status: status ?? 0 } : { signal };
}

/** How many characters of the end of QEMU's standard error are kept for a hint. */
const STDERR_TAIL = 8192;

async function collectStderr(
  qemu: ChildProcess,
  onStderr: (text: string) => void,
): Promise<string> {
  let said = '';
  const stderr = qemu.stderr as Readable;
  stderr.setEncoding('utf8');
  stderr.on('data', (chunk: string) => {
    onStderr(chunk);
    said = (said + chunk).slice(-STDERR_TAIL);
  });
  await once(stderr, 'close');
  return said;
}

/** Calls `onSignal` for each signal that asks rapido to end, until `stop` is called. */
export function listenToSignals(onSignal: (signal: EndingSignal) => void): { stop: () => void } {
  const listener = (signal: NodeJS.Signals): void => {
    onSignal(signal as EndingSignal); // The listener is only registered for these signals.
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, listener);
  return {
    stop: () => {
      for (const signal of ENDING_SIGNALS) process.off(signal, listener);
    },
  };
}

/** Renames the previous console log, so that a new one can be written. */
export function keepPreviousLog(path: string): void {
  // The output of a guest may contain secrets, for example because of `set -x` in a script.
  makePrivateDirectory(dirname(path));
  try {
    renameSync(path, `${path}.previous`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
