import { readTail } from '../sys/read-tail.ts';
import type { EndingSignal } from '../sys/signals.ts';
import { saveTerminal } from '../sys/terminal-mode.ts';
import { readConsole } from './console.ts';
import type { VmRecord } from './ending.ts';
import type { GuestEvent } from './guest-events.ts';
import { memoryOf } from './memory-shortage.ts';
import type { VmPlan } from './plan.ts';
import { keepPreviousLog, listenToSignals, startQemu } from './qemu-process.ts';
import { connectToVm, type RunningVm } from './running-vm.ts';

/** How much of the end of the console log is used to judge how the VM ended; the trace of a panic fits in. */
const CONSOLE_TAIL_BYTES = 256 * 1024;

/** Callbacks of a boot. */
export interface BootWatch {
  onStart: (vm: RunningVm) => void;
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
    const console = hasTerminal
      ? undefined
      : readConsole(qemu.channel('console'), (chunk) => watch.onConsole?.(chunk));
    const vm = connectToVm(qemu, plan, watch.onEvent, (line) => console?.addLine(line));
    watch.onStart(vm);
    const { closed } = vm.control;
    const exit = await qemu.exited;
    await Promise.all([qemu.qmp.closed, closed, console?.received(closed)]);
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
  'guest-shutdown',
  'host-qmp-quit',
  'host-ui',
]);
