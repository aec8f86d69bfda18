import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { readTail } from '../sys/read-tail.ts';
import type { EndingSignal } from '../sys/signals.ts';
import { saveTerminal } from '../sys/terminal-mode.ts';
import type { VmRecord } from './ending.ts';
import type { GuestEvent } from './guest-events.ts';
import { type LiveVm, openLiveVm } from './live-vm.ts';
import { memoryOf } from './memory-shortage.ts';
import type { VmPlan } from './plan.ts';
import { keepPreviousLog, listenToSignals, startQemu } from './qemu-process.ts';

/** How much of the end of the console log is used to judge how the VM ended; the trace of a panic fits in. */
const CONSOLE_TAIL_BYTES = 256 * 1024;

/** Callbacks of a boot. */
export interface BootWatch {
  onStart: (vm: LiveVm) => void;
  onEvent: (event: GuestEvent) => void;
  /** Receives QEMU's standard error as it arrives. */
  onStderr: (text: string) => void;
  /** Receives the console of a detached VM as it arrives. */
  onConsole?: (chunk: Buffer) => void;
}

/**
 * Starts QEMU and waits until it ends. If the plan's console is the terminal, QEMU inherits rapido's standard
 * input and output, and the terminal is restored however QEMU ends.
 * @throws UserError if QEMU cannot be executed
 */
export async function bootVm(plan: VmPlan, watch: BootWatch): Promise<VmRecord> {
  keepPreviousLog(plan.consoleLog);
  const hasTerminal = plan.console === 'terminal';
  const terminal = hasTerminal && plan.interactive ? saveTerminal() : undefined;
  const qemu = startQemu(plan, watch.onStderr);
  let interruptedBy: EndingSignal | undefined;
  const signals = listenToSignals((signal) => {
    qemu.kill(interruptedBy === undefined ? 'SIGTERM' : 'SIGKILL');
    interruptedBy = signal;
  });
  let isOrderly = false;
  try {
    const onLog = (line: string): void => watch.onConsole?.(Buffer.from(`\r\n${line}\r\n`));
    const vm = openLiveVm(qemu, plan, watch.onEvent, onLog);
    const console = hasTerminal ? undefined : receiveConsole(qemu.channel('console'), watch);
    watch.onStart(vm);
    const exit = await qemu.exited;
    await Promise.all([qemu.qmp.closed, vm.control.closed, console]);
    isOrderly = ORDERLY.has(qemu.qmp.shutdown());
    return {
      exit,
      memory: memoryOf(plan),
      qemuSaid: await qemu.said,
      shutdown: qemu.qmp.shutdown(),
      wasHostFull: qemu.qmp.wasHostFull() || undefined,
      events: vm.events,
      consoleTail: readTail(plan.consoleLog, CONSOLE_TAIL_BYTES),
      interruptedBy,
    };
  } finally {
    // After an error in rapido itself, the VM must not keep running.
    qemu.kill('SIGKILL');
    await terminal?.restore(!isOrderly);
    signals.stop();
  }
}

/** The SHUTDOWN reasons of an end that the user requested at the console. */
const ORDERLY: ReadonlySet<string | undefined> = new Set([
  ...['guest-shutdown', 'host-qmp-quit', 'host-ui'],
]);

/** Passes the console to `onConsole`. Resolves when the channel is closed, with or without an error. */
async function receiveConsole(channel: Duplex, { onConsole }: BootWatch): Promise<void> {
  channel.on('data', (chunk: Buffer) => onConsole?.(chunk));
  channel.on('error', () => {}); // QEMU has ended; its exit status says how.
  await once(channel, 'close');
}
