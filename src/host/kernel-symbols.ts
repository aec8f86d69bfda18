import { join } from 'node:path';
import { isDirectory, isFile } from '../sys/stat.ts';
import { findUntrusted, type Trust } from '../sys/trust.ts';

/** Where debuggers find the symbols of a kernel. */
export interface KernelSymbols {
  vmlinux: string | undefined;
  /** The build tree, if its scripts for gdb are built: see Documentation/dev-tools/gdb-kernel-debugging.rst. */
  scripts: string | undefined;
  /** Why these scripts are not used, although they exist. */
  untrustedScripts: string | undefined;
  /** The directory with the modules. */
  modules: string | undefined;
}

/** Directories that hold a directory for each release, with modules. */
const MODULE_ROOTS = ['/lib/modules', '/usr/lib/modules'];

/**
 * Finds the vmlinux in the build tree, or that of a debug package (Debian: linux-image-…-dbg, Fedora and openSUSE:
 * kernel-debuginfo), and the scripts for gdb. gdb runs these on the host, so they must be trusted.
 * @param root of the host's filesystem; tests use another
 */
export function findSymbols(
  { release, tree, modules }: { release: string } & Record<'tree' | 'modules', string | undefined>,
  trust: Trust,
  root = '/',
): KernelSymbols {
  const candidates =
    tree === undefined
      ? [
          `/usr/lib/debug/boot/vmlinux-${release}`,
          ...MODULE_ROOTS.map((modulesOf) => `/usr/lib/debug${modulesOf}/${release}/vmlinux`),
          ...MODULE_ROOTS.map((modulesOf) => `${modulesOf}/${release}/build/vmlinux`),
        ].map((path) => join(root, path))
      : [join(tree, 'vmlinux')];
  const scripts = tree !== undefined && isFile(join(tree, 'vmlinux-gdb.py')) ? tree : undefined;
  const untrusted =
    scripts === undefined ? undefined : findUntrusted(join(scripts, 'vmlinux-gdb.py'), trust);
  const debugModules = MODULE_ROOTS.map((path) => join(root, 'usr/lib/debug', path, release));
  return {
    vmlinux: candidates.find(isFile),
    scripts: untrusted === undefined ? scripts : undefined,
    untrustedScripts: untrusted === undefined ? undefined : `${untrusted.path} ${untrusted.why}`,
    modules: tree === undefined ? (debugModules.find(isDirectory) ?? modules) : modules,
  };
}
