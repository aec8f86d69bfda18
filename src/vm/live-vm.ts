import { within } from '../sys/awake-clock.ts';
import { type ControlChannel, openControlChannel } from './control-channel.ts';
import { createGuestCommands, type GuestCommands } from './guest-commands.ts';
import type { GuestEvent } from './guest-events.ts';
import type { VmPlan } from './plan.ts';
import type { QemuProcess } from './qemu-process.ts';
import { quit } from './session-ender.ts';

/** A VM that runs and has nothing better to do than what it is asked. */
export interface LiveVm {
  pid: number | undefined;
  commands: GuestCommands;
  /** What the guest's session has told so far. */
  events: GuestEvent[];
  control: ControlChannel;
  /** What is typed at a console that leads to rapido. */
  type: (keys: Buffer) => void;
  /** Powers it off in order, and by force where that takes too long. */
  stop: () => Promise<StopOutcome>;
}

export type StopOutcome = 'powered-off' | 'forced';

/** How long a guest may take to power off, in milliseconds. */
const POWER_OFF_GRACE = { kvm: 10_000, tcg: 30_000 } as const;

/**
 * Connects with the session of a QEMU that was just started.
 * @param onLog gets lines of the kernel's log that its console may not have shown
 */
export function openLiveVm(
  qemu: QemuProcess,
  plan: VmPlan,
  onEvent: (event: GuestEvent) => void,
  onLog: (line: string) => void,
): LiveVm {
  const events: GuestEvent[] = [];
  const hear = (event: GuestEvent): void => {
    events.push(event);
    commands.onEvent(event);
    onEvent(event);
  };
  const control = openControlChannel(qemu.channel('control'), hear, onLog);
  const commands = createGuestCommands(qemu, control, plan.channel);
  control.closed.then(commands.end, commands.end);
  let stopping: Promise<StopOutcome> | undefined;
  const stop = async (): Promise<StopOutcome> => {
    commands.powerOff();
    const grace = POWER_OFF_GRACE[plan.accelerator.kind];
    // A guest that never came up does not hear us.
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
