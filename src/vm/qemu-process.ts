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

/** A QEMU that runs. */
export interface QemuProcess {
  pid: number | undefined;
  qmp: Qmp;
  /** rapido's end of what QEMU has as that file descriptor. */
  channel: (name: keyof typeof QEMU_FD) => Duplex;
  kill: (signal: 'SIGTERM' | 'SIGKILL') => void;
  /** Rejects with a UserError when QEMU cannot be executed. */
  exited: Promise<VmRecord['exit']>;
  /** The end of what it says on stderr, when it is over. */
  said: Promise<string>;
}

/**
 * Starts QEMU, which dies with rapido.
 * @param onWords gets what QEMU says on stderr, as it comes
 */
export function startQemu(plan: VmPlan, onWords: (text: string) => void): QemuProcess {
  const hasTerminal = plan.console === 'terminal';
  const stdio: StdioOptions = [
    hasTerminal && plan.interactive ? 'inherit' : 'ignore',
    hasTerminal ? 'inherit' : 'ignore',
    'pipe',
    ...Array.from({ length: channelCount(plan) }, () => 'pipe' as const),
  ];
  // Who can connect to its QMP socket can have it run any program.
  const qemu = withPrivateUmask(() =>
    startTool(qemuCommandLine(plan), {
      stdio,
      // Its arguments may be the user's own: displays, sound and proxies are told by variables.
      environment: 'inherited',
      // QEMU gives back the terminal on SIGTERM, but not when it is killed.
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
    said: hearWords(qemu, onWords),
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

/** How much of QEMU's own words is kept for a hint, in characters. */
const WORDS = 8192;

async function hearWords(qemu: ChildProcess, onWords: (text: string) => void): Promise<string> {
  let said = '';
  const stderr = qemu.stderr as Readable;
  stderr.setEncoding('utf8');
  stderr.on('data', (chunk: string) => {
    onWords(chunk);
    said = (said + chunk).slice(-WORDS);
  });
  await once(stderr, 'close');
  return said;
}

/** Calls `onSignal` for each signal that asks rapido to end, until `stop` is called. */
export function listenToSignals(onSignal: (signal: EndingSignal) => void): { stop: () => void } {
  const listener = (signal: NodeJS.Signals): void => {
    onSignal(signal as EndingSignal); // Nothing else is listened to.
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, listener);
  return {
    stop: () => {
      for (const signal of ENDING_SIGNALS) process.off(signal, listener);
    },
  };
}

/** Makes room for a new console log, and keeps the one before. */
export function keepPreviousLog(path: string): void {
  // What a guest shows may be secret: `set -x` in a script is enough.
  makePrivateDirectory(dirname(path));
  try {
    renameSync(path, `${path}.previous`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
