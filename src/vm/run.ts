import { readTail } from '../sys/read-tail.ts';
import type { EndingSignal } from '../sys/signals.ts';
import { saveTerminal } from '../sys/terminal-mode.ts';
import { openControlChannel } from './control-channel.ts';
import type { VmRecord } from './ending.ts';
import type { GuestEvent } from './guest-events.ts';
import type { VmPlan } from './plan.ts';
import { keepPreviousLog, listenToSignals, startQemu } from './qemu-process.ts';

/** How much of the console's end is kept for judging how the VM ended; a panic's trace fits. */
const CONSOLE_TAIL_BYTES = 256 * 1024;

/**
 * Starts QEMU with the console on rapido's own stdin and stdout, and stays until it is gone. The
 * terminal is given back as it was, however QEMU ends.
 * @throws UserError when QEMU cannot be executed
 */
export async function runVm(plan: VmPlan, onStart: (qemuPid: number) => void): Promise<VmRecord> {
  keepPreviousLog(plan.consoleLog);
  const restoreTerminal = plan.interactive ? saveTerminal() : () => {};
  // QEMU's own words go to the user as they come.
  const qemu = startQemu(plan, (words) => process.stderr.write(words));
  let interruptedBy: EndingSignal | undefined;
  const signals = listenToSignals((signal) => {
    qemu.kill(interruptedBy === undefined ? 'SIGTERM' : 'SIGKILL');
    interruptedBy = signal;
  });
  try {
    if (qemu.pid !== undefined) onStart(qemu.pid);
    const events: GuestEvent[] = [];
    const control = openControlChannel(qemu.channel('control'), (event) => events.push(event));
    const exit = await qemu.exited;
    await Promise.all([qemu.qmp.closed, control.closed]);
    return {
      exit,
      qemuSaid: await qemu.said,
      shutdown: qemu.qmp.shutdown(),
      events,
      consoleTail: readTail(plan.consoleLog, CONSOLE_TAIL_BYTES),
      interruptedBy,
    };
  } finally {
    // Something of ours failed: the VM must not go on without us.
    qemu.kill('SIGKILL');
    signals.stop();
    restoreTerminal();
  }
}
