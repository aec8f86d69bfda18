import { within } from '../sys/awake-clock.ts';
import { type ControlChannel, openControlChannel } from './control-channel.ts';
import { createGuestCommands, type GuestCommands } from './guest-commands.ts';
import type { GuestEvent } from './guest-events.ts';
import type { VmPlan } from './plan.ts';
import type { QemuProcess } from './qemu-process.ts';
import { quit } from './session-ender.ts';

/** A running VM without a test, which accepts requests. */
export interface RunningVm {
  pid: number | undefined;
  commands: GuestCommands;
  /** The messages of the guest's session so far. */
  events: GuestEvent[];
  control: ControlChannel;
  /** Sends keys to a console that is connected to rapido. */
  type: (keys: Buffer) => void;
  /** Has the guest power off; if that takes too long, has QEMU quit, or kills it. */
  stop: () => Promise<StopEnding>;
}

export type StopEnding = 'powered-off' | 'forced';

/** How long a guest may take to power off, in milliseconds. */
const POWER_OFF_GRACE = { kvm: 10_000, tcg: 30_000 } as const;

/**
 * Connects to the session of a VM whose QEMU has just started.
 * @param onLog receives lines of the kernel log that the console may not have shown
 */
export function connectToVm(
  qemu: QemuProcess,
  plan: VmPlan,
  onEvent: (event: GuestEvent) => void,
  onLog: (line: string) => void,
): RunningVm {
  const events: GuestEvent[] = [];
  const receive = (event: GuestEvent): void => {
    events.push(event);
    commands.onEvent(event);
    onEvent(event);
  };
  const control = openControlChannel(qemu.channel('control'), receive, onLog);
  const commands = createGuestCommands(qemu, control, plan.channel);
  control.closed.then(commands.end, commands.end);
  let stopping: Promise<StopEnding> | undefined;
  const stop = async (): Promise<StopEnding> => {
    commands.powerOff();
    const grace = POWER_OFF_GRACE[plan.accelerator.kind];
    // A guest whose init has not reported cannot receive the request.
    const outcome = events.length === 0 ? 'late' : await within(grace, qemu.exited, 'late');
    if (outcome !== 'late') return 'powered-off';
    await quit(qemu);
    await qemu.exited;
    return 'forced';
  };
  return {
    pid: qemu.pid,
    commands,
    events,
    control,
    type: (keys) => {
      qemu.channel('console').write(keys);
    },
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
