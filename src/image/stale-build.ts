import { join, relative } from 'node:path';
import { moduleNameOfPath } from '../formats/kmod/resolve.ts';
import type { Kernel } from '../host/kernel.ts';
import { splitModuleDirectory } from '../host/kernel-choice.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { readTextIfReachable, statIfReachable } from '../sys/stat.ts';

/**
 * Warns of a kernel tree that was changed but not built or installed as a whole.
 * @param installed absolute paths of the modules that are in the image
 */
export function warnOfStaleBuild(kernel: Kernel, installed: readonly string[]): string[] {
  const { buildTree: tree, image } = kernel;
  if (tree === undefined) return [];
  const make = formatCommandLine(['make', '-C', tree]);
  const old = findRebuilt(kernel, installed);
  return [
    ...(isReconfigured(tree)
      ? [`${join(tree, '.config')} was changed since the kernel was built: ${make}`]
      : []),
    // The image is made from vmlinux, and is therefore newer.
    ...(isNewer(join(tree, 'vmlinux'), image)
      ? [`${image} is older than vmlinux, because the build was not completed: ${make}`]
      : []),
    ...(old.length === 0
      ? []
      : [
          `${old.join(', ')}: rebuilt since the last modules_install; the image contains the old modules: ${installCommand(kernel)}`,
        ]),
  ];
}

/** Whether an option has another value than in the last build, of which include/config/auto.conf has the values. */
function isReconfigured(tree: string): boolean {
  const [config, built] = [join(tree, '.config'), join(tree, 'include/config/auto.conf')];
  return isNewer(config, built) && valuesIn(config) !== valuesIn(built);
}

/** The lines with values, in an order that does not depend on that of the file. */
function valuesIn(path: string): string {
  const lines = readTextIfReachable(path)?.split('\n') ?? [];
  return lines
    .filter((line) => /^CONFIG_\w+=./.test(line))
    .sort()
    .join('\n');
}

/** Names of the modules of which the tree has a newer build than the installed one. */
function findRebuilt({ buildTree, modules }: Kernel, installed: readonly string[]): string[] {
  if (buildTree === undefined || modules === undefined) return [];
  return installed
    .filter((path) => {
      const inTree = relative(modules, path).replace(/^kernel\//, '');
      return isNewer(join(buildTree, inTree.replace(/\.ko\.\w+$/, '.ko')), path);
    })
    .map(moduleNameOfPath);
}

/** Whether both files exist, and the first was modified later. */
function isNewer(path: string, than: string): boolean {
  const [first, second] = [statIfReachable(path), statIfReachable(than)];
  return first !== undefined && second !== undefined && first.mtimeMs > second.mtimeMs;
}

/** Whether the tree has built a module, which may not be installed. */
export function hasBuilt({ buildTree }: Kernel, module: string): boolean {
  if (buildTree === undefined) return false;
  const order = readTextIfReachable(join(buildTree, 'modules.order')) ?? '';
  return order
    .split('\n')
    .some((line) => line !== '' && moduleNameOfPath(line) === moduleNameOfPath(module));
}

/** The command that installs the modules of a kernel tree where they are installed now. */
export function installCommand({ buildTree = '.', modules }: Kernel): string {
  const { root = './mods' } = splitModuleDirectory(modules ?? '') ?? {};
  const make = ['make', '-C', buildTree];
  return root === '/'
    ? formatCommandLine(['sudo', ...make, 'modules_install'])
    : formatCommandLine([...make, `INSTALL_MOD_PATH=${root}`, 'modules_install']);
}
