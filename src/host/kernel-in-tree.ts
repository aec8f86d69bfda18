import { join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { listWithOr } from '../sys/list-words.ts';
import { isDirectory, isFile, readTextIfReachable } from '../sys/stat.ts';
import { type KernelChoice, moduleRootsBelow } from './kernel-choice.ts';
import { type Kernel, type KernelSearch, listDirectory, moduleRoots } from './kernel-search.ts';

type TreeChoice = Extract<KernelChoice, { kind: 'tree' }>;

export function kernelFromTree(choice: TreeChoice, search: KernelSearch): Kernel {
  const { tree, name, reason } = choice;
  const isOption = name === '--kernel';
  if (!isDirectory(tree)) {
    throw new UsageError(`${name}: ${tree} is not a directory`, {
      hint: 'set KERNEL_SRC to a kernel tree or its O= build directory, or unset it to boot an installed kernel',
    });
  }
  const { architecture } = search;
  const config = readTextIfReachable(join(tree, '.config'));
  const release = readTextIfReachable(join(tree, 'include/config/kernel.release'))?.trim();
  if (config !== undefined && !config.split('\n').includes(architecture.configLine)) {
    throw new UserError(
      `${name}: ${tree} is configured for ${configuredArchitecture(config)}, but this host is ${architecture.name}`,
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
    const lacks = `${name}: ${tree} is not built (no ${listWithOr(missing)})`;
    const looksLikeSource = isFile(join(tree, 'Kconfig')) || config !== undefined;
    throw new UserError(lacks, {
      // No commit contains a .config, so another one does not help.
      ...(config !== undefined && { dependsOn: 'kernel' }),
      hint: looksLikeSource
        ? `${buildCommand(choice, config)}   # or ${isOption ? 'give' : 'set KERNEL_SRC to'} the O= directory it was built in`
        : isOption
          ? 'give a kernel tree, its O= directory, or a directory with boot/ and lib/modules/ of an unpacked package'
          : 'set KERNEL_SRC to the top of a kernel tree, or to the O= directory it was built in',
    });
  }
  const modules = config?.split('\n').includes('CONFIG_MODULES=y')
    ? treeModules(choice, release, search)
    : undefined;
  const isForeign = search.moduleRoots.some((root) => modules === join(root, release));
  return {
    release,
    image,
    modules,
    ...(isForeign && { hasForeignModules: true }),
    buildTree: tree,
    config: join(tree, '.config'),
    chosenBy: reason,
  };
}

/** All remaining commands for a bootable kernel, so that the user does not find out step by step. */
function buildCommand({ tree, modules }: TreeChoice, config: string | undefined): string {
  const hasModules = config === undefined || config.split('\n').includes('CONFIG_MODULES=y');
  return [
    formatCommandLine(['cd', tree]),
    ...(config === undefined ? ['make defconfig kvm_guest.config'] : []),
    'make -j$(nproc)',
    ...(hasModules ? [installCommand(modules)] : []),
  ].join(' && ');
}

function installCommand(named: TreeChoice['modules']): string {
  const path = named?.isOnly === true ? named.path : './mods';
  return formatCommandLine(['make', `INSTALL_MOD_PATH=${path}`, 'modules_install']);
}

/** Modules of a built tree: only KERNEL_INSTALL_MOD_PATH if set, otherwise TREE/mods, otherwise installed modules. */
function treeModules(choice: TreeChoice, release: string, search: KernelSearch): string {
  const { tree, modules: named } = choice;
  const roots = moduleRoots(choice, moduleRootsBelow(join(tree, 'mods')), search);
  const found = roots.map((root) => join(root, release)).find(isDirectory);
  if (found !== undefined) return found;
  const ownRoots = roots.filter((root) => !search.moduleRoots.includes(root));
  const others = ownRoots.flatMap(listDirectory);
  const key = named?.isOnly === true ? 'KERNEL_INSTALL_MOD_PATH' : `${tree}/mods`;
  throw new UserError(
    others.length > 0
      ? `${key} has modules for ${others.join(', ')}, but the kernel in ${tree} is ${release}`
      : `the modules for ${tree} (${release}) are not installed`,
    {
      dependsOn: 'kernel',
      problems: roots.map((root) => `looked for ${join(root, release)}`),
      hint: `${formatCommandLine(['cd', tree])} && ${installCommand(named)}`,
    },
  );
}

/** What a configuration is for, if it is not for this host. */
function configuredArchitecture(config: string): string {
  // `make tinyconfig` makes such a kernel.
  if (config.split('\n').includes('CONFIG_X86_32=y')) {
    return '32-bit x86 (CONFIG_64BIT is not set)';
  }
  return /^# Linux\/(\S+) .*Kernel Configuration$/m.exec(config)?.[1] ?? 'another architecture';
}
