import { UsageError } from '../errors.ts';
import type { Architecture } from '../host/architecture.ts';
import type { KvmState } from '../host/kvm.ts';
import type { ChannelKind } from '../image/plan.ts';
import { networkParameters, type VmNetwork } from '../net/vm-network.ts';
import { type DiskPlan, disksParameter } from './disks.ts';

/** Everything about a VM that is about to start, as plain data. */
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
  /** Bytes of memory that unpacking the image takes: of those, if the user does not want less. */
  memoryToUnpack: number;
  kernel: string;
  initramfs: string;
  /** Where the serial console leads: to the terminal that QEMU has, or to rapido. */
  console: 'terminal' | 'rapido';
  /** A shell stands at the console in the end. */
  interactive: boolean;
  /** A command runs there with nobody watching: `rapido run`. */
  session: SessionPlan | undefined;
  /** Kernel parameters, in order: of two for the same thing, the kernel takes the later. */
  parameters: string[];
  /** File that gets every byte of the serial console. */
  consoleLog: string;
  /** Unix socket on which QEMU answers QMP, for other processes. */
  monitorSocket: string;
  pidFile: string;
  /** Host directory to share over 9p, mounted at /host. */
  sharedDirectory: string | undefined;
  disks: DiskPlan[];
  /** undefined: it has none. */
  network: VmNetwork | undefined;
  /** How the guest talks to rapido beside the console. */
  channel: ChannelKind;
  extraArguments: string[];
}

/** What a session of `rapido run` has beside the console and the control channel. */
export interface SessionPlan {
  /** Whether the command has an input. */
  stdin: boolean;
  /** Host directory that the guest gets (9p) as /rapido/results; undefined: it cannot mount it. */
  results: string | undefined;
  /** Whether the kernel goes on after an oops. */
  survivesOops: boolean;
  /** Whether results of tests may stand in the kernel's log: kunit prints them there. */
  readsKernelLog: boolean;
}

export interface Accelerator {
  kind: 'kvm' | 'tcg';
  /** Why it is emulation, where the user did not ask for that. */
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
  sharedDirectory: string | undefined;
  disks: readonly DiskPlan[];
  network: VmNetwork | undefined;
  channel: ChannelKind;
  /** QEMU_EXTRA_ARGS and what follows `--`. */
  extraArguments: readonly string[];
  /** QEMU_EXTRA_KERNEL_PARAMS, quoted as the kernel wants it. */
  extraParameters: string | undefined;
  dynamicDebug: { modules: readonly string[]; files: readonly string[] };
  /** The terminal at the console; undefined when nobody is watching. */
  terminal: Terminal | undefined;
  /** Whether the console is rapido's, and the terminal somebody's who may come later. */
  detached: boolean;
  /** Whether the kernel's log is judged, as that of a session is, and whether it survives an oops. */
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
    sharedDirectory: spec.sharedDirectory,
    disks: [...spec.disks],
    network: spec.network,
    channel: spec.channel,
    extraArguments: [...spec.extraArguments],
  };
}

/** COMMAND_LINE_SIZE of x86 and arm64, bar the NUL. A kernel that gets more does not say a word. */
const COMMAND_LINE_BYTES = 2047;

function refuseTooLong(parameters: readonly string[]): void {
  const bytes = Buffer.byteLength(parameters.join(' '));
  if (bytes <= COMMAND_LINE_BYTES) return;
  throw new UsageError(
    `the kernel's command line would have ${bytes} bytes, ${COMMAND_LINE_BYTES} are possible`,
    {
      hint: 'shorten QEMU_EXTRA_KERNEL_PARAMS, DYN_DEBUG_MODULES or DYN_DEBUG_FILES; have fewer sections [vmN], whose addresses each VM gets',
    },
  );
}

/** @throws UsageError where KVM is asked for and cannot be opened */
export function chooseAccelerator(wanted: VmSpec['accelerator'], kvm: KvmState): Accelerator {
  if (wanted === 'tcg') return { kind: 'tcg', reason: undefined };
  if (kvm.usable) return { kind: 'kvm', reason: undefined };
  if (wanted === 'auto') return { kind: 'tcg', reason: kvm.reason };
  // What the CPU says of itself is a hint; who asks for KVM may know better.
  if (kvm.deviceOpens) return { kind: 'kvm', reason: undefined };
  throw new UsageError(`VM_ACCEL: KVM cannot be used: ${kvm.reason}`, {
    hint: 'VM_ACCEL="auto" falls back to emulation',
  });
}

/** What only the default machine of a PC has, or another machine altogether. */
const OWN_MACHINE = /^--?(machine|M)$|\bpci\.0\b/;

/**
 * On QEMU's default PC the kernel interprets ACPI code for each PCI device that it takes into use, which
 * emulated costs 0.15 s each; on a q35 nearly nothing.
 */
function chooseMachine(
  { architecture, extraArguments }: VmSpec,
  accelerator: Accelerator,
): string | undefined {
  if (architecture.name === 'aarch64') return 'virt,gic-version=max';
  const isOwn = extraArguments.some((argument) => OWN_MACHINE.test(argument));
  return accelerator.kind === 'tcg' && !isOwn ? 'q35' : undefined;
}

/** Parameters with which users decide themselves what the console shows. */
const LOG_LEVEL_PARAMETERS = /(^|\s)(loglevel=|quiet(\s|$)|debug(\s|$)|ignore_loglevel)/;

/** Those with which complaints of the kernel would not be seen. */
const SILENCING_PARAMETERS = /(^|\s)(loglevel=[0-6]|quiet)(\s|$)/;

function kernelParameters(spec: VmSpec, hostname: string, accelerator: Accelerator): string[] {
  const { architecture, terminal, dynamicDebug, extraParameters } = spec;
  const { session, judged = session } = spec;
  const ownLogLevel = LOG_LEVEL_PARAMETERS.test(extraParameters ?? '');
  const disks = disksParameter(spec.disks, spec.extraArguments);
  const mustBeLouder = judged !== undefined && SILENCING_PARAMETERS.test(extraParameters ?? '');
  return [
    `console=${architecture.console}`,
    'rdinit=/init',
    // A panic ends the VM at once: it reboots, and QEMU's -no-reboot makes that an exit.
    'panic=-1',
    // Printing every message of a boot takes time; warnings and worse are kept. Once the guest's
    // init runs, everything is shown: in a session, even if the user wants less.
    ...(ownLogLevel ? [] : ['loglevel=5']),
    ...(!ownLogLevel || mustBeLouder ? ['rapido.loglevel=7'] : []),
    ...(judged === undefined ? [] : truthParameters(judged, architecture)),
    ...(session === undefined ? [] : sessionParameters(session)),
    `rapido.vm_num=${spec.number}`,
    `rapido.hostname=${hostname}`,
    // Suites lengthen their time limits.
    ...(accelerator.kind === 'tcg' ? ['rapido.emulated=1'] : []),
    ...(spec.channel === 'serial' ? [`rapido.channel=${architecture.secondSerial}`] : []),
    ...(terminal === undefined ? [] : terminalParameters(terminal)),
    ...(spec.sharedDirectory === undefined ? [] : [`rapido.virtfs=${MOUNT_TAG.share}`]),
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
 * Sets the guest up for truth. What the kernel says is judged by its timestamps; after an oops nothing
 * that follows can be trusted; and a guest that hangs must answer to sysrq, or at least to an NMI.
 */
function truthParameters(
  { survivesOops }: { survivesOops: boolean },
  { name, console }: Architecture,
): string[] {
  return [
    ...['printk.time=1', 'sysrq_always_enabled'],
    // What this console does not show of the kernel's log, the session gives to the host.
    `rapido.judged=${console}`,
    ...(name === 'x86_64' ? ['unknown_nmi_panic'] : []),
    ...(survivesOops ? [] : ['oops=panic']),
  ];
}

/**
 * Size of the kernel's log, which most kernels set to 128 or 256 KiB: the session prints it in the end
 * where a test has turned the console down, and `dmesg` is where results of kunit come from, of which 700
 * suites are more than that. A kernel takes 4.5 times as much memory, for the records.
 */
const LOG_BUFFER = { ofSession: '1M', ofTests: '4M' } as const;

function sessionParameters({ stdin, results, readsKernelLog }: SessionPlan): string[] {
  return [
    'rapido.run=1',
    `log_buf_len=${readsKernelLog ? LOG_BUFFER.ofTests : LOG_BUFFER.ofSession}`,
    ...(stdin ? ['rapido.stdin=1'] : []),
    ...(results === undefined ? [] : [`rapido.results=${MOUNT_TAG.results}`]),
  ];
}

/** Mount tags of the host directories that a guest gets over 9p. */
export const MOUNT_TAG = { share: 'host0', results: 'results0' } as const;

function terminalParameters(terminal: Terminal): string[] {
  const type = terminal.type !== undefined && /^[\w.+-]+$/.test(terminal.type);
  return [
    'rapido.interactive=1',
    `rapido.tty=${terminal.rows}x${terminal.columns}`,
    ...(type ? [`rapido.term=${terminal.type}`] : []),
  ];
}
