import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import { planModules, readModuleTree } from '../../src/formats/kmod/modules.ts';
import { architectureOf } from '../../src/host/architecture.ts';
import { findKernel, hostKernelSearch, type Kernel } from '../../src/host/kernel.ts';
import { HOST_KERNEL } from '../../src/host/kernel-choice.ts';
import { readModuleFile } from './module-file.ts';

/** The kernel of this host that VM tests boot, or undefined if there is none. */
export function hostKernel(): Kernel | undefined {
  try {
    return findKernel(HOST_KERNEL, hostKernelSearch(architectureOf(process.arch)));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Whether a driver is built into that kernel. */
export function isBuiltIn(driver: string): boolean {
  const modules = hostKernel()?.modules;
  if (modules === undefined) return false;
  return planModules(readModuleTree(modules), [driver]).builtin.includes(driver);
}

export interface KernelTreeOptions {
  /** Modules in the tree; their dependencies are added. */
  drivers: readonly string[];
  /** Path of a file to use as the kernel image. */
  image?: string;
  /** A program that compresses a file, and its suffix: `['xz', '--keep']`, `.xz`. */
  pack?: { argv: readonly [string, ...string[]]; suffix: string };
}

/**
 * Makes a build directory as `make` and `make modules_install` leave it, from the installed kernel: image,
 * .config, release, and modules with their index in mods/.
 */
export function makeKernelTree(
  directory: string,
  { drivers, image: standIn, pack }: KernelTreeOptions,
): Kernel {
  const kernel = hostKernel();
  if (kernel?.modules === undefined) throw new Error('this host has no kernel to lay out');
  const architecture = architectureOf(process.arch);
  const write = (name: string, content: string): void => {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  };
  const config = kernel.config === undefined ? '' : readFileSync(kernel.config, 'utf8');
  write('.config', config || `${architecture.configLine}\nCONFIG_MODULES=y\n`);
  write('include/config/kernel.release', `${kernel.release}\n`);
  const image = join(directory, architecture.kernelImage);
  mkdirSync(dirname(image), { recursive: true });
  symlinkSync(standIn ?? kernel.image, image);

  const modules = join(directory, 'mods/lib/modules', kernel.release);
  const plan = planModules(readModuleTree(kernel.modules), drivers);
  if (plan.missing.length > 0) throw new Error(`the host kernel lacks ${plan.missing[0]?.name}`);
  // The directory is needed even if all modules are built in.
  mkdirSync(modules, { recursive: true });
  for (const { path } of plan.modules) {
    mkdirSync(dirname(join(modules, path)), { recursive: true });
    writeFileSync(join(modules, path), readModuleFile(join(kernel.modules, path)));
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    copyFileSync(join(kernel.modules, name), join(modules, name));
  }
  execFileSync('depmod', ['-b', join(directory, 'mods'), kernel.release], {
    env: { PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
  });
  if (pack !== undefined) {
    packModules(
      modules,
      plan.modules.map(({ path }) => path),
      pack,
    );
  }
  return { ...kernel, image, modules };
}

/** Edits the index, because the depmod of a distribution may not support every compression. */
function packModules(
  modules: string,
  paths: readonly string[],
  { argv: [program, ...args], suffix }: NonNullable<KernelTreeOptions['pack']>,
): void {
  for (const path of paths) {
    execFileSync(program, [...args, join(modules, path)]);
    rmSync(join(modules, path), { force: true });
  }
  const index = join(modules, 'modules.dep');
  writeFileSync(index, readFileSync(index, 'utf8').replace(/\.ko\b/g, `.ko${suffix}`));
}

/** The modules that the guest's init needs for virtio-serial. */
export const CHANNEL_MODULES = ['virtio_pci', 'virtio_console'];
