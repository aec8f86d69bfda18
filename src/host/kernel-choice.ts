import { join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { isDirectory, isFile, listIfReachable } from '../sys/stat.ts';
import { findUntrusted, type Trust } from '../sys/trust.ts';
import type { Architecture } from './architecture.ts';

/**
 * Which kernel is meant, and who says so. The first of these that names one decides: `--kernel`, the environment,
 * the current directory, rapido.conf; otherwise it is a kernel of this host.
 */
export type KernelChoice = KernelPlace & {
  /** What an error message begins with: `--kernel`, `KERNEL_SRC`. */
  name: string;
  /** Why it was chosen, in a few words for the user. */
  reason: string;
  /** KERNEL_INSTALL_MOD_PATH. `isOnly`: modules elsewhere must not be used. */
  modules: { path: string; isOnly: boolean } | undefined;
};

/** Where a kernel is. Paths are absolute. */
export type KernelPlace =
  /** A kernel tree or its O= build directory. */
  | { kind: 'tree'; tree: string }
  /** A kernel image, with its modules beside it or installed on this host. */
  | { kind: 'image'; image: string }
  /** A directory into which a package was unpacked: it has lib/modules or usr/lib/modules. */
  | { kind: 'unpacked'; root: string; release?: string | undefined }
  /** An installed kernel, as `uname -r` prints it. */
  | { kind: 'release'; release: string }
  /** The running kernel, otherwise the newest installed one. */
  | { kind: 'host' };

/** The choice if nothing names a kernel. */
export const HOST_KERNEL: KernelChoice = {
  kind: 'host',
  name: 'the kernel',
  reason: 'installed',
  modules: undefined,
};

/** The conf keys that determine the kernel. */
export interface KernelKeys {
  KERNEL_SRC: string | undefined;
  KERNEL_RELEASE: string | undefined;
  KERNEL_INSTALL_MOD_PATH: string | undefined;
}

/** What takes precedence over KERNEL_SRC of rapido.conf; undefined: nothing does. */
export type KernelRequest =
  | { from: 'option'; place: KernelPlace }
  | { from: 'environment' }
  | { from: 'directory'; place: { kind: 'tree'; tree: string } }
  | undefined;

interface Surroundings {
  /** Value of `--kernel`. */
  option: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  architecture: Architecture;
  /** Whether the kernel will be built first, so that the tree need not have an image yet. */
  willBuild: boolean;
  trust: Trust;
}

/**
 * Finds out who names the kernel, before rapido.conf is read: the values of other keys may refer to KERNEL_SRC.
 * @param warn gets a sentence if there is a kernel in the current directory that must not be used
 * @throws UsageError if `--kernel` names nothing
 */
export function requestKernel(around: Surroundings, warn: (text: string) => void): KernelRequest {
  const { option, env, cwd } = around;
  if (option !== undefined) return { from: 'option', place: parseKernel(option, around) };
  if (env.KERNEL_SRC || env.KERNEL_RELEASE) return { from: 'environment' };
  if (!isKernelTree(cwd, around)) return undefined;
  const untrusted = findUntrusted(join(cwd, '.config'), around.trust);
  if (untrusted === undefined) return { from: 'directory', place: { kind: 'tree', tree: cwd } };
  warn(
    `the kernel in the current directory is ignored, because ${untrusted.path} ${untrusted.why}; --kernel . uses it`,
  );
  return undefined;
}

function isKernelTree(
  directory: string,
  { architecture, willBuild }: Pick<Surroundings, 'architecture' | 'willBuild'>,
): boolean {
  return (
    isFile(join(directory, '.config')) &&
    (isFile(join(directory, architecture.kernelImage)) ||
      (willBuild && isFile(join(directory, 'Makefile'))))
  );
}

/** Parses `--kernel DIR|FILE|RELEASE`. */
function parseKernel(text: string, { cwd, env, architecture }: Surroundings): KernelPlace {
  if (text === '') throw new UsageError('--kernel: the value is empty', { hint: HINT });
  const home = env.HOME;
  const path = resolve(
    cwd,
    home !== undefined && /^~(\/|$)/.test(text) ? join(home, text.slice(1)) : text,
  );
  if (isDirectory(path)) return placeOfDirectory(path);
  if (isFile(path)) return placeOfFile(path, architecture);
  if (text.includes('/')) throw new UsageError(`--kernel: ${path} does not exist`, { hint: HINT });
  return { kind: 'release', release: text };
}

const HINT =
  'give a kernel tree, a kernel image, an unpacked kernel package, or the release of an installed kernel';

/** Where a kernel's modules are below a directory. Some distributions have only usr/lib/modules. */
export function moduleRootsBelow(directory: string): string[] {
  return [join(directory, 'lib/modules'), join(directory, 'usr/lib/modules')];
}

/** Splits the path of a directory with the modules of one kernel; undefined: it is not `…/lib/modules/RELEASE`. */
export function splitModuleDirectory(
  directory: string,
):
  | { /** What is above lib/modules or usr/lib/modules. */ root: string; release: string }
  | undefined {
  const [, root, release] = /^(.*?)(?:\/usr)?\/lib\/modules\/([^/]+)$/.exec(directory) ?? [];
  return root === undefined || release === undefined ? undefined : { root: root || '/', release };
}

function placeOfDirectory(directory: string): KernelPlace {
  const modules = splitModuleDirectory(directory);
  if (modules !== undefined) return { kind: 'unpacked', ...modules };
  const isTree = ['.config', 'Kconfig', 'include/config/kernel.release'].some((name) =>
    isFile(join(directory, name)),
  );
  const isUnpacked = moduleRootsBelow(directory).some((root) => listIfReachable(root).length > 0);
  return isUnpacked && !isTree
    ? { kind: 'unpacked', root: directory }
    : { kind: 'tree', tree: directory };
}

/** An image inside its tree stands for the tree, which also has its modules and its configuration. */
function placeOfFile(file: string, { kernelImage }: Architecture): KernelPlace {
  for (const name of [kernelImage, 'vmlinux']) {
    if (!file.endsWith(`/${name}`)) continue;
    const tree = file.slice(0, -name.length - 1) || '/';
    if (isFile(join(tree, '.config'))) return { kind: 'tree', tree };
  }
  return { kind: 'image', image: file };
}

/**
 * The value that KERNEL_SRC has, whatever rapido.conf says: the values of other keys may refer to it. An installed
 * kernel does not change KERNEL_SRC: its tests may be in a tree.
 */
export function treeOfRequest(request: KernelRequest): string | undefined {
  const place = request !== undefined && 'place' in request ? request.place : undefined;
  return place?.kind === 'tree' ? place.tree : undefined;
}

/**
 * Chooses the kernel. Pure.
 * @param keys the values of the conf
 * @param isFromEnvironment whether a variable of the environment sets the key
 */
export function decideKernel(
  request: KernelRequest,
  keys: KernelKeys,
  isFromEnvironment: (key: keyof KernelKeys) => boolean,
): KernelChoice {
  const { KERNEL_SRC, KERNEL_RELEASE, KERNEL_INSTALL_MOD_PATH } = keys;
  const isOwnKernel = request === undefined || request.from === 'environment';
  const modules =
    KERNEL_INSTALL_MOD_PATH === undefined
      ? undefined
      : {
          path: KERNEL_INSTALL_MOD_PATH,
          // The path in rapido.conf belongs to the kernel in rapido.conf.
          isOnly: isOwnKernel || isFromEnvironment('KERNEL_INSTALL_MOD_PATH'),
        };
  if (request?.from === 'option') {
    return { ...request.place, name: '--kernel', reason: '--kernel', modules };
  }
  if (request?.from === 'directory') {
    const name = 'the current directory';
    return { ...request.place, name, reason: name, modules };
  }
  const reasonOf = (key: keyof KernelKeys): string =>
    isFromEnvironment(key) ? `${key} in the environment` : key;
  // KERNEL_RELEASE in the environment takes precedence over KERNEL_SRC in rapido.conf.
  const isReleaseMeant = request !== undefined && !isFromEnvironment('KERNEL_SRC');
  if (KERNEL_SRC !== undefined && !isReleaseMeant) {
    const reason = reasonOf('KERNEL_SRC');
    return { kind: 'tree', tree: KERNEL_SRC, name: 'KERNEL_SRC', reason, modules };
  }
  if (KERNEL_RELEASE !== undefined) {
    const reason = reasonOf('KERNEL_RELEASE');
    return { kind: 'release', release: KERNEL_RELEASE, name: 'KERNEL_RELEASE', reason, modules };
  }
  return { ...HOST_KERNEL, modules };
}

/** A kernel tree, and where its modules are to be installed. */
export interface KernelTree {
  tree: string;
  /** The INSTALL_MOD_PATH of `make modules_install`. */
  installModPath: string;
}

/** The tree of the kernel; undefined: it has none, because it is installed, or an image. */
export function treeOf(choice: KernelChoice): KernelTree | undefined {
  if (choice.kind !== 'tree') return undefined;
  const { tree, modules } = choice;
  return { tree, installModPath: modules?.isOnly === true ? modules.path : join(tree, 'mods') };
}
