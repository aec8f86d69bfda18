import { basename } from 'node:path';
import { UserError } from '../errors.ts';
import {
  installedKernel,
  newestInstalledKernel,
  requireInstalledKernel,
} from './installed-kernel.ts';
import type { KernelChoice } from './kernel-choice.ts';
import { kernelFromImage, unpackedKernel } from './kernel-from-files.ts';
import { kernelFromTree } from './kernel-in-tree.ts';
import { type Kernel, type KernelSearch, readReleaseOf } from './kernel-search.ts';

export { hostKernelSearch, type Kernel, type KernelSearch } from './kernel-search.ts';

/**
 * Finds the kernel that is meant, complete with its modules.
 * @throws UserError with the command to run if it is not complete
 */
export function findKernel(choice: KernelChoice, search: KernelSearch): Kernel {
  const kernel = locateKernel(choice, search);
  refuseOtherImage(kernel, choice);
  return kernel;
}

function locateKernel(choice: KernelChoice, search: KernelSearch): Kernel {
  switch (choice.kind) {
    case 'tree':
      return kernelFromTree(choice, search);
    case 'image':
      return kernelFromImage(choice, search);
    case 'unpacked':
      return unpackedKernel(choice, search);
    case 'release':
      return requireInstalledKernel(choice, search);
    case 'host':
      return (
        installedKernel(search.runningRelease, 'the running kernel', choice, search) ??
        newestInstalledKernel(choice, search)
      );
  }
}

/**
 * Rejects a kernel image of another release than the build tree's. They differ after an interrupted build. The guest
 * would not find its modules, because modprobe uses the release of the running kernel.
 */
function refuseOtherImage(
  { image, release, chosenBy, buildTree }: Kernel,
  { kind, name }: KernelChoice,
): void {
  const own = readReleaseOf(image);
  if (own === undefined || own === release) return;
  const prefix = kind === 'host' ? chosenBy : name;
  const message =
    buildTree === undefined
      ? `${prefix}: ${image} is Linux ${own}, not ${release}`
      : `${prefix}: ${basename(image)} is ${own}, but the tree is at ${release}; interrupted build?`;
  throw new UserError(message, {
    hint:
      buildTree === undefined
        ? 'install the package of that kernel again, or set KERNEL_RELEASE'
        : `make -C ${buildTree} -j$(nproc)`,
  });
}
