import type { EndingSignal } from '../sys/signals.ts';
import type { GuestEvent } from './guest-events.ts';
import { describeShortage, type VmMemory } from './memory-shortage.ts';

/** What is known of a VM that has ended. */
export interface VmRecord {
  /** QEMU's exit status, or the signal that ended it. */
  exit: { status: number } | { signal: string };
  /** The end of QEMU's standard error. */
  qemuSaid: string;
  /** `reason` of QMP's SHUTDOWN event (RunState in QEMU's qapi/run-state.json); undefined: none came. */
  shutdown: string | undefined;
  /** Whether a guest's write to a disk failed because the host's filesystem was full. */
  wasHostFull?: boolean | undefined;
  events: readonly GuestEvent[];
  /** The end of the serial console. */
  consoleTail: string;
  /** undefined: not known. */
  memory?: VmMemory | undefined;
  /** The signal because of which rapido ended the VM; undefined: there was none. */
  interruptedBy: EndingSignal | undefined;
}

/** How a VM ended. Only `powered-off` is an orderly end. */
export type VmEnding =
  | { kind: 'powered-off' }
  /** By Ctrl-a x, or `quit` in QEMU's monitor. */
  | { kind: 'quit' }
  | { kind: 'panicked'; message: string }
  /** A reset without a panic: a triple fault, or a reboot that bypassed rapido's init. */
  | { kind: 'reset' }
  | { kind: 'interrupted'; signal: EndingSignal }
  /** It ran out of memory before init ran, in whatever way that showed. */
  | { kind: 'no-memory'; message: string }
  /** QEMU failed after the VM had powered off, or after a quit command: usually when closing a disk. */
  | { kind: 'failed'; status: number; after: 'power-off' | 'quit' }
  /** QEMU printed the reason on standard error. */
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
  const isSilent = record.events.length === 0 && record.consoleTail === '';
  if ('signal' in record.exit) {
    // An assertion in the set-up of KVM.
    const hasAborted = record.exit.signal === 'SIGABRT' && record.qemuSaid.trim() !== '';
    if (hasAborted && isSilent) return { kind: 'not-started' };
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
      return { kind: 'lost', reason: 'QEMU was terminated by a signal' };
    case 'guest-reset':
    case 'guest-panic':
      return judgeReset(record, status);
    case undefined:
      return status === 0
        ? { kind: 'lost', reason: 'QEMU exited without an error message' }
        : isSilent
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
  // If the kernel cannot power off, PID 1 exits, and the kernel reports that as a panic.
  const orderly = record.events.at(-1)?.event === 'power-off';
  if (orderly && panic[1]?.startsWith('Attempted to kill init!')) return judgePowerOff(status);
  return { kind: 'panicked', message: panic[1] || 'no message' };
}

/** The last line of QEMU's standard error, or a text saying that there is none. */
export function lastErrorLine({ qemuSaid }: Pick<VmRecord, 'qemuSaid'>): string {
  return qemuSaid.trim().split('\n').at(-1) || 'no error message';
}

/** Describes a failure of QEMU after the end of its VM, in one line. */
export function describeFailure(
  { status, after }: Extract<VmEnding, { kind: 'failed' }>,
  record: Pick<VmRecord, 'qemuSaid'>,
): string {
  const when = after === 'quit' ? 'after a quit command' : 'after the VM had powered off';
  return `QEMU failed with status ${status} ${when}: ${lastErrorLine(record)}`;
}

/** Why rapido cannot tell whether the kernel reported a problem; undefined: it can. */
export function whyReportsUnknown(events: readonly GuestEvent[]): string | undefined {
  if (events.some(({ event }) => event === 'no-log')) {
    return 'the console did not show the whole kernel log, and the guest could not supply the rest';
  }
  const end = events.find((event) => event.event === 'power-off');
  if (end === undefined) return 'the session in the guest did not reach its end';
  return end.taint === undefined ? 'the guest could not read /proc/sys/kernel/tainted' : undefined;
}

const KERNEL_REFUSED =
  /could not load PVH image|without PVH ELF Note|linux kernel too old|could not open kernel file|invalid kernel header/;

/** Known error messages of QEMU, each with a hint. */
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
  [/[Cc]annot set up guest memory|[Cc]annot allocate memory/, 'reduce --memory or VM_MEMORY'],
  [
    /invalid option|Invalid parameter|not a valid device model|unrecognized/i,
    'check QEMU_EXTRA_ARGS and the arguments after `--`',
  ],
  [/-daemonize/, 'remove -daemonize from QEMU_EXTRA_ARGS: rapido waits for QEMU itself'],
  [/is in use|Failed to get "write" lock/, 'another VM uses that disk'],
  [KERNEL_REFUSED, 'check that KERNEL_SRC is built, or that the installed kernel is readable'],
];

/** Whether QEMU did not start because of the kernel, and not because of the host or its arguments. */
export function refusesKernel(qemuSaid: string): boolean {
  return KERNEL_REFUSED.test(qemuSaid);
}

/** @returns a hint for QEMU's error message; undefined: the message is not known */
export function hintFor(qemuSaid: string): string | undefined {
  const errors = qemuSaid
    .split('\n')
    .filter((line) => !line.includes(': warning: '))
    .join('\n');
  return QEMU_HINTS.find(([complaint]) => complaint.test(errors))?.[1];
}

/** The autorun scripts that failed, with their exit status. */
export function failedAutoruns(
  events: readonly GuestEvent[],
): Extract<GuestEvent, { event: 'autorun-end' }>[] {
  return events
    .filter((event) => event.event === 'autorun-end')
    .filter(({ status }) => status !== 0);
}
