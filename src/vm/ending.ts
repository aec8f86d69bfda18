import type { EndingSignal } from '../sys/signals.ts';
import type { GuestEvent } from './guest-events.ts';
import { describeShortage, type VmMemory } from './memory-shortage.ts';

/** What is known of a VM that is gone. */
export interface VmRecord {
  /** QEMU's exit status, or the signal that ended it. */
  exit: { status: number } | { signal: string };
  /** The end of what QEMU said on stderr. */
  qemuSaid: string;
  /** `reason` of QMP's SHUTDOWN event (RunState in QEMU's qapi/run-state.json); undefined: none came. */
  shutdown: string | undefined;
  /** Whether the guest's writes to a disk failed for want of room on the host. */
  wasHostFull?: boolean | undefined;
  events: readonly GuestEvent[];
  /** The end of the serial console. */
  consoleTail: string;
  /** undefined: not known. */
  memory?: VmMemory | undefined;
  /** Whether rapido itself ended it, because it got this signal. */
  interruptedBy: EndingSignal | undefined;
}

/** How a VM ended. Only `powered-off` is an orderly end. */
export type VmEnding =
  | { kind: 'powered-off' }
  /** By Ctrl-a x, or `quit` in QEMU's monitor. */
  | { kind: 'quit' }
  | { kind: 'panicked'; message: string }
  /** Without a word: a triple fault, or a reboot that went around rapido's init. */
  | { kind: 'reset' }
  | { kind: 'interrupted'; signal: EndingSignal }
  /** It lacked memory before its init ran, whatever came of that. */
  | { kind: 'no-memory'; message: string }
  /** QEMU failed after the VM had powered off, or after it was told to quit: at closing a disk, mostly. */
  | { kind: 'failed'; status: number; after: 'power-off' | 'quit' }
  /** QEMU said why on stderr. */
  | { kind: 'not-started' }
  | { kind: 'lost'; reason: string };

/** "Kernel panic - not syncing: VFS: …", kernel/panic.c. */
const PANIC = /Kernel panic - not syncing: ?([^\r\n]*)/;

export function judgeEnding(record: VmRecord): VmEnding {
  if (record.interruptedBy !== undefined) {
    return { kind: 'interrupted', signal: record.interruptedBy };
  }
  const shortage = findShortage(record);
  if (shortage !== undefined) return { kind: 'no-memory', message: shortage };
  if ('signal' in record.exit) {
    return { kind: 'lost', reason: `QEMU was killed by ${record.exit.signal}` };
  }
  const { status } = record.exit;
  switch (record.shutdown) {
    case 'guest-shutdown':
      return judgePowerOff(status);
    case 'host-qmp-quit':
    case 'host-ui':
      return status === 0 ? { kind: 'quit' } : { kind: 'failed', status, after: 'quit' };
    case 'host-signal':
      return { kind: 'lost', reason: 'QEMU was asked to end by a signal' };
    case 'guest-reset':
    case 'guest-panic':
      return judgeReset(record, status);
    case undefined:
      return status === 0
        ? { kind: 'lost', reason: 'QEMU ended without saying why' }
        : record.events.length === 0 && record.consoleTail === ''
          ? { kind: 'not-started' }
          : { kind: 'lost', reason: `QEMU failed with status ${status}` };
    default:
      return { kind: 'lost', reason: `QEMU ended: ${record.shutdown}` };
  }
}

function findShortage(record: VmRecord): string | undefined {
  const { events, memory, qemuSaid, consoleTail, shutdown } = record;
  if (events.length > 0) return undefined;
  const isReset = shutdown === 'guest-reset' || shutdown === 'guest-panic';
  return describeShortage({ memory, qemuSaid, consoleTail, isReset });
}

function judgePowerOff(status: number): VmEnding {
  return status === 0 ? { kind: 'powered-off' } : { kind: 'failed', status, after: 'power-off' };
}

function judgeReset(record: VmRecord, status: number): VmEnding {
  const panic = PANIC.exec(record.consoleTail);
  if (panic === null) return { kind: 'reset' };
  // A kernel that cannot power off by itself ends with PID 1, which it calls a panic.
  const orderly = record.events.at(-1)?.event === 'power-off';
  if (orderly && panic[1]?.startsWith('Attempted to kill init!')) return judgePowerOff(status);
  return { kind: 'panicked', message: panic[1] || 'no message' };
}

/** The last line that QEMU said, or that it said none. */
export function lastWordsOf({ qemuSaid }: Pick<VmRecord, 'qemuSaid'>): string {
  return qemuSaid.trim().split('\n').at(-1) || 'it did not say why';
}

/** A QEMU that failed at the end of its VM, in a line. */
export function describeFailure(
  { status, after }: Extract<VmEnding, { kind: 'failed' }>,
  record: Pick<VmRecord, 'qemuSaid'>,
): string {
  const when = after === 'quit' ? 'after it was told to quit' : 'after the VM had powered off';
  return `QEMU failed with status ${status} ${when}: ${lastWordsOf(record)}`;
}

/** Why it is not known whether the kernel complained; undefined: it is known. */
export function unknownComplaints(events: readonly GuestEvent[]): string | undefined {
  if (events.some(({ event }) => event === 'no-log')) {
    return 'the console did not show all of its log, and the guest could not give the rest';
  }
  const end = events.find((event) => event.event === 'power-off');
  if (end === undefined) return 'the guest did not come to the end of its session';
  return end.taint === undefined ? 'the guest could not read /proc/sys/kernel/tainted' : undefined;
}

const KERNEL_REFUSED =
  /could not load PVH image|without PVH ELF Note|linux kernel too old|could not open kernel file|invalid kernel header/;

/** Known complaints of QEMU, and what to do about them. */
const QEMU_HINTS: readonly [RegExp, string][] = [
  [/setpriv: failed to execute/, 'run `rapido doctor` to see what is missing'],
  [
    /error: failed to set MSR|kvm_buf_set_msrs|doesn't support requested feature|unable to find CPU model/,
    'this CPU model does not work here: set VM_CPU in rapido.conf, for example VM_CPU="max" or "qemu64"',
  ],
  [
    /[Cc]ould not access KVM kernel module|failed to initialize kvm/i,
    'set VM_ACCEL="tcg" to emulate',
  ],
  [/[Cc]annot set up guest memory|[Cc]annot allocate memory/, 'ask for less: --memory, VM_MEMORY'],
  [
    /invalid option|Invalid parameter|not a valid device model|unrecognized/i,
    'look at QEMU_EXTRA_ARGS and at what follows `--`',
  ],
  [/-daemonize/, 'take -daemonize out of QEMU_EXTRA_ARGS: rapido stays with the VM'],
  [/is in use|Failed to get "write" lock/, 'another VM uses that disk'],
  [KERNEL_REFUSED, 'is KERNEL_SRC built, or the installed kernel readable?'],
];

/** Whether a QEMU that did not start found fault with the kernel, and not with this host or its own arguments. */
export function refusesKernel(qemuSaid: string): boolean {
  return KERNEL_REFUSED.test(qemuSaid);
}

/** What to do about a QEMU that did not start, from its own words. */
export function hintFor(qemuSaid: string): string | undefined {
  const errors = qemuSaid
    .split('\n')
    .filter((line) => !line.includes(': warning: '))
    .join('\n');
  return QEMU_HINTS.find(([complaint]) => complaint.test(errors))?.[1];
}

/** The autorun scripts that failed, with their status. */
export function failedAutoruns(
  events: readonly GuestEvent[],
): Extract<GuestEvent, { event: 'autorun-end' }>[] {
  return events
    .filter((event) => event.event === 'autorun-end')
    .filter(({ status }) => status !== 0);
}
