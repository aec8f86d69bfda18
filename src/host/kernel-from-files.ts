import { basename, dirname, join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { isDirectory } from '../sys/stat.ts';
import { installedReleases } from './installed-kernel.ts';
import { type KernelChoice, moduleRootsBelow } from './kernel-choice.ts';
import {
  findConfig,
  IMAGE_NAMES,
  imagesOf,
  type Kernel,
  type KernelSearch,
  kernelIn,
  listDirectory,
  moduleRoots,
  readReleaseOf,
} from './kernel-search.ts';

type ImageChoice = Extract<KernelChoice, { kind: 'image' }>;

/** A kernel image that is in no tree: its modules are beside it, as in a package, or installed on this host. */
export function kernelFromImage(choice: ImageChoice, search: KernelSearch): Kernel {
  const { image, name, reason } = choice;
  const directory = dirname(image);
  const beside = [
    ...moduleRootsBelow(directory),
    ...moduleRootsBelow(join(directory, 'mods')),
    ...(basename(directory) === 'boot' ? moduleRootsBelow(dirname(directory)) : []),
  ];
  const release = readReleaseOf(image) ?? releaseBeside(choice, beside);
  // Some packages have the image in the directory of the modules.
  const own = [...beside, ...(basename(directory) === release ? [dirname(directory)] : [])];
  const roots = moduleRoots(choice, own, search);
  const modules = roots.map((root) => join(root, release)).find(isDirectory);
  if (modules === undefined) {
    throw new UserError(`${name}: ${image} is Linux ${release}, whose modules are not beside it`, {
      problems: roots.map((root) => `looked for ${join(root, release)}`),
      hint: `in its tree: make INSTALL_MOD_PATH=${join(directory, 'mods')} modules_install`,
    });
  }
  const config = findConfig(release, modules, directory);
  return { release, image, modules, buildTree: undefined, config, chosenBy: reason };
}

/** The release of an image that does not contain it in plain text, such as an arm64 Image. */
function releaseBeside({ image, name }: ImageChoice, roots: readonly string[]): string {
  const named = IMAGE_NAMES.map((prefix) => `${prefix}-`).find((prefix) =>
    basename(image).startsWith(prefix),
  );
  if (named !== undefined) return basename(image).slice(named.length);
  const directory = dirname(image);
  const isModuleDirectory = basename(dirname(directory)) === 'modules';
  const releases = isModuleDirectory ? [basename(directory)] : roots.flatMap(listDirectory);
  const [release, ...others] = new Set(releases);
  if (release !== undefined && others.length === 0) return release;
  throw new UsageError(`${name}: the release of ${image} is not known: it is not a bzImage`, {
    hint:
      others.length > 0
        ? `there are modules of ${releases.join(', ')} beside it: rename it, for example vmlinuz-${release}`
        : 'give the kernel tree, or name the file vmlinuz-RELEASE',
  });
}

type UnpackedChoice = Extract<KernelChoice, { kind: 'unpacked' }>;

/** The kernel of a package that was unpacked with `dpkg -x` or `rpm2cpio`. */
export function unpackedKernel(choice: UnpackedChoice, search: KernelSearch): Kernel {
  const { root, name, reason } = choice;
  const boot = join(root, 'boot');
  const roots = moduleRootsBelow(root);
  const releases = choice.release === undefined ? roots.flatMap(listDirectory) : [choice.release];
  const kernels = [...new Set(releases)].flatMap(
    (release) => kernelIn(release, reason, roots, boot) ?? [],
  );
  const [kernel, ...others] = kernels;
  if (kernel !== undefined && others.length === 0) return kernel;
  if (kernel !== undefined) {
    throw new UsageError(
      `${name}: ${root} has several kernels: ${kernels.map(({ release }) => release).join(', ')}`,
      { hint: `name one: --kernel ${kernel.image}` },
    );
  }
  const installed = installedReleases(search.moduleRoots, search);
  throw new UsageError(`${name}: ${root} has modules, but no kernel image`, {
    problems: releases.flatMap((release) =>
      imagesOf(release, roots, boot).map((path) => `looked for ${path}`),
    ),
    hint:
      installed.length > 0 && root === '/'
        ? `kernels that can be booted: ${installed.join(', ')}`
        : 'some distributions have the image in a package of its own: unpack it there, too',
  });
}
