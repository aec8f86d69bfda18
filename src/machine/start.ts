import { statSync } from 'node:fs';
import type { BaseContext, Context } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import { parseSize } from '../conf/values.ts';
import { UsageError, UserError } from '../errors.ts';
import { architectureOf } from '../host/architecture.ts';
import { ensureRuntimeDirectory } from '../host/directories.ts';
import { suggestInstall } from '../host/distribution.ts';
import { findHostRoot } from '../host/host-root.ts';
import type { Kernel } from '../host/kernel.ts';
import { probeKvm } from '../host/kvm.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { hostDirectories } from '../image/host-mounts.ts';
import type { ImageHeader } from '../image/image-header.ts';
import type { ImageInfo } from '../image/plan.ts';
import type { NetConf } from '../net/net-conf.ts';
import { applyNetConf } from '../net/read-net-conf.ts';
import type { VmNetwork } from '../net/vm-network.ts';
import { identifyProcess } from '../sys/process-identity.ts';
import {
  isDirectory,
  isReadable,
  isWritable,
  readTextIfReachable,
  statIfReachable,
} from '../sys/stat.ts';
import { formatBytes } from '../ui/format.ts';
import { type DiskPlan, noteDisks, refuseDisksInUse } from '../vm/disks.ts';
import { memoryNeeded, memoryToUnpack, shadowShareOf } from '../vm/memory.ts';
import { isRandomized, planVm, type SessionPlan, type Terminal, type VmPlan } from '../vm/plan.ts';
import {
  claimNumber,
  listVms,
  releaseNumber,
  updateEntry,
  type VmEntry,
  type VmFiles,
  type VmState,
  vmFiles,
} from '../vm/registry.ts';
import { parseShares, planShares, type SharedDirectory, type ShareRequest } from '../vm/shares.ts';
import { findDisks, makeScratchDisks } from './disks.ts';
import { forwardsOf, refuseBusyPorts } from './forwards.ts';
import {
  addressesOf,
  chooseNetwork,
  type NetworkOptions,
  parseNetworkKind,
  readLinksFor,
  refuseUnusableTaps,
  tapsOf,
} from './network.ts';

const MIB = 1024 * 1024;

/** Options of every command that starts a VM. */
export interface VmOptions extends NetworkOptions {
  cpus?: string | undefined;
  memory?: string | undefined;
  /** The values of `--disk`, as typed. */
  disk?: string[] | undefined;
  /** The values of `--share`, as typed. */
  share?: string[] | undefined;
  /** The values of `--append`, which follow QEMU_EXTRA_KERNEL_PARAMS. */
  append?: string[] | undefined;
  /** The values of `--qemu-arg`, which follow QEMU_EXTRA_ARGS. */
  qemuArg?: string[] | undefined;
}

/** Everything that determines a VM, except its number. */
export interface VmSources {
  /** Path of the image. */
  path: string;
  header: ImageHeader;
  kernel: Kernel;
  /** The file that QEMU boots: see `prepareKernelImage`. */
  kernelImage: string;
  conf: Conf;
  options: VmOptions;
  /** Those of `--qemu-arg`, and those after `--`. */
  qemuArguments: readonly string[];
  /** undefined: the boot is unattended. */
  terminal: Terminal | undefined;
  /** Whether the VM runs in the background, with a console that `rapido console` can show. */
  detached: boolean;
  /** Whether the VM waits for a debugger before its first instruction. */
  waitsForDebugger?: boolean | undefined;
  /** Set if the kernel log is judged although the VM has no session: the servers of a run. */
  judged?: { survivesOops: boolean } | undefined;
  /** The VM's number; undefined: the lowest free number. */
  number?: number | undefined;
  session: SessionPlan | undefined;
  /**
   * The VMs that the VM with that number can reach as rapido-server, rapido-server2, …; undefined: only VM 1,
   * as rapido-server.
   */
  serversOf?: ((number: number) => readonly number[]) | undefined;
  /** The console log of the VM with that number. */
  consoleLog: (number: number) => string;
  context: Context;
}

/** The initial terminal of a detached VM. `rapido console` sends the real size later. */
export const DETACHED_TERMINAL: Terminal = { rows: 24, columns: 80, type: undefined };

/** Sources with the contents of the network files (VM_NET_CONF). */
type NetworkedSources = VmSources & { netConf: NetConf };

/** @throws UsageError if VM_NET_CONF cannot be used */
function addNetConf(sources: VmSources): NetworkedSources {
  const { header, conf } = sources;
  return { ...sources, ...(header.image.network ? applyNetConf(conf) : { netConf: new Map() }) };
}

/** Plans VM 1 for a dry run. Creates nothing and claims no number. */
export function planFirstVm(vmSources: VmSources): VmPlan {
  const sources = addNetConf(vmSources);
  const parts = {
    number: 1,
    files: vmFiles(registryDirectory(sources.conf, sources.context), 1),
    disks: chooseDisks(sources, 1, true),
    network: chooseNetwork(sources, 1),
  };
  return makePlan(sources, parts);
}

/** A VM of `rapido boot` that is about to start. */
export interface RegisteredVm {
  plan: VmPlan;
  image: ImageInfo;
  registration: Registration;
  context: Context;
}

/** The registry entry of a running VM. */
export interface Registration {
  files: VmFiles;
  /** To be called when QEMU has started. */
  onStart: (qemuPid: number) => void;
  onState: (state: VmState) => void;
}

/** Registers a VM and passes its plan to `use`, which starts it. When `use` returns, the number is released. */
export async function withVm<Result>(
  vmSources: VmSources,
  use: (plan: VmPlan, registration: Registration) => Promise<Result>,
): Promise<Result> {
  const sources = addNetConf(vmSources);
  requirePrograms(sources.context);
  const directory = registryDirectory(sources.conf, sources.context);
  const links = await readLinksFor(sources);
  let made: { plan: VmPlan; files: VmFiles } | undefined;
  let entry = await claimNumber(
    directory,
    (number, files) => {
      const disks = chooseDisks(sources, number, false);
      const network = chooseNetwork(sources, number);
      const vms = listVms(directory);
      refuseDisksInUse(disks, vms);
      refuseUnusableTaps(network, { number, links, vms });
      const plan = makePlan(sources, { number, files, disks, network });
      made = { plan, files };
      return describeEntry(plan, files, sources);
    },
    sources.number,
  );
  if (made === undefined) throw new Error('a claim makes a plan');
  const { plan, files } = made;
  warnOfMemory(plan, sources);
  const update = (changes: Partial<VmEntry>): void => {
    entry = { ...entry, ...changes };
    updateEntry(directory, entry);
  };
  let removeScratch = (): void => {};
  try {
    await refuseBusyPorts(plan.number, plan.network, { ...sources, vms: listVms(directory) });
    removeScratch = makeScratchDisks(plan.disks, sources.context);
    return await use(plan, {
      files,
      onStart: (pid) => update({ qemu: identifyProcess(pid) }),
      onState: (state) => update({ state }),
    });
  } finally {
    removeScratch();
    releaseNumber(directory, entry.number);
  }
}

/** Warns if the memory is too small for the image: such a kernel fails in ways that do not show the cause. */
function warnOfMemory(
  { number, memory, memoryToUnpack: needed }: VmPlan,
  { path, options, context }: VmSources,
): void {
  if (memory >= needed) return;
  const source = options.memory === undefined ? `[vm${number}] MEMORY` : '--memory';
  const size = formatBytes(statSync(path).size);
  context.ui.warn(
    `${source}: with ${formatBytes(memory)} the kernel may fail to boot: unpacking the ${size} image takes about ${formatBytes(needed)}`,
  );
}

/** An image whose unpacked size is below this fits into every VM, however much memory the kernel needs. */
const SMALL_IMAGE = 64 * MIB;

/** The memory needed to unpack the image, in bytes. */
function neededToUnpack({ path, header, kernel }: VmSources): number {
  const size = { archive: statSync(path).size, unpacked: header.unpacked };
  if (size.unpacked < SMALL_IMAGE || kernel.config === undefined) return memoryToUnpack(size);
  return memoryToUnpack(size, shadowShareOf(readTextIfReachable(kernel.config)));
}

/** The directory in which running VMs are registered. */
export function registryDirectory(conf: Conf, { env }: BaseContext): string {
  return conf.get('QEMU_PID_DIR') ?? ensureRuntimeDirectory(env);
}

/** @throws UserError if a program that starting a VM requires is missing */
export function requirePrograms({ env }: Context): void {
  const searchPath = programSearchPath(env.PATH);
  const { qemu } = architectureOf(process.arch);
  const missing = [qemu, 'setpriv', 'flock'].filter(
    (name) => findProgram(name, searchPath) === undefined,
  );
  if (missing.length === 0) return;
  throw new UserError(`${missing.join(' and ')} not found on this host`, {
    hint: suggestInstall(missing) ?? 'run `rapido doctor`',
  });
}

/** Finds the disks of a VM. @throws UserError if the image has no driver for one of them */
function chooseDisks(sources: VmSources, number: number, forDryRun: boolean): DiskPlan[] {
  const disks = findDisks(number, sources, forDryRun);
  const { image } = sources.header;
  const without = disks.find(({ bus }) => !image.diskBuses.includes(bus));
  if (without === undefined) return disks;
  const { bus, serial } = without;
  const option = { virtio: 'CONFIG_VIRTIO_BLK', nvme: 'CONFIG_BLK_DEV_NVME' }[bus];
  const [other] = image.diskBuses;
  throw new UserError(
    `kernel ${image.kernelRelease} has no driver for disk ${serial} (${option})`,
    {
      dependsOn: 'kernel',
      hint:
        other === undefined
          ? `set ${option} and rebuild the kernel`
          : `use bus=${other}, for which this kernel has a driver`,
    },
  );
}

/** What differs between VMs of the same sources. */
interface VmParts {
  number: number;
  files: VmFiles;
  disks: DiskPlan[];
  network: VmNetwork | undefined;
}

function makePlan(sources: VmSources, { number, files, disks, network }: VmParts): VmPlan {
  const { path, header, conf, options, session } = sources;
  const { image } = header;
  const architecture = architectureOf(process.arch);
  const own = conf.vm(number);
  const toUnpack = neededToUnpack(sources);
  return planVm({
    number,
    hostname: own.HOSTNAME,
    architecture,
    kvm: probeKvm(architecture),
    accelerator: conf.get('VM_ACCEL'),
    cpu: conf.get('VM_CPU'),
    cpus: parseCpus(options.cpus) ?? own.CPUS ?? Math.max(conf.get('VM_CPUS'), image.cpus ?? 0),
    memory:
      parseMemory(options.memory) ??
      own.MEMORY ??
      Math.max(conf.get('VM_MEMORY'), memoryNeeded(image, toUnpack, disks)),
    memoryToUnpack: toUnpack,
    kernel: sources.kernelImage,
    initramfs: path,
    consoleLog: sources.consoleLog(number),
    monitorSocket: files.monitorSocket,
    pidFile: files.pidFile,
    gdbSocket: sources.waitsForDebugger === true ? files.gdbSocket : undefined,
    sharedDirectory: image.sharesDirectory ? conf.get('VIRTFS_SHARE_PATH') : undefined,
    directories: [
      ...(image.mountsHost ? findHostDirectories(sources) : []),
      ...findShares(sources),
    ],
    disks,
    network,
    channel: image.channel,
    extraArguments: [...conf.get('QEMU_EXTRA_ARGS'), ...sources.qemuArguments],
    extraParameters: joinParameters([
      conf.get('QEMU_EXTRA_KERNEL_PARAMS'),
      ...(options.append ?? []),
    ]),
    dynamicDebug: {
      modules: conf.get('DYN_DEBUG_MODULES'),
      files: conf.get('DYN_DEBUG_FILES'),
    },
    terminal: sources.terminal,
    detached: sources.detached,
    judged: sources.judged,
    session,
  });
}

/** @throws UserError if the guest cannot mount them */
function findShares({ options, header, context }: VmSources): SharedDirectory[] {
  const shares = parseShares(options.share ?? [], context.cwd);
  const { canShare, kernelRelease } = header.image;
  if (shares.length === 0 || canShare) return planShares(shares);
  throw new UserError(
    `--share: the kernel ${kernelRelease} has no 9p over virtio (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)`,
    { dependsOn: 'kernel', hint: '`rapido kconfig` prints the options that a kernel needs' },
  );
}

/** @throws UsageError if the directory of an option cannot be shared */
function checkShares(texts: readonly string[]): void {
  for (const share of parseShares(texts, process.cwd())) {
    const problem = whyUnshareable(share);
    if (problem !== undefined) throw new UsageError(`--share: ${share.source} ${problem}`);
  }
}

function whyUnshareable({ source, readonly }: ShareRequest): string | undefined {
  if (statIfReachable(source) === undefined) return 'does not exist';
  if (!isDirectory(source)) return 'is not a directory';
  if (!isReadable(source)) return 'cannot be read by this user';
  return readonly || isWritable(source) ? undefined : 'cannot be written by this user';
}

/** Not from the image, which another user may have made: an image must not decide which directories are shared. */
function findHostDirectories({ conf, kernel, context }: VmSources): SharedDirectory[] {
  const root = findHostRoot(conf.get('HOST_LEAVE_OUT'), context.cwd, context.env);
  return hostDirectories(root, kernel).map((directory) => ({ ...directory, readonly: true }));
}

function joinParameters(texts: readonly (string | undefined)[]): string | undefined {
  return texts.filter((text) => text !== undefined && text.trim() !== '').join(' ') || undefined;
}

function parseCpus(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAXIMAL_CPUS) return count;
  throw new UsageError(`--cpus: "${text}" is not a number from 1 to ${MAXIMAL_CPUS}`);
}

function parseMemory(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes >= MINIMAL_MEMORY) return bytes;
  throw new UsageError(`--memory: "${text}" is not a valid size`, {
    hint: 'use a number with a unit, at least 16M: --memory 2G',
  });
}

/** Rejects wrong options before any work is done. */
export function checkVmOptions(options: VmOptions): void {
  parseCpus(options.cpus);
  parseMemory(options.memory);
  parseNetworkKind(options);
  checkShares(options.share ?? []);
}

/** The limit of QEMU's PC machine type. */
const MAXIMAL_CPUS = 255;

/** No kernel boots with less memory. */
const MINIMAL_MEMORY = 16 * MIB;

function describeEntry(
  plan: VmPlan,
  files: VmFiles,
  { header, path, kernel }: VmSources,
): Omit<VmEntry, 'version' | 'number' | 'owner'> {
  return {
    hostname: plan.hostname,
    cut: header.image.cut,
    kernelRelease: header.image.kernelRelease,
    qemu: undefined,
    consoleLog: plan.consoleLog,
    monitorSocket: plan.monitorSocket,
    pidFile: plan.pidFile,
    requestSocket: plan.session === undefined ? files.requestSocket : undefined,
    state: plan.session === undefined ? 'starting' : 'testing',
    addresses: addressesOf(plan.network, plan.number),
    forwards: forwardsOf(plan.network),
    image: path,
    kernel: {
      tree: kernel.buildTree,
      modules: kernel.modules,
      isRandomized: isRandomized(
        plan,
        kernel.config === undefined ? undefined : readTextIfReachable(kernel.config),
      ),
    },
    disks: noteDisks(plan.disks),
    taps: tapsOf(plan.network),
    since: new Date().toISOString(),
  };
}

/** `with KVM` or `emulated`, with the reason if the user did not request emulation. */
export function describeAccelerator({ accelerator }: VmPlan): string {
  if (accelerator.kind === 'kvm') return 'with KVM';
  return accelerator.reason === undefined ? 'emulated' : `emulated, because ${accelerator.reason}`;
}
