import { resolve } from 'node:path';
import { findKeyProblems } from '../conf/check-keys.ts';
import type { Conf } from '../conf/conf.ts';
import { describeUnknownKeys, refuseUnknownKeys, withKeys } from '../conf/conf.ts';
import { formatOrigin } from '../conf/explain.ts';
import type { ConfKeyTable } from '../conf/key.ts';
import { type LoadConfOptions, loadConf } from '../conf/load.ts';
import {
  type CutFile,
  cutDirectories,
  findCuts,
  type LoadedCut,
  loadCut,
  pickCut,
} from '../cut/load.ts';
import { UsageError, UserError } from '../errors.ts';
import { architectureOf } from '../host/architecture.ts';
import { type Directories, hintForUnwritable, locateDirectories } from '../host/directories.ts';
import { findKernel, hostKernelSearch, type Kernel } from '../host/kernel.ts';
import {
  decideKernel,
  type KernelChoice,
  type KernelRequest,
  type KernelTree,
  requestKernel,
  treeOf,
  treeOfRequest,
} from '../host/kernel-choice.ts';
import { canWriteTo } from '../sys/stat.ts';
import { trustOf } from '../sys/trust.ts';
import type { Ui } from '../ui/terminal.ts';

/** Options of every command. */
export interface GlobalOptions {
  conf?: string | undefined;
  cutDir?: string[] | undefined;
  debug?: boolean | undefined;
}

/** Options that determine the kernel, of commands that have them. */
export interface KernelOptions {
  /** `--kernel` */
  kernel?: string | undefined;
  /** `--build`: the kernel is built before it is used. */
  build?: string | undefined;
}

/** Shared by all commands. */
export interface BaseContext {
  ui: Ui;
  directories: Directories;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  debug: boolean;
  /** rapido.conf, possibly with unknown keys, which the user's own cuts may define. */
  conf: Conf;
  /** What takes precedence over the kernel in rapido.conf. */
  kernelRequest: KernelRequest;
}

/** For commands that may load cuts. */
export interface Context extends BaseContext {
  /** Searched for on first use. */
  readonly cuts: CutFile[];
}

/** @param env environment of the user, which may differ from that of this process (sudo) */
export function createContext(
  options: GlobalOptions & KernelOptions,
  ui: Ui,
  env: Context['env'] = process.env,
): Context {
  const cwd = process.cwd();
  const directories = locateDirectories(env);
  const kernelRequest = requestKernel(
    {
      option: options.kernel,
      env,
      cwd,
      architecture: architectureOf(process.arch),
      willBuild: options.build !== undefined,
      trust: trustOf(env),
    },
    ui.warn,
  );
  const conf = loadConf({
    confFile: options.conf,
    rapidoDir: directories.root,
    env,
    cwd,
    given: givenBy(kernelRequest),
  });
  for (const warning of conf.warnings) ui.warn(warning);
  const named = (options.cutDir ?? []).map((directory) => resolve(cwd, directory));
  const cutDir = conf.entry('CUT_DIR');
  const confCutDir = cutDir?.origin.from === 'default' ? undefined : cutDir?.text;
  let cuts: CutFile[] | undefined;
  return {
    ui,
    directories,
    env,
    cwd,
    debug: options.debug ?? false,
    conf,
    kernelRequest,
    get cuts() {
      cuts ??= findCuts(cutDirectories(directories, named, confCutDir), trustOf(env));
      return cuts;
    },
  };
}

function givenBy(request: KernelRequest): LoadConfOptions['given'] {
  const text = treeOfRequest(request);
  if (text === undefined) return undefined;
  return { KERNEL_SRC: { text, origin: request?.from === 'option' ? 'option' : 'directory' } };
}

/**
 * Like `createContext`, for a command that needs no cut. Cuts are not loaded: they are code, which must not
 * run as root. Keys that only cuts define are therefore not rejected but reported as warnings.
 */
export function createContextWithoutCuts(
  options: GlobalOptions,
  ui: Ui,
  env: Context['env'] = process.env,
): BaseContext {
  const context = createContext(options, ui, env);
  for (const warning of describeUnknownKeys(context.conf)) ui.warn(warning);
  return context;
}

/** Loads a cut, and adds the keys that it defines to the conf. @throws UserError */
export async function openCut(
  context: Context,
  name: string,
): Promise<{ cut: LoadedCut; conf: Conf }> {
  const file = pickCut(name, context.cuts);
  const cut = await loadCut(file, context.directories);
  const keys = cut.cut.conf?.defines ?? {};
  const keyProblems = findKeyProblems(keys);
  if (keyProblems.length > 0) {
    throw new UsageError(`${cut.path}: conf.defines is not valid`, { problems: keyProblems });
  }
  const conf = withKeys(context.conf, keys);
  await checkUnknownKeys(context, conf);
  return { cut, conf };
}

/**
 * Rejects conf keys that neither rapido nor a cut defines. The user's cuts are loaded only if there are
 * unknown keys.
 * @throws UsageError
 */
export async function checkUnknownKeys(context: Context, conf: Conf): Promise<void> {
  if (conf.unknown.length === 0) return;
  refuseUnknownKeys(conf, await keysOfOwnCuts(context));
}

/** The keys that the user's own cuts define. */
export async function keysOfOwnCuts(context: Context): Promise<ConfKeyTable> {
  const own = context.cuts.filter((file) => file.origin.kind !== 'built-in');
  const loaded = await Promise.allSettled(own.map((file) => loadCut(file, context.directories)));
  const tables = loaded.map((result) => {
    if (result.status === 'fulfilled') return result.value.cut.conf?.defines ?? {};
    warnAboutCut(result.reason, context.ui);
    return {};
  });
  return Object.assign({}, ...tables);
}

/** Prints why a cut cannot be loaded, as a warning. */
export function warnAboutCut(error: unknown, ui: Ui): void {
  if (!(error instanceof UserError)) throw error;
  ui.warn(error.message);
  for (const problem of error.problems) ui.note(`  - ${problem}`);
}

/**
 * Checks that directories are writable before any work begins.
 * @param names of the directories
 * @throws UserError
 */
export function requireWritable(
  { directories, env }: Context,
  names: readonly ('cache' | 'state')[],
): void {
  const closed = names.map((name) => directories[name]).find((path) => !canWriteTo(path));
  if (closed === undefined) return;
  throw new UserError(`${closed} is not writable`, { hint: hintForUnwritable(env) });
}

/** What determines the kernel. A cut may add keys to the conf of the context. */
export type KernelSources = Pick<BaseContext, 'kernelRequest' | 'conf'>;

function kernelChoice({ kernelRequest, conf }: KernelSources): KernelChoice {
  return decideKernel(
    kernelRequest,
    {
      KERNEL_SRC: conf.get('KERNEL_SRC'),
      KERNEL_RELEASE: conf.get('KERNEL_RELEASE'),
      KERNEL_INSTALL_MOD_PATH: conf.get('KERNEL_INSTALL_MOD_PATH'),
    },
    (key) => conf.entry(key)?.origin.from === 'environment',
  );
}

/** Chooses the kernel to cut for and to boot. @throws UserError */
export function chooseKernel(sources: KernelSources): Kernel {
  try {
    return findKernel(kernelChoice(sources), hostKernelSearch(architectureOf(process.arch)));
  } catch (error) {
    if (error instanceof UserError) error.message = withLine(error.message, sources.conf);
    throw error;
  }
}

/** Whether nothing names a kernel, so that an installed one is used. */
export function usesHostKernel(sources: KernelSources): boolean {
  return kernelChoice(sources).kind === 'host';
}

/** The tree of the kernel, which may not be built yet; undefined: it is installed, or an image without a tree. */
export function kernelTree(sources: KernelSources): KernelTree | undefined {
  return treeOf(kernelChoice(sources));
}

/** The first line of commands that use a kernel: which one, and why. */
export function describeKernel({ release, buildTree, image, chosenBy }: Kernel): string {
  const where = buildTree ?? image;
  return `kernel: Linux ${release}, ${where} (${chosenBy})`;
}

/** If the message begins with a conf key that a file sets, prefixes it with the file and line. */
function withLine(message: string, conf: Conf): string {
  const [, key = ''] = /^([A-Z_]+): /.exec(message) ?? [];
  const origin = conf.entry(key)?.origin;
  return origin?.from === 'file' ? `${formatOrigin(origin, conf)}: ${message}` : message;
}
