import { closeSync, openSync, readSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { readImageRelease } from '../formats/bzimage/bzimage.ts';
import { isDirectory, isReadable, listIfReachable } from '../sys/stat.ts';
import type { Architecture } from './architecture.ts';
import { type KernelChoice, moduleRootsBelow } from './kernel-choice.ts';

/** A kernel that can be booted, and its modules. */
export interface Kernel {
  /** The output of `uname -r`. */
  release: string;
  /** Path of the bootable image: bzImage, Image, vmlinuz. */
  image: string;
  /** `…/lib/modules/RELEASE`, or undefined for a kernel built without modules. */
  modules: string | undefined;
  /** Set if the kernel is from a tree, but its modules are those that the host has installed for this release. */
  hasForeignModules?: true;
  /** The build tree, which contains modules.builtin if there is no module directory. */
  buildTree: string | undefined;
  /** The file with its configuration; undefined if there is no readable file. */
  config: string | undefined;
  /** Why it was chosen, in a few words for the user. */
  chosenBy: string;
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
 * The directories that may have a directory with the modules of the kernel, in the order of precedence.
 * @param own directories that belong to the kernel
 */
export function moduleRoots(
  { modules }: KernelChoice,
  own: readonly string[],
  search: KernelSearch,
): string[] {
  const named = modules === undefined ? [] : moduleRootsBelow(modules.path);
  return modules?.isOnly === true ? named : [...own, ...named, ...search.moduleRoots];
}

/** Names of kernel images in /boot (before `-RELEASE`) and in module directories. */
export const IMAGE_NAMES = ['vmlinuz', 'bzImage', 'Image'];

export function imagesOf(release: string, roots: readonly string[], boot: string): string[] {
  return [
    ...IMAGE_NAMES.map((name) => join(boot, `${name}-${release}`)),
    ...roots.flatMap((root) => IMAGE_NAMES.map((name) => join(root, release, name))),
  ];
}

export function kernelIn(
  release: string,
  chosenBy: string,
  roots: readonly string[],
  boot: string,
): Kernel | undefined {
  const modules = roots.map((root) => join(root, release)).find(isDirectory);
  const image = imagesOf(release, roots, boot).find(isReadable);
  if (modules === undefined || image === undefined) return undefined;
  const config = findConfig(release, modules, boot);
  return { release, image, modules, buildTree: undefined, config, chosenBy };
}

/** @param beside the directory of the image */
export function findConfig(release: string, modules: string, beside: string): string | undefined {
  return [
    join(beside, `config-${release}`),
    join(modules, 'config'),
    join(modules, 'build/.config'),
  ].find(isReadable);
}

/** @returns undefined if the image cannot be read, or does not contain its release */
export function readReleaseOf(image: string): string | undefined {
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

export function listDirectory(path: string): string[] {
  return listIfReachable(path).sort();
}
