import { basename } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Architecture } from '../host/architecture.ts';
import type { KvmState } from '../host/kvm.ts';
import type { ChannelKind } from '../image/plan.ts';
import { networkParameters, type VmNetwork } from '../net/vm-network.ts';
import { type DiskPlan, disksParameter } from './disks.ts';
import { type SharedDirectory, sharesParameter } from './shares.ts';

/** The complete description of a VM that is about to start, as plain data. */
export interface VmPlan {
  version: 1;
  /** 1, 2, …: unique among the running VMs of this user. */
  number: number;
  hostname: string;
  qemu: string;
  architecture: Architecture['name'];
  accelerator: Accelerator;
  /** QEMU's machine type; undefined: its default. */
  machine: string | undefined;
  /** QEMU's CPU model. */
  cpu: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  /** The memory in bytes that unpacking the image needs. The user may have chosen less for the VM. */
  memoryToUnpack: number;
  kernel: string;
  initramfs: string;
  /** What the serial console is connected to: QEMU's terminal, or rapido. */
  console: 'terminal' | 'rapido';
  /** Whether the guest ends with a shell at the console. */
  interactive: boolean;
  /** Set for an unattended run: `rapido run`. */
  session: SessionPlan | undefined;
  /** Kernel parameters, in order: the kernel uses the last one for each setting. */
  parameters: string[];
  /** The file to which every byte of the serial console is written. */
  consoleLog: string;
  /** The Unix socket of a QMP monitor for other processes. */
  monitorSocket: string;
  pidFile: string;
  /** The Unix socket at which QEMU waits for a debugger before the first instruction; undefined: it does not wait. */
  gdbSocket: string | undefined;
  /** Host directory to share over 9p, mounted at /host. */
  sharedDirectory: string | undefined;
  /** Further directories of the host that the VM offers over 9p. */
  directories: SharedDirectory[];
  disks: DiskPlan[];
  /** undefined: the VM has no network. */
  network: VmNetwork | undefined;
  /** The kind of channel between the guest and rapido, besides the console. */
  channel: ChannelKind;
  extraArguments: string[];
}

/** What a session of `rapido run` has besides the console and the control channel. */
export interface SessionPlan {
  /** Whether the command has an input stream. */
  stdin: boolean;
  /** Host directory that the guest mounts (9p) at /rapido/results; undefined: it cannot mount it. */
  results: string | undefined;
  /** Whether the kernel keeps running after an oops. */
  survivesOops: boolean;
  /** Whether the kernel log may contain results of tests, as those of kunit. */
  readsKernelLog: boolean;
  /** Whether the kernel searches for memory leaks at the end. */
  scansLeaks?: boolean | undefined;
  /** Whether the VM stays after a panic, so that its memory can be dumped. */
  staysAfterPanic?: boolean | undefined;
}

export interface Accelerator {
  kind: 'kvm' | 'tcg';
  /** The reason for emulation if the user did not request it. */
  reason: string | undefined;
}

export interface VmSpec {
  number: number;
  hostname: string | undefined;
  architecture: Architecture;
  kvm: KvmState;
  accelerator: 'auto' | 'kvm' | 'tcg';
  cpu: string | undefined;
  cpus: number;
  /** Bytes. */
  memory: number;
  memoryToUnpack: number;
  kernel: string;
  initramfs: string;
  consoleLog: string;
  monitorSocket: string;
  pidFile: string;
  gdbSocket: string | undefined;
  sharedDirectory: string | undefined;
  directories: readonly SharedDirectory[];
  disks: readonly DiskPlan[];
  network: VmNetwork | undefined;
  channel: ChannelKind;
  /** QEMU_EXTRA_ARGS and the arguments after `--`. */
  extraArguments: readonly string[];
  /** QEMU_EXTRA_KERNEL_PARAMS, quoted as the kernel requires. */
  extraParameters: string | undefined;
  dynamicDebug: { modules: readonly string[]; files: readonly string[] };
  /** The terminal at the console; undefined: the boot is unattended. */
  terminal: Terminal | undefined;
  /** Whether the VM runs in the background: the console is connected to rapido, and viewers may attach later. */
  detached: boolean;
  /** Set if the kernel log is judged without a session. survivesOops: whether the kernel continues after an oops. */
  judged?: { survivesOops: boolean } | undefined;
  session: SessionPlan | undefined;
}

export interface Terminal {
  rows: number;
  columns: number;
  /** $TERM */
  type: string | undefined;
}

export function planVm(spec: VmSpec): VmPlan {
  const { architecture } = spec;
  const accelerator = chooseAccelerator(spec.accelerator, spec.kvm);
  const hostname = spec.hostname ?? `rapido${spec.number}`;
  const parameters = kernelParameters(spec, hostname, accelerator);
  refuseTooLong(parameters);
  return {
    version: 1,
    number: spec.number,
    hostname,
    qemu: architecture.qemu,
    architecture: architecture.name,
    accelerator,
    machine: chooseMachine(spec, accelerator),
    cpu: spec.cpu ?? (accelerator.kind === 'kvm' ? 'host' : 'max'),
    cpus: spec.cpus,
    memory: spec.memory,
    memoryToUnpack: spec.memoryToUnpack,
    kernel: spec.kernel,
    initramfs: spec.initramfs,
    console: spec.detached || spec.session !== undefined ? 'rapido' : 'terminal',
    interactive: spec.terminal !== undefined,
    session: spec.session,
    parameters,
    consoleLog: spec.consoleLog,
    monitorSocket: spec.monitorSocket,
    pidFile: spec.pidFile,
    gdbSocket: spec.gdbSocket,
    sharedDirectory: spec.sharedDirectory,
    directories: [...spec.directories],
    disks: [...spec.disks],
    network: spec.network,
    channel: spec.channel,
    extraArguments: [...spec.extraArguments],
  };
}

/** COMMAND_LINE_SIZE of x86 and arm64, minus the NUL. With a longer one, the kernel prints nothing at all. */
const COMMAND_LINE_BYTES = 2047;

function refuseTooLong(parameters: readonly string[]): void {
  const bytes = Buffer.byteLength(parameters.join(' '));
  if (bytes <= COMMAND_LINE_BYTES) return;
  throw new UsageError(
    `the kernel command line has ${bytes} bytes; the limit is ${COMMAND_LINE_BYTES}`,
    {
      hint: 'shorten --append, --share, QEMU_EXTRA_KERNEL_PARAMS, DYN_DEBUG_MODULES or DYN_DEBUG_FILES, or remove sections [vmN]: every VM gets the addresses of all of them',
    },
  );
}

/** @throws UsageError if KVM is requested and /dev/kvm cannot be opened */
export function chooseAccelerator(wanted: VmSpec['accelerator'], kvm: KvmState): Accelerator {
  if (wanted === 'tcg') return { kind: 'tcg', reason: undefined };
  if (kvm.usable) return { kind: 'kvm', reason: undefined };
  if (wanted === 'auto') return { kind: 'tcg', reason: kvm.reason };
  // The CPU flags are only a hint; a user who requests KVM may know better.
  if (kvm.deviceOpens) return { kind: 'kvm', reason: undefined };
  throw new UsageError(`VM_ACCEL: KVM does not work: ${kvm.reason}`, {
    hint: 'VM_ACCEL="auto" falls back to emulation',
  });
}

/**
 * Whether the kernel may be at other addresses than its symbols. On x86, a bzImage chooses its address when it
 * unpacks itself, and a vmlinux stays where it was linked.
 * @param config the text of the kernel configuration; undefined: not known
 */
export function isRandomized(
  { architecture, kernel, parameters }: Pick<VmPlan, 'architecture' | 'kernel' | 'parameters'>,
  config: string | undefined,
): boolean {
  if (architecture === 'x86_64' && /vmlinux/.test(basename(kernel))) return false;
  if (/\bnokaslr\b/.test(parameters.join(' '))) return false;
  return config === undefined || /^CONFIG_RANDOMIZE_BASE=y$/m.test(config);
}

/** Arguments that depend on the default PC machine, or select another machine. */
const OWN_MACHINE = /^--?(machine|M)$|\bpci\.0\b/;

/**
 * Under emulation, q35 boots faster than QEMU's default PC, on which the kernel interprets ACPI code for each PCI
 * device that it initialises: 0.15 s per device. On q35, that takes almost no time.
 */
function chooseMachine(
  { architecture, extraArguments }: VmSpec,
  accelerator: Accelerator,
): string | undefined {
  if (architecture.name === 'aarch64') return 'virt,gic-version=max';
  const isOwn = extraArguments.some((argument) => OWN_MACHINE.test(argument));
  return accelerator.kind === 'tcg' && !isOwn ? 'q35' : undefined;
}

/** Parameters with which the user sets what the console shows. */
const LOG_LEVEL_PARAMETERS = /(^|\s)(loglevel=|quiet(\s|$)|debug(\s|$)|ignore_loglevel)/;

/** Parameters that would keep kernel reports off the console. */
const SILENCING_PARAMETERS = /(^|\s)(loglevel=[0-6]|quiet)(\s|$)/;

function kernelParameters(spec: VmSpec, hostname: string, accelerator: Accelerator): string[] {
  const { architecture, terminal, dynamicDebug, extraParameters } = spec;
  const { session, judged = session } = spec;
  const ownLogLevel = LOG_LEVEL_PARAMETERS.test(extraParameters ?? '');
  const shares = sharesParameter(spec.directories);
  const disks = disksParameter(spec.disks, spec.extraArguments);
  const mustBeLouder = judged !== undefined && SILENCING_PARAMETERS.test(extraParameters ?? '');
  return [
    `console=${architecture.console}`,
    'rdinit=/init',
    // A panic ends the VM at once: the kernel reboots, and with -no-reboot QEMU exits instead.
    session?.staysAfterPanic === true ? 'panic=0' : 'panic=-1',
    // Printing every message of a boot takes time, so only warnings and worse are shown. Once the guest's init
    // runs, everything is shown; in a session, even if the user's parameters say otherwise.
    ...(ownLogLevel ? [] : ['loglevel=5']),
    ...(!ownLogLevel || mustBeLouder ? ['rapido.loglevel=7'] : []),
    // A debugger needs the addresses of vmlinux.
    ...(spec.gdbSocket === undefined ? [] : ['nokaslr']),
    ...(judged === undefined ? [] : diagnosticParameters(judged, architecture)),
    ...(session === undefined ? [] : sessionParameters(session)),
    `rapido.vm_num=${spec.number}`,
    `rapido.hostname=${hostname}`,
    ...(accelerator.kind === 'tcg' ? emulationParameters(architecture) : []),
    ...(spec.channel === 'serial' ? [`rapido.channel=${architecture.secondSerial}`] : []),
    ...(terminal === undefined ? [] : terminalParameters(terminal)),
    ...(spec.sharedDirectory === undefined ? [] : [`rapido.virtfs=${MOUNT_TAG.share}`]),
    ...(shares === undefined ? [] : [`rapido.shares=${shares}`]),
    ...(disks === undefined ? [] : [`rapido.disks=${disks}`]),
    ...(spec.network === undefined ? [] : networkParameters(spec.network)),
    ...dynamicDebug.modules.map((name) => `${name}.dyndbg=+pf`),
    ...(dynamicDebug.files.length === 0
      ? []
      : [`dyndbg="${dynamicDebug.files.map((file) => `file ${file} +pf`).join('; ')}"`]),
    ...(extraParameters === undefined ? [] : [extraParameters]),
  ];
}

/**
 * Under emulation test suites extend their time limits, and an x86 kernel must not test its timer interrupt: it counts
 * the interrupts of ten ticks, and on a busy host QEMU delivers too few of them (`panic: IO-APIC + timer doesn't work!`).
 * Under KVM the kernel skips that test by itself.
 */
function emulationParameters({ name }: Architecture): string[] {
  return ['rapido.emulated=1', ...(name === 'x86_64' ? ['no_timer_check'] : [])];
}

/**
 * Parameters that a reliable verdict needs: timestamps in the kernel log, a panic after an oops, because no later
 * result can be trusted, and sysrq, or at least an NMI, to get backtraces from a guest that hangs.
 */
function diagnosticParameters(
  { survivesOops }: { survivesOops: boolean },
  { name, console }: Architecture,
): string[] {
  return [
    'printk.time=1',
    'sysrq_always_enabled',
    // The session sends the host the kernel log that this console may not have shown.
    `rapido.judged=${console}`,
    ...(name === 'x86_64' ? ['unknown_nmi_panic'] : []),
    ...(survivesOops ? [] : ['oops=panic']),
  ];
}

/**
 * Size of the kernel log buffer. The default of most kernels, 128 or 256 KiB, is too small: the session sends the log
 * at the end if a test has lowered the console log level, and the results of kunit are read from `dmesg`; those of 700
 * suites are larger than the default. With its records, the buffer takes 4.5 times as much memory.
 */
const LOG_BUFFER = { ofSession: '1M', ofTests: '4M' } as const;

function sessionParameters({ stdin, results, readsKernelLog, scansLeaks }: SessionPlan): string[] {
  return [
    'rapido.run=1',
    `log_buf_len=${readsKernelLog ? LOG_BUFFER.ofTests : LOG_BUFFER.ofSession}`,
    // CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF
    ...(scansLeaks === true ? ['kmemleak=on', 'rapido.kmemleak=1'] : []),
    ...(stdin ? ['rapido.stdin=1'] : []),
    ...(results === undefined ? [] : [`rapido.results=${MOUNT_TAG.results}`]),
  ];
}

/** Mount tags of the host directories that a guest mounts over 9p. */
export const MOUNT_TAG = { share: 'host0', results: 'results0' } as const;

function terminalParameters(terminal: Terminal): string[] {
  const type = terminal.type !== undefined && /^[\w.+-]+$/.test(terminal.type);
  return [
    'rapido.interactive=1',
    `rapido.tty=${terminal.rows}x${terminal.columns}`,
    ...(type ? [`rapido.term=${terminal.type}`] : []),
  ];
}
