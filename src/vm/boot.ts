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

/** How much of the console's end is kept for judging how the VM ended; a panic's trace fits. */
const CONSOLE_TAIL_BYTES = 256 * 1024;

/** Who hears of a VM. */
export interface BootWatch {
  onStart: (vm: LiveVm) => void;
  onEvent: (event: GuestEvent) => void;
  /** What QEMU itself says, as it comes. */
  onWords: (text: string) => void;
  /** Gets the console of a detached VM, as it comes. */
  onConsole?: (chunk: Buffer) => void;
}

/**
 * Starts QEMU and stays until it is gone. A plan whose console leads to the terminal has rapido's own
 * stdin and stdout, and that terminal is given back as it was, however QEMU ends.
 * @throws UserError when QEMU cannot be executed
 */
export async function bootVm(plan: VmPlan, watch: BootWatch): Promise<VmRecord> {
  keepPreviousLog(plan.consoleLog);
  const hasTerminal = plan.console === 'terminal';
  const terminal = hasTerminal && plan.interactive ? saveTerminal() : undefined;
  const qemu = startQemu(plan, watch.onWords);
  let interruptedBy: EndingSignal | undefined;
  const signals = listenToSignals((signal) => {
    qemu.kill(interruptedBy === undefined ? 'SIGTERM' : 'SIGKILL');
    interruptedBy = signal;
  });
  let isOrderly = false;
  try {
    const onLog = (line: string): void => watch.onConsole?.(Buffer.from(`\r\n${line}\r\n`));
    const vm = openLiveVm(qemu, plan, watch.onEvent, onLog);
    const console = hasTerminal ? undefined : hearConsole(qemu.channel('console'), watch);
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
    // Something of ours failed: the VM must not go on without us.
    qemu.kill('SIGKILL');
    await terminal?.restore(!isOrderly);
    signals.stop();
  }
}

/** Ends of a VM that whoever sits at its prompt has asked for. */
const ORDERLY: ReadonlySet<string | undefined> = new Set([
  ...['guest-shutdown', 'host-qmp-quit', 'host-ui'],
]);

/** Resolves when the console has come to its end, whichever way. */
async function hearConsole(channel: Duplex, { onConsole }: BootWatch): Promise<void> {
  channel.on('data', (chunk: Buffer) => onConsole?.(chunk));
  channel.on('error', () => {}); // QEMU is gone, which its exit tells.
  await once(channel, 'close');
}
