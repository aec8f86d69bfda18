import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { parseSize } from '../conf/values.ts';
import { pickCut } from '../cut/load.ts';
import { EXIT, UsageError, UserError } from '../errors.ts';
import { architectureOf } from '../host/architecture.ts';
import { ensureRuntimeDirectory } from '../host/directories.ts';
import { suggestInstall } from '../host/distribution.ts';
import type { Kernel } from '../host/kernel.ts';
import { probeKvm } from '../host/kvm.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { type ImageHeader, readImageHeader } from '../image/image-header.ts';
import { imagePath, lastImage } from '../image/location.ts';
import type { ImageInfo } from '../image/plan.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { findChangedFile, knownSignatures } from '../sys/file-signature.ts';
import { identifyProcess } from '../sys/process-identity.ts';
import type { Ui } from '../ui/terminal.ts';
import { judgeBoot } from '../vm/boot-outcome.ts';
import { planVm, type Terminal, type VmPlan, type VmRequest } from '../vm/plan.ts';
import { qemuCommandLine } from '../vm/qemu-arguments.ts';
import {
  claimNumber,
  releaseNumber,
  updateEntry,
  type VmEntry,
  type VmFiles,
  vmFiles,
} from '../vm/registry.ts';
import { runVm } from '../vm/run.ts';
import {
  type Context,
  chooseKernel,
  createContext,
  type GlobalOptions,
  refuseStrangeKeys,
} from './context.ts';

const MIB = 1024 * 1024;

export interface BootOptions extends GlobalOptions {
  cpus?: string | undefined;
  memory?: string | undefined;
  dryRun?: boolean | undefined;
  /** What follows `--`. */
  qemuArguments?: string[] | undefined;
}

/** `rapido boot [NAME]` */
export async function runBoot(
  name: string | undefined,
  options: BootOptions,
  ui: Ui,
): Promise<number> {
  const context = createContext(options, ui);
  await refuseStrangeKeys(context, context.conf);
  return bootImage(chooseImage(name, context), context.conf, options, context);
}

/** The image to boot: by the name of its cut, by its path, or the one cut last. */
function chooseImage(name: string | undefined, context: Context): string {
  const { conf, cuts, cwd } = context;
  if (name === undefined) {
    const last = lastImage(conf);
    if (last !== undefined && existsSync(last)) return last;
    throw new UserError(last === undefined ? 'nothing has been cut yet' : `${last} is gone`, {
      hint: 'rapido cut simple-example',
    });
  }
  if (name.includes('/')) return resolve(cwd, name);
  const cutName = name.replaceAll('_', '-');
  const path = imagePath(conf, cutName);
  if (!existsSync(path)) {
    const { name: known } = pickCut(name, cuts);
    throw new UserError(`there is no image of ${known} yet`, { hint: `rapido cut ${known}` });
  }
  const { image } = readImageHeader(path);
  if (image.cut === cutName) return path;
  throw new UserError(`${path} (DRACUT_OUT) is an image of ${image.cut}, not of ${cutName}`, {
    hint: `rapido cut ${cutName}`,
  });
}

/** Boots an image and stays until the VM is gone. @returns the exit status */
export async function bootImage(
  path: string,
  conf: Conf,
  options: BootOptions,
  context: Context,
): Promise<number> {
  const header = readImageHeader(path);
  const kernel = chooseKernel(conf);
  refuseOtherKernel(header, kernel, path, conf);
  const changed = findChangedFile(knownSignatures(header.moduleFiles));
  if (changed !== undefined) {
    context.ui.warn(`${changed} changed since this image was cut: rapido cut ${header.image.cut}`);
  }
  if (conf.get('VIRTFS_SHARE_PATH') !== undefined && !header.image.sharesDirectory) {
    context.ui.warn(
      `this image cannot mount VIRTFS_SHARE_PATH, which was not set when it was cut: rapido cut ${header.image.cut}`,
    );
  }
  requirePrograms(context);
  const directory = conf.get('QEMU_PID_DIR') ?? ensureRuntimeDirectory(context.env);
  const request = requestVm({ path, header, kernel, conf, options, context });
  if (options.dryRun === true) {
    const plan = planVm(request(1, vmFiles(directory, 1)));
    context.ui.note('# rapido holds the other ends of fd 3 (QMP) and fd 4 (guest events)');
    context.ui.result(formatCommandLine(qemuCommandLine(plan)));
    return EXIT.ok;
  }
  let plan: VmPlan | undefined;
  const entry = await claimNumber(directory, (number, files) => {
    plan = planVm(request(number, files));
    return registryEntry(plan, header);
  });
  if (plan === undefined) throw new Error('a claim makes a plan');
  try {
    return await watchVm(plan, entry, { directory, image: header.image, context });
  } finally {
    releaseNumber(directory, entry.number);
  }
}

/** The modules in an image are for one kernel; another would refuse to load them. */
function refuseOtherKernel({ image }: ImageHeader, kernel: Kernel, path: string, conf: Conf): void {
  const { kernelRelease, cut } = image;
  if (kernelRelease === kernel.release) return;
  const sameConf = image.conf === undefined || image.conf === conf.source?.path;
  throw new UserError(
    `${path} was cut for Linux ${kernelRelease}, but the kernel to boot is ${kernel.release} (${kernel.chosenBy})`,
    {
      hint: sameConf
        ? `rapido cut ${cut}`
        : `it was cut with another conf: rapido --conf ${image.conf} boot, or rapido cut ${cut}`,
    },
  );
}

interface BootSources {
  path: string;
  header: ImageHeader;
  kernel: Kernel;
  conf: Conf;
  options: BootOptions;
  context: Context;
}

/** Everything that decides about the VM but its number. */
function requestVm(sources: BootSources): (number: number, files: VmFiles) => VmRequest {
  const { path, header, kernel, conf, options, context } = sources;
  const { image } = header;
  const cpus = parseCpus(options.cpus);
  const memory = parseMemory(options.memory);
  const architecture = architectureOf(process.arch);
  return (number, files) => {
    const own = conf.vm(number);
    return {
      number,
      hostname: own.HOSTNAME,
      architecture,
      kvm: probeKvm(architecture),
      accelerator: conf.get('VM_ACCEL'),
      cpu: conf.get('VM_CPU'),
      cpus: cpus ?? own.CPUS ?? Math.max(conf.get('VM_CPUS'), image.cpus ?? 0),
      memory:
        memory ??
        own.MEMORY ??
        Math.max(conf.get('VM_MEMORY'), image.memory ?? 0, memoryToUnpack(path)),
      kernel: kernel.image,
      initramfs: path,
      consoleLog: join(context.directories.state, `vm${number}`, 'console.log'),
      monitorSocket: files.monitorSocket,
      pidFile: files.pidFile,
      sharedDirectory: image.sharesDirectory ? conf.get('VIRTFS_SHARE_PATH') : undefined,
      channel: image.channel,
      extraArguments: [...conf.get('QEMU_EXTRA_ARGS'), ...(options.qemuArguments ?? [])],
      extraParameters: conf.get('QEMU_EXTRA_KERNEL_PARAMS'),
      dynamicDebug: {
        modules: conf.get('DYN_DEBUG_MODULES'),
        files: conf.get('DYN_DEBUG_FILES'),
      },
      terminal: currentTerminal(context.env.TERM),
    };
  };
}

/**
 * Memory below which the kernel cannot unpack an image. It stands in memory packed and unpacked, and
 * the root file system gets half of all there is; the kernel wants some, too.
 */
function memoryToUnpack(path: string): number {
  const granule = 64 * MIB;
  return Math.ceil((2 * statSync(path).size + 128 * MIB) / granule) * granule;
}

/** Looks for what starting a VM takes, before anything is claimed. */
function requirePrograms({ env }: Context): void {
  const searchPath = programSearchPath(env.PATH);
  const { qemu } = architectureOf(process.arch);
  const missing = [qemu, 'setpriv', 'flock'].filter(
    (name) => findProgram(name, searchPath) === undefined,
  );
  if (missing.length === 0) return;
  throw new UserError(`there is no ${missing.join(' and no ')} on this host`, {
    hint: suggestInstall(missing) ?? 'run `rapido doctor`',
  });
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
  throw new UsageError(`--memory: "${text}" is not an amount of memory that a VM can have`, {
    hint: 'a number with a unit, 16M at least: --memory 2G',
  });
}

/** QEMU's PC takes no more. */
const MAXIMAL_CPUS = 255;

/** No kernel boots with less. */
const MINIMAL_MEMORY = 16 * MIB;

/** Somebody watches when both stdin and stdout are a terminal. */
function currentTerminal(type: string | undefined): Terminal | undefined {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const { rows, columns } = process.stdout;
  return { rows: rows || 24, columns: columns || 80, type };
}

function registryEntry(
  plan: VmPlan,
  { image }: ImageHeader,
): Omit<VmEntry, 'version' | 'number' | 'owner'> {
  return {
    hostname: plan.hostname,
    cut: image.cut,
    kernelRelease: image.kernelRelease,
    qemu: undefined,
    consoleLog: plan.consoleLog,
    monitorSocket: plan.monitorSocket,
    pidFile: plan.pidFile,
    since: new Date().toISOString(),
  };
}

async function watchVm(
  plan: VmPlan,
  entry: VmEntry,
  { directory, image, context }: { directory: string; image: ImageInfo; context: Context },
): Promise<number> {
  const { ui, debug } = context;
  const interactive = plan.interactive;
  if (debug) ui.note(formatCommandLine(qemuCommandLine(plan)));
  ui.note(announce(plan, entry));
  const record = await runVm(plan, {
    interactive,
    onStart: (pid) => updateEntry(directory, { ...entry, qemu: identifyProcess(pid) }),
  });
  const outcome = judgeBoot(record, { interactive, autorun: image.autorun });
  for (const line of outcome.lines) ui.note(`rapido: ${line}`);
  if (outcome.consoleTells) ui.note(`rapido: the console is in ${plan.consoleLog}`);
  return outcome.status;
}

function announce(plan: VmPlan, entry: VmEntry): string {
  const { accelerator } = plan;
  const how =
    accelerator.reason === undefined
      ? accelerator.kind === 'kvm'
        ? 'with KVM'
        : 'emulated'
      : `emulated, because ${accelerator.reason}`;
  const leave = plan.interactive ? '; Ctrl-a x kills it' : '';
  return `booting ${entry.cut} as ${plan.hostname} on Linux ${entry.kernelRelease}, ${how}${leave}`;
}
