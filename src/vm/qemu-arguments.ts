import type { VmPlan } from './plan.ts';
import { VIRTFS_TAG } from './plan.ts';

/** File descriptors that QEMU inherits: one end each of a socket pair whose other end rapido holds. */
export const QEMU_FD = { events: 3, control: 4 } as const;

/** Name of the guest's port for the control channel, as /sys/class/virtio-ports/…/name shows it. */
const CONTROL_PORT = 'org.rapido.control';

const MIB = 1024 * 1024;

/**
 * The whole command line of QEMU, program first.
 * Option names are those of qemu(1); they are in QEMU since 6.0.
 */
export function qemuCommandLine(plan: VmPlan): [string, ...string[]] {
  return [
    plan.qemu,
    ...accelerator(plan),
    ...['-cpu', plan.cpu],
    ...['-smp', String(plan.cpus), '-m', `${Math.ceil(plan.memory / MIB)}M`],
    ...['-kernel', plan.kernel, '-initrd', plan.initramfs],
    ...['-append', plan.parameters.join(' ')],
    ...['-nodefaults', '-no-reboot'],
    ...console(plan),
    ...monitors(plan),
    ...controlChannel(plan),
    ...sharedDirectory(plan),
    ...['-pidfile', plan.pidFile],
    ...plan.extraArguments,
    ...quietFirmware(plan),
  ];
}

/**
 * After -nographic, SeaBIOS talks on the serial port: it clears the screen, turns off line wrapping
 * for good, and takes its time. This takes back just that; it has to come last.
 */
function quietFirmware(plan: VmPlan): string[] {
  return plan.architecture === 'x86_64' ? ['-machine', 'graphics=on'] : [];
}

function accelerator(plan: VmPlan): string[] {
  const machine = plan.architecture === 'aarch64' ? ['-machine', 'virt,gic-version=max'] : [];
  return [...machine, ...(plan.accelerator.kind === 'kvm' ? ['-enable-kvm'] : ['-accel', 'tcg'])];
}

/** The first serial port is rapido's stdin and stdout, with QEMU's monitor behind Ctrl-a, and a file. */
function console(plan: VmPlan): string[] {
  return [
    ...['-chardev', `stdio,id=console,mux=on,signal=off,logfile=${escapeComma(plan.consoleLog)}`],
    ...['-serial', 'chardev:console', '-mon', 'chardev=console,mode=readline'],
  ];
}

/** rapido hears of the VM's end on its own QMP monitor; other processes may use the socket. */
function monitors(plan: VmPlan): string[] {
  return [
    ...['-chardev', `socket,id=events,fd=${QEMU_FD.events}`],
    ...['-mon', 'chardev=events,mode=control'],
    ...['-qmp', `unix:${escapeComma(plan.monitorSocket)},server=on,wait=off`],
  ];
}

function controlChannel(plan: VmPlan): string[] {
  const chardev = ['-chardev', `socket,id=control,fd=${QEMU_FD.control}`];
  if (plan.channel === 'serial') return [...chardev, '-serial', 'chardev:control'];
  return [
    ...chardev,
    ...['-device', 'virtio-serial-pci'],
    ...['-device', `virtserialport,chardev=control,name=${CONTROL_PORT}`],
  ];
}

function sharedDirectory(plan: VmPlan): string[] {
  if (plan.sharedDirectory === undefined) return [];
  const path = escapeComma(plan.sharedDirectory);
  return [
    '-virtfs',
    `local,path=${path},mount_tag=${VIRTFS_TAG},security_model=none,multidevs=remap`,
  ];
}

/** QEMU's key=value syntax separates by commas; a doubled one stands for itself. */
export function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}
