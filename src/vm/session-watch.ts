import type { Readable } from 'node:stream';
import type { Deadline } from '../sys/deadline.ts';
import type { GuestEvent } from './guest-events.ts';
import type { Qmp } from './qmp.ts';

/** The time limits of a run, in milliseconds; undefined: no limit. */
export interface TimeLimits {
  /** For all VMs of a run together, from the start of the first. */
  total: number | undefined;
  /** Until the first message of the guest's init. */
  boot: number | undefined;
  /** Without any output, console included. It applies only after the first message of init, because a boot is quiet. */
  silence: number | undefined;
}

/** `crashed`: the kernel may still print its report. `stuck`: it has reported that it cannot run init. */
export type KernelLoss = 'crashed' | 'stuck';

/** The limits, the input and the callbacks of a session. */
export interface SessionWatch {
  limits: Pick<TimeLimits, 'boot' | 'silence'>;
  /** For the whole session; undefined: none. */
  deadline: Deadline | undefined;
  /** The standard input of the command; undefined: none. */
  stdin: Readable | undefined;
  onStart: (qemuPid: number) => void;
  onEvent: (event: GuestEvent) => void;
  /** Receives a part of the serial console. @returns how the kernel was lost, once that is known */
  onConsole: (chunk: Buffer) => Promise<KernelLoss | undefined>;
  /** Receives a part of the command's output. The next part is not read until the promise resolves. */
  onOutput: (name: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>;
  /** Resolves with a reason if the session is to be ended early. */
  ended?: Promise<string> | undefined;
  /**
   * Dumps the memory of a VM whose kernel crashed, or that reached a limit, before it is ended. Reports its own
   * failures.
   */
  dump?: ((qmp: Qmp) => Promise<void>) | undefined;
  /** Called with the reason when rapido begins to end the VM. */
  onEnding: (why: string) => void;
}
