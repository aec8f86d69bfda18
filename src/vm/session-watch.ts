import type { Readable } from 'node:stream';
import type { Deadline } from '../sys/deadline.ts';
import type { GuestEvent } from './guest-events.ts';

/** What the user asked for, in milliseconds; undefined: no limit. */
export interface TimeLimits {
  /** For all VMs of a run together, from the start of the first. */
  total: number | undefined;
  /** Until the first word of the guest's init. */
  boot: number | undefined;
  /** Without any output, console included, once init has been heard: a boot is quiet. */
  silence: number | undefined;
}

/** `crashed`: it may still be telling of it. `stuck`: it runs, but not our init, and has said so. */
export type KernelLoss = 'crashed' | 'stuck';

/** Who hears of what goes on in the VM, as it happens. */
export interface SessionWatch {
  limits: Pick<TimeLimits, 'boot' | 'silence'>;
  /** For the whole session; undefined: none. */
  deadline: Deadline | undefined;
  /** What the command reads; undefined: nothing. */
  stdin: Readable | undefined;
  onStart: (qemuPid: number) => void;
  onEvent: (event: GuestEvent) => void;
  /** A part of the serial console. @returns once the kernel is known to be lost: how */
  onConsole: (chunk: Buffer) => Promise<KernelLoss | undefined>;
  /** A part of the command's output; the next one waits until this is dealt with. */
  onOutput: (name: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>;
  /** Resolves with why the session is to be ended before its time, if it is. */
  ended?: Promise<string> | undefined;
  /** Why rapido has begun to end the VM. */
  onEnding: (why: string) => void;
}
