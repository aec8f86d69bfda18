import { dirname, resolve } from 'node:path';
import {
  type Context,
  chooseKernel,
  createContext,
  describeKernel,
  type GlobalOptions,
  type KernelOptions,
  openCut,
  requireWritable,
} from '../cli/context.ts';
import { UsageError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import { type BuiltImage, type BuiltLayer, buildImage } from '../image/build.ts';
import { limitCache } from '../image/cache-files.ts';
import { describePlan } from '../image/describe-plan.ts';
import { imageDirectory, imagePath, rememberLast } from '../image/location.ts';
import { resolveImage } from '../image/resolve.ts';
import type { CutExtras } from '../image/resolve-request.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { isDirectory, statIfReachable } from '../sys/stat.ts';
import { formatBytes, formatSeconds } from '../ui/format.ts';
import type { Ui } from '../ui/terminal.ts';
import type { BootOptions } from './boot-image.ts';
import { parseNetworkKind } from './network.ts';
import type { VmOptions } from './start.ts';

export interface CutOptions extends GlobalOptions, KernelOptions, VmOptions {
  boot?: boolean | undefined;
  install?: string[] | undefined;
  include?: string[] | undefined;
  driver?: string[] | undefined;
  output?: string | undefined;
  dryRun?: boolean | undefined;
  rebuild?: boolean | undefined;
  /** `-x` and `-f`, in the order they were given. */
  commands: CutExtras['commands'];
  /** The arguments after `--`; undefined: there is no `--`. */
  qemuArguments?: string[] | undefined;
}

/** `rapido cut NAME` */
export async function runCut(name: string, options: CutOptions, ui: Ui): Promise<number> {
  const startedMs = performance.now();
  const context = createContext(options, ui);
  await checkBootOptions(options, context);
  if (options.commands.some((each) => 'command' in each && each.command.trim() === '')) {
    throw new UsageError('-x: the command is empty', { hint: "-x 'uname -a'" });
  }
  return cutTarget(name, options, context, { startedMs, print: ui.result });
}

/** Cuts a target again and boots it, for `rapido boot`. */
export function cutAndBoot(name: string, options: BootOptions, context: Context): Promise<number> {
  const print = context.ui.note;
  const cutOptions = { ...options, boot: true, commands: [] };
  return cutTarget(name, cutOptions, context, { startedMs: performance.now(), print });
}

interface Report {
  startedMs: number;
  /** Prints the line that describes the image. */
  print: (line: string) => void;
}

async function cutTarget(
  name: string,
  options: CutOptions & BootOptions,
  context: Context,
  { startedMs, print }: Report,
): Promise<number> {
  const { ui } = context;
  const { cut, conf } = await openCut(context, name);
  if (options.dryRun !== true) requireWritable(context, ['cache']);
  const kernel = chooseKernel(context);
  // Of a dry run, it is the first line of the plan.
  if (options.dryRun !== true) ui.note(describeKernel(kernel));
  const output =
    options.output === undefined
      ? checkImage(imagePath(conf, cut.name), 'DRACUT_OUT')
      : checkOutput(resolve(context.cwd, options.output));
  const { plan, moduleTree, listing, leftOut, warnings, notes } = resolveImage({
    cut,
    conf,
    kernel,
    extras: extrasOf(options),
    run: undefined,
    output,
    willBuild: options.dryRun !== true,
    directories: context.directories,
    env: context.env,
    cwd: context.cwd,
  });
  for (const warning of warnings) ui.warn(warning);
  for (const note of notes) ui.note(note);
  if (options.dryRun === true) {
    for (const line of describePlan(plan, kernel)) ui.result(line);
    return 0;
  }
  if (context.debug && leftOut.length > 0)
    ui.note(`omitted, not on this host: ${leftOut.join(' ')}`);
  const image = await cleaningUpOnSignals(() =>
    buildImage(plan, {
      cache: context.directories.cache,
      rebuild: options.rebuild ?? false,
      moduleTree,
      listing,
      onProgress: ui.progress,
      onDracutLine: context.debug ? ui.note : undefined,
    }),
  );
  ui.endProgress();
  rememberLast(conf, image.path);
  if (!image.unchanged)
    limitCache(context.directories.cache, imageDirectory(conf), conf.get('CACHE_SIZE'));
  report(image, kernel, performance.now() - startedMs, { ...context, print });
  if (options.boot !== true) {
    ui.note('next: `rapido boot`');
    return 0;
  }
  const { bootImage } = await import('./boot-image.ts');
  return bootImage({ path: image.path, kernel, wasJustCut: true }, conf, options, context);
}

/** Rejects wrong VM options before anything is cut, and VM options without `-b`, which would have no effect. */
async function checkBootOptions(options: CutOptions, { cwd, env }: Context): Promise<void> {
  if (options.boot === true) {
    const { checkVmOptions } = await import('./start.ts');
    const { checkDiskOptions } = await import('./disks.ts');
    checkVmOptions(options);
    checkDiskOptions(options.disk, cwd, env);
    return;
  }
  const { cpus, memory, disk, forward, share, append, qemuArg, qemuArguments } = options;
  const given = {
    '--cpus': cpus,
    '--memory': memory,
    '--disk': disk,
    '--forward': forward,
    '--share': share,
    '--append': append,
    '--qemu-arg': qemuArg,
    '`--`': qemuArguments,
  };
  const unused = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (unused === undefined) return;
  throw new UsageError(`${unused} needs --boot`, {
    hint: 'add --boot, or pass it to `rapido boot`',
  });
}

/** The directory of `-o` must exist: a misspelt path must not create directories. */
function checkOutput(path: string): string {
  if (!isDirectory(dirname(path))) throw new UsageError(`-o: ${dirname(path)} is not a directory`);
  return checkImage(path, '-o');
}

/** Rejects a path that rapido must not replace: a directory or a device. */
function checkImage(path: string, source: string): string {
  const stats = statIfReachable(path);
  if (stats === undefined || stats.isFile()) return path;
  const kind = stats.isDirectory() ? 'a directory' : 'not a regular file';
  throw new UsageError(`${source}: ${path} is ${kind}`);
}

function extrasOf(options: CutOptions): CutExtras {
  return {
    install: options.install ?? [],
    include: options.include ?? [],
    drivers: options.driver ?? [],
    network: parseNetworkKind(options),
    qemuArguments: [...(options.qemuArg ?? []), ...(options.qemuArguments ?? [])],
    commands: options.commands,
  };
}

function report(
  image: BuiltImage,
  kernel: Kernel,
  elapsedMs: number,
  { ui, debug, print }: Context & Pick<Report, 'print'>,
): void {
  for (const warning of image.warnings) ui.warn(warning);
  const size = formatBytes(image.bytes);
  const layers = image.unchanged ? 'unchanged' : image.layers.map(describeLayer).join(', ');
  print(
    `${image.path}: ${size} for Linux ${kernel.release} in ${formatSeconds(elapsedMs)} (${layers})`,
  );
  if (debug) {
    for (const { kind, madeBecause } of image.layers) {
      ui.note(`${kind}: ${madeBecause === undefined ? 'reused' : `built: ${madeBecause}`}`);
    }
  }
}

function describeLayer({ kind, bytes, madeBecause }: BuiltLayer): string {
  return madeBecause === undefined ? `${kind} reused` : `${kind} built, ${formatBytes(bytes)}`;
}
