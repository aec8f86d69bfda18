import { join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { isDirectory, isFile, isReadable } from '../sys/stat.ts';
import type { KernelChoice } from './kernel-choice.ts';
import {
  type Kernel,
  type KernelSearch,
  kernelIn,
  listDirectory,
  moduleRoots,
} from './kernel-search.ts';

export function installedKernel(
  release: string,
  chosenBy: string,
  choice: KernelChoice,
  search: KernelSearch,
): Kernel | undefined {
  return kernelIn(release, chosenBy, moduleRoots(choice, [], search), search.boot);
}

export function requireInstalledKernel(
  choice: Extract<KernelChoice, { kind: 'release' }>,
  search: KernelSearch,
): Kernel {
  const { release, name, reason } = choice;
  const kernel = installedKernel(release, reason, choice, search);
  if (kernel !== undefined) return kernel;
  const roots = moduleRoots(choice, [], search);
  const installed = installedReleases(roots, search);
  throw new UsageError(`${name}: the kernel ${release} cannot be booted`, {
    problems: lacksOf(release, roots, search),
    hint:
      installed.length > 0
        ? `kernels that can be booted: ${installed.join(', ')}`
        : 'install its package, or set KERNEL_SRC to a kernel tree',
  });
}

function lacksOf(release: string, roots: readonly string[], search: KernelSearch): string[] {
  const image = join(search.boot, `vmlinuz-${release}`);
  const modules = roots.map((root) => join(root, release));
  return [
    ...(isReadable(image)
      ? []
      : [
          `${image} ${isFile(image) ? `cannot be read by this user (sudo chmod +r ${image})` : 'does not exist'}`,
        ]),
    ...(modules.some(isDirectory) ? [] : [`no ${modules.join(', no ')}`]),
  ];
}

export function newestInstalledKernel(choice: KernelChoice, search: KernelSearch): Kernel {
  const [newest] = installedReleases(moduleRoots(choice, [], search), search);
  const kernel =
    newest === undefined
      ? undefined
      : installedKernel(newest, 'the newest installed kernel', choice, search);
  if (kernel !== undefined) return kernel;
  const unreadable = listDirectory(search.boot)
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => join(search.boot, name))
    .filter((path) => !isReadable(path));
  throw new UserError('there is no kernel to boot', {
    problems: unreadable.map((path) => `${path} cannot be read by this user`),
    hint:
      unreadable.length > 0
        ? `sudo chmod +r ${unreadable.join(' ')}`
        : 'set KERNEL_SRC to a built kernel tree, or install a kernel package',
  });
}

/** Releases that have both an image and modules, newest first. */
export function installedReleases(roots: readonly string[], search: KernelSearch): string[] {
  const releases = new Set([
    ...listDirectory(search.boot)
      .filter((name) => name.startsWith('vmlinuz-'))
      .map((name) => name.slice('vmlinuz-'.length)),
    ...roots.flatMap(listDirectory),
  ]);
  return [...releases]
    .filter((release) => kernelIn(release, '', roots, search.boot) !== undefined)
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
