import type { PortForward } from '../conf/network-values.ts';
import type { NicPlan } from '../net/vm-network.ts';
import type { DiskPlan } from './disks.ts';
import { MOUNT_TAG, type VmPlan } from './plan.ts';
import type { SharedDirectory } from './shares.ts';

/**
 * File descriptors that QEMU inherits. Each is one end of a socket pair whose other end rapido holds. A VM uses the
 * first `channelCount` of them.
 */
export const QEMU_FD = {
  events: 3,
  control: 4,
  console: 5,
  stdout: 6,
  stderr: 7,
  stdin: 8,
} as const;

/** ID of the console's chardev, for QMP. */
export const CONSOLE_ID = 'console';

/** The bus of the virtio ports. More ports can be added to it while the VM runs. */
export const PORTS_BUS = 'rapido-ports.0';

/** The number of file descriptors of `QEMU_FD` that QEMU inherits. */
export function channelCount({ console, session }: VmPlan): number {
  if (session !== undefined) return Object.keys(QEMU_FD).length;
  return console === 'rapido' ? 3 : 2;
}

const MIB = 1024 * 1024;

/**
 * The complete command line of QEMU, program first. The options are documented in qemu(1), and supported by QEMU 6.0
 * and later.
 */
export function qemuCommandLine(plan: VmPlan): [string, ...string[]] {
  // biome-ignore format: an option and its value share a line
  return [
    plan.qemu,
    ...accelerator(plan),
    '-cpu', plan.cpu,
    '-smp', String(plan.cpus), '-m', `${Math.ceil(plan.memory / MIB)}M`,
    '-kernel', plan.kernel, '-initrd', plan.initramfs,
    '-append', plan.parameters.join(' '),
    '-nodefaults', '-no-reboot',
    ...console(plan),
    ...monitors(plan),
    ...channels(plan),
    ...vmcoreinfo(plan),
    ...sharedDirectories(plan).flatMap(sharedDirectory),
    ...plan.disks.flatMap(disk),
    ...networkCards(plan),
    ...(plan.gdbSocket === undefined ? [] : ['-S', '-gdb', gdbDevice(plan.gdbSocket)]),
    '-pidfile', plan.pidFile,
    ...plan.extraArguments,
    ...quietFirmware(plan),
  ];
}

/**
 * With -nographic, SeaBIOS uses the serial port: it clears the screen, turns off line wrapping permanently, and takes
 * time. This option undoes only that effect of -nographic, and must be the last one.
 */
function quietFirmware(plan: VmPlan): string[] {
  return plan.architecture === 'x86_64' ? ['-machine', 'graphics=on'] : [];
}

function accelerator(plan: VmPlan): string[] {
  const machine = plan.machine === undefined ? [] : ['-machine', plan.machine];
  return [...machine, ...(plan.accelerator.kind === 'kvm' ? ['-enable-kvm'] : ['-accel', 'tcg'])];
}

/**
 * The first serial port. It is connected either to QEMU's stdin and stdout, with QEMU's monitor behind Ctrl-a, and
 * to a log file; or to rapido, which judges every line of a session, or shows the console to viewers.
 */
function console(plan: VmPlan): string[] {
  if (plan.session !== undefined) {
    return [...socket(CONSOLE_ID, QEMU_FD.console), '-serial', `chardev:${CONSOLE_ID}`];
  }
  const logFile = escapeComma(plan.consoleLog);
  if (plan.console === 'rapido') {
    const [chardev, options] = socket(CONSOLE_ID, QEMU_FD.console);
    return [chardev, `${options},logfile=${logFile}`, '-serial', `chardev:${CONSOLE_ID}`];
  }
  // biome-ignore format: an option and its value share a line
  return [
    '-chardev', `stdio,id=${CONSOLE_ID},mux=on,signal=off,logfile=${logFile}`,
    '-serial', `chardev:${CONSOLE_ID}`, '-monitor', `chardev:${CONSOLE_ID}`,
  ];
}

/**
 * Two QMP monitors: one on which rapido receives the VM's end, and a socket for other processes. `-mon` would do the
 * same, but QEMU 11.1 warns that it is deprecated.
 */
function monitors(plan: VmPlan): string[] {
  // biome-ignore format: an option and its value share a line
  return [
    ...socket('events', QEMU_FD.events), '-qmp', 'chardev:events',
    '-qmp', `unix:${escapeComma(plan.monitorSocket)},server=on,wait=off`,
  ];
}

/**
 * The channels between the guest and rapido: virtio ports named `org.rapido.NAME`, as shown in
 * /sys/class/virtio-ports/…/name, or serial ports in the order of `channelNames`.
 */
function channels(plan: VmPlan): string[] {
  const names = channelNames(plan);
  const isSerial = plan.channel === 'serial';
  return [
    ...(isSerial ? [] : ['-device', 'virtio-serial-pci,id=rapido-ports']),
    ...names.flatMap((name) => [
      ...socket(name, QEMU_FD[name]),
      ...(isSerial
        ? ['-serial', `chardev:${name}`]
        : ['-device', `virtserialport,chardev=${name},name=org.rapido.${name}`]),
    ]),
  ];
}

/** A PC has only four serial ports, so there is no serial channel for standard input. */
function channelNames({ session, channel }: VmPlan): ('control' | 'stdout' | 'stderr' | 'stdin')[] {
  if (session === undefined) return ['control'];
  const hasInput = session.stdin && channel === 'virtio';
  return ['control', 'stdout', 'stderr', ...(hasInput ? (['stdin'] as const) : [])];
}

function socket(id: string, fd: number): [string, string] {
  return ['-chardev', `socket,id=${id},fd=${fd}`];
}

interface Share extends SharedDirectory {
  model: 'none' | 'mapped-file';
}

function sharedDirectories({ sharedDirectory, session, directories }: VmPlan): Share[] {
  const share = (tag: string, path: string | undefined, model: Share['model']): readonly Share[] =>
    path === undefined ? [] : [{ tag, path, readonly: false, model }];
  return [
    ...share(MOUNT_TAG.share, sharedDirectory, 'none'),
    ...share(MOUNT_TAG.results, session?.results, 'mapped-file'),
    ...directories.map((directory) => ({ ...directory, model: 'none' as const })),
  ];
}

/**
 * With the security model `none`, what the guest creates is created on the host: links, and if QEMU runs as root,
 * set-user-ID programs, device nodes and files of any user. With `mapped-file`, the host has plain files and
 * directories of QEMU's user, with modes 0600 and 0700; the attributes that the guest sees are in .virtfs_metadata
 * beside them.
 */
function sharedDirectory({ tag, path, readonly, model }: Share): string[] {
  const options = [
    `local,path=${escapeComma(path)},mount_tag=${tag}`,
    `security_model=${model},multidevs=remap${readonly ? ',readonly=on' : ''}`,
  ];
  return ['-virtfs', options.join(',')];
}

/**
 * A drive and its device. The format is always given, because QEMU would otherwise probe it, and a guest can write
 * any header. With rerror and werror, a full filesystem on the host is an I/O error in the guest; by default, QEMU
 * pauses the VM.
 */
function disk(plan: DiskPlan, index: number): string[] {
  const id = `rapido-disk${index + 1}`;
  const options = [
    `file=${escapeComma(plan.path)},if=none,id=${id},format=${plan.format}`,
    `cache=${plan.cache},discard=${plan.discard ? 'unmap' : 'ignore'}`,
    `readonly=${plan.readonly ? 'on' : 'off'},rerror=report,werror=report`,
  ];
  const device = { virtio: 'virtio-blk-pci', nvme: 'nvme' }[plan.bus];
  return ['-drive', options.join(','), '-device', `${device},drive=${id},serial=${plan.serial}`];
}

function networkCards({ network, accelerator }: VmPlan): string[] {
  const withKvm = accelerator.kind === 'kvm';
  return (network?.nics ?? []).flatMap((nic, index) => networkCard(nic, index, withKvm));
}

/**
 * A network card and its backend. QEMU's scripts are disabled because the tap is set up already. The option ROM is
 * disabled because it is only for booting from the network, and takes time.
 */
function networkCard({ mac, backend }: NicPlan, index: number, withKvm: boolean): string[] {
  const id = `rapido-net${index}`;
  const options =
    'tap' in backend
      ? [
          `tap,id=${id},ifname=${backend.tap},script=no,downscript=no`,
          ...(backend.vhost && withKvm ? ['vhost=on'] : []),
        ]
      : [`user,id=${id}`, ...backend.forwards.map(forward)];
  // biome-ignore format: an option and its value share a line
  return [
    '-netdev', options.join(','),
    '-device', `virtio-net-pci,netdev=${id},mac=${mac},romfile=`,
  ];
}

/** Only local users can connect to the forwarded port. */
function forward({ protocol, host, guest }: PortForward): string {
  return `hostfwd=${protocol}:127.0.0.1:${host}-:${guest}`;
}

/** The guest writes the place of its vmcoreinfo there, and QEMU adds it to a dump (docs/specs/vmcoreinfo). */
function vmcoreinfo({ extraArguments }: VmPlan): string[] {
  // QEMU accepts only one.
  return extraArguments.includes('vmcoreinfo') ? [] : ['-device', 'vmcoreinfo'];
}

/** The character device of the gdbstub: a Unix socket, at which one debugger after another can connect. */
export function gdbDevice(socket: string): string {
  return `unix:${escapeComma(socket)},server=on,wait=off`;
}

/** In QEMU's key=value syntax, commas separate options, and a literal comma is doubled. */
export function escapeComma(value: string): string {
  return value.replaceAll(',', ',,');
}
