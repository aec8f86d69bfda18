import { closeSync, openSync, readSync } from 'node:fs';
import { release } from 'node:os';
import { basename, join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { readImageRelease } from '../formats/bzimage/bzimage.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import {
  isDirectory,
  isFile,
  isReadable,
  listIfReachable,
  readTextIfReachable,
} from '../sys/stat.ts';
import type { Architecture } from './architecture.ts';

/** A kernel that can be booted, and its modules. */
export interface Kernel {
  /** The output of `uname -r`. */
  release: string;
  /** Path of the bootable image: bzImage, Image, vmlinuz. */
  image: string;
  /** `…/lib/modules/RELEASE`, or undefined for a kernel built without modules. */
  modules: string | undefined;
  /** Set if the kernel is from KERNEL_SRC, but its modules are those that the host has installed for this release. */
  hasForeignModules?: true;
  /** The build tree, which contains modules.builtin if there is no module directory. */
  buildTree: string | undefined;
  /** The file with its configuration; undefined if there is no readable file. */
  config: string | undefined;
  /** Why it was chosen, in a few words for the user. */
  chosenBy: string;
}

/** The conf keys that determine the kernel. */
export interface KernelChoice {
  KERNEL_SRC: string | undefined;
  KERNEL_RELEASE: string | undefined;
  KERNEL_INSTALL_MOD_PATH: string | undefined;
}

/** Where kernels are on the host. Tests use other directories. */
export interface KernelSearch {
  architecture: Architecture;
  runningRelease: string;
  /** Directory with vmlinuz-RELEASE files. */
  boot: string;
  /** Directories that hold a directory per release. */
  moduleRoots: readonly string[];
}

export function hostKernelSearch(architecture: Architecture): KernelSearch {
  return {
    architecture,
    runningRelease: release(),
    boot: '/boot',
    moduleRoots: ['/lib/modules', '/usr/lib/modules'],
  };
}

/**
 * Chooses the kernel to cut for and to boot: KERNEL_SRC, otherwise KERNEL_RELEASE, otherwise the running
 * kernel if it can be booted, otherwise the newest installed kernel.
 * @throws UserError with the command to run if the chosen kernel is not complete
 */
export function findKernel(choice: KernelChoice, search: KernelSearch): Kernel {
  const kernel = chooseKernel(choice, search);
  refuseOtherImage(kernel);
  return kernel;
}

function chooseKernel(choice: KernelChoice, search: KernelSearch): Kernel {
  if (choice.KERNEL_SRC !== undefined) {
    return kernelFromTree(choice.KERNEL_SRC, choice.KERNEL_INSTALL_MOD_PATH, search);
  }
  const modulesPath = choice.KERNEL_INSTALL_MOD_PATH;
  const roots = modulesPath === undefined ? search.moduleRoots : moduleRootsBelow(modulesPath);
  if (choice.KERNEL_RELEASE !== undefined) {
    return requireInstalledKernel(choice.KERNEL_RELEASE, roots, search);
  }
  const running = installedKernel(search.runningRelease, roots, search, 'the running kernel');
  if (running !== undefined) return running;
  return newestInstalledKernel(roots, search);
}

/**
 * Rejects a kernel image of another release than the build tree's. They differ after an interrupted build. The guest
 * would not find its modules, because modprobe uses the release of the running kernel.
 */
function refuseOtherImage({ image, release, chosenBy, buildTree }: Kernel): void {
  const own = readReleaseOf(image);
  if (own === undefined || own === release) return;
  const message =
    buildTree === undefined
      ? `${chosenBy}: ${image} is Linux ${own}, not ${release}`
      : `${chosenBy}: ${basename(image)} is ${own}, but the tree is at ${release}; interrupted build?`;
  throw new UserError(message, {
    hint:
      buildTree === undefined
        ? 'install the package of that kernel again, or set KERNEL_RELEASE'
        : `make -C ${buildTree} -j$(nproc)`,
  });
}

function readReleaseOf(image: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(image, 'r');
  } catch {
    return undefined; // The boot reports it.
  }
  try {
    return readImageRelease((offset, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
    });
  } finally {
    closeSync(fd);
  }
}

/** Where `make modules_install` installs modules below INSTALL_MOD_PATH. Kernels of some distributions use usr/lib. */
function moduleRootsBelow(directory: string): string[] {
  return [join(directory, 'lib/modules'), join(directory, 'usr/lib/modules')];
}

function kernelFromTree(
  tree: string,
  installModPath: string | undefined,
  search: KernelSearch,
): Kernel {
  if (!isDirectory(tree)) {
    throw new UsageError(`KERNEL_SRC: ${tree} is not a directory`, {
      hint: 'set KERNEL_SRC to a kernel tree or its O= build directory, or unset it to boot an installed kernel',
    });
  }
  const { architecture } = search;
  const config = readTextIfReachable(join(tree, '.config'));
  const release = readTextIfReachable(join(tree, 'include/config/kernel.release'))?.trim();
  if (config !== undefined && !config.split('\n').includes(architecture.configLine)) {
    throw new UserError(
      `KERNEL_SRC: ${tree} is configured for ${configuredArchitecture(config)}, but this host is ${architecture.name}`,
      {
        hint: `the image contains this host's programs: configure the kernel for ${architecture.name}`,
      },
    );
  }
  const image = join(tree, architecture.kernelImage);
  const missing = [
    ...(config === undefined ? ['.config'] : []),
    ...(release ? [] : ['include/config/kernel.release']),
    ...(isFile(image) ? [] : [architecture.kernelImage]),
  ];
  if (!release || missing.length > 0) {
    const lacks = `KERNEL_SRC: ${tree} is not built (no ${listWithOr(missing)})`;
    const looksLikeSource = isFile(join(tree, 'Kconfig')) || config !== undefined;
    throw new UserError(lacks, {
      // No commit contains a .config, so another one does not help.
      ...(config !== undefined && { dependsOn: 'kernel' }),
      hint: looksLikeSource
        ? `${buildCommand(tree, config, installModPath)}   # or set KERNEL_SRC to the O= directory it was built in`
        : 'set KERNEL_SRC to the top of a kernel tree, or to the O= directory it was built in',
    });
  }
  const modules = config?.split('\n').includes('CONFIG_MODULES=y')
    ? treeModules(tree, release, installModPath, search)
    : undefined;
  const isForeign = search.moduleRoots.some((root) => modules === join(root, release));
  return {
    release,
    image,
    modules,
    ...(isForeign && { hasForeignModules: true }),
    buildTree: tree,
    config: join(tree, '.config'),
    chosenBy: 'KERNEL_SRC',
  };
}

/** All remaining commands for a bootable kernel, so that the user does not find out step by step. */
function buildCommand(
  tree: string,
  config: string | undefined,
  installModPath: string | undefined,
): string {
  const hasModules = config === undefined || config.split('\n').includes('CONFIG_MODULES=y');
  return [
    formatCommandLine(['cd', tree]),
    ...(config === undefined ? ['make defconfig kvm_guest.config'] : []),
    'make -j$(nproc)',
    ...(hasModules ? [installCommand(installModPath)] : []),
  ].join(' && ');
}

function installCommand(installModPath: string | undefined): string {
  return formatCommandLine([
    'make',
    `INSTALL_MOD_PATH=${installModPath ?? './mods'}`,
    'modules_install',
  ]);
}

/** Modules of a built tree: only KERNEL_INSTALL_MOD_PATH if set, otherwise TREE/mods, otherwise installed modules. */
function treeModules(
  tree: string,
  release: string,
  installModPath: string | undefined,
  search: KernelSearch,
): string {
  const roots =
    installModPath === undefined
      ? [...moduleRootsBelow(join(tree, 'mods')), ...search.moduleRoots]
      : moduleRootsBelow(installModPath);
  const found = roots.map((root) => join(root, release)).find(isDirectory);
  if (found !== undefined) return found;
  const ownRoots = roots.filter((root) => !search.moduleRoots.includes(root));
  const others = ownRoots.flatMap(listDirectory);
  const key = installModPath === undefined ? `${tree}/mods` : 'KERNEL_INSTALL_MOD_PATH';
  throw new UserError(
    others.length > 0
      ? `${key} has modules for ${others.join(', ')}, but the kernel in ${tree} is ${release}`
      : `the modules for ${tree} (${release}) are not installed`,
    {
      dependsOn: 'kernel',
      problems: roots.map((root) => `looked for ${join(root, release)}`),
      hint: `${formatCommandLine(['cd', tree])} && ${installCommand(installModPath)}`,
    },
  );
}

/** "a", "a or b", "a, b or c" */
function listWithOr(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' or ');
}

function configuredArchitecture(config: string): string {
  return /^# Linux\/(\S+) .*Kernel Configuration$/m.exec(config)?.[1] ?? 'another architecture';
}

function installedKernel(
  release: string,
  moduleRoots: readonly string[],
  search: KernelSearch,
  chosenBy: string,
): Kernel | undefined {
  const modules = moduleRoots.map((root) => join(root, release)).find(isDirectory);
  if (modules === undefined) return undefined;
  const image = [join(search.boot, `vmlinuz-${release}`), join(modules, 'vmlinuz')].find(
    isReadable,
  );
  if (image === undefined) return undefined;
  const config = [
    join(search.boot, `config-${release}`),
    join(modules, 'config'),
    join(modules, 'build/.config'),
  ].find(isReadable);
  return { release, image, modules, buildTree: undefined, config, chosenBy };
}

function requireInstalledKernel(
  release: string,
  moduleRoots: readonly string[],
  search: KernelSearch,
): Kernel {
  const kernel = installedKernel(release, moduleRoots, search, 'KERNEL_RELEASE');
  if (kernel !== undefined) return kernel;
  const installed = installedReleases(moduleRoots, search);
  throw new UsageError(`KERNEL_RELEASE: cannot boot kernel ${release}`, {
    problems: lacksOf(release, moduleRoots, search),
    hint:
      installed.length > 0
        ? `bootable kernels: ${installed.join(', ')}`
        : 'install its package, or set KERNEL_SRC to a kernel tree',
  });
}

function lacksOf(release: string, moduleRoots: readonly string[], search: KernelSearch): string[] {
  const image = join(search.boot, `vmlinuz-${release}`);
  const modules = moduleRoots.map((root) => join(root, release));
  return [
    ...(isReadable(image)
      ? []
      : [
          isFile(image)
            ? `cannot read ${image}: permission denied (sudo chmod +r ${image})`
            : `${image} does not exist`,
        ]),
    ...(modules.some(isDirectory) ? [] : [`no ${modules.join(', no ')}`]),
  ];
}

function newestInstalledKernel(moduleRoots: readonly string[], search: KernelSearch): Kernel {
  const [newest] = installedReleases(moduleRoots, search);
  const kernel =
    newest === undefined
      ? undefined
      : installedKernel(newest, moduleRoots, search, 'the newest installed kernel');
  if (kernel !== undefined) return kernel;
  const unreadable = listDirectory(search.boot)
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => join(search.boot, name))
    .filter((path) => !isReadable(path));
  throw new UserError('no kernel to boot', {
    problems: unreadable.map((path) => `cannot read ${path}: permission denied`),
    hint:
      unreadable.length > 0
        ? `sudo chmod +r ${unreadable.join(' ')}`
        : 'set KERNEL_SRC to a built kernel tree, or install a kernel package',
  });
}

/** Releases that have both an image and modules, newest first. */
function installedReleases(moduleRoots: readonly string[], search: KernelSearch): string[] {
  const releases = new Set([
    ...listDirectory(search.boot)
      .filter((name) => name.startsWith('vmlinuz-'))
      .map((name) => name.slice('vmlinuz-'.length)),
    ...moduleRoots.flatMap(listDirectory),
  ]);
  return [...releases]
    .filter((release) => installedKernel(release, moduleRoots, search, '') !== undefined)
    .sort(compareReleases)
    .reverse();
}

/** Orders 6.9.1 before 6.10.0-rc1 before 6.10.0 before 6.10.0-1-amd64: numbers are compared numerically. */
export function compareReleases(a: string, b: string): number {
  const [first, second] = [parseRelease(a), parseRelease(b)];
  return (
    compareNaturally(first.version, second.version) ||
    first.candidate - second.candidate ||
    compareNaturally(first.rest, second.rest)
  );
}

/** 6.10-rc2-amd64 is version 6.10, candidate 2; a released kernel comes after every candidate. */
function parseRelease(release: string): { version: string; candidate: number; rest: string } {
  const [, version = '', candidate, rest = ''] =
    /^(\d+(?:\.\d+)*)?(?:[-~]rc(\d+))?(.*)$/s.exec(release) ?? [];
  return {
    // The release of upstream 6.10 is 6.10.0; some distributions omit the zero.
    version: version.replace(/^\d+\.\d+$/, '$&.0'),
    candidate: candidate === undefined ? Number.MAX_SAFE_INTEGER : Number(candidate),
    rest,
  };
}

function compareNaturally(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function listDirectory(path: string): string[] {
  return listIfReachable(path).sort();
}
