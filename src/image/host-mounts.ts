import { posix } from 'node:path';
import type { HostRoot } from '../host/host-root.ts';
import type { Kernel } from '../host/kernel.ts';
import { type DirectoryLinks, resolveGuestPath } from './guest-path.ts';
import type { OverlayEntry } from './overlay-entry.ts';

/*
 * A guest with the programs and files of this host (`root: 'host'` of a cut). It boots from an image as any other, and
 * then mounts directories of the host over those of the image: each read-only over 9p, below an overlay in memory.
 * The root directory stays that of the image, and so do /rapido, PID 1 and everything that it has set up.
 */

/** Where the mounts are assembled. */
const PLACE = '/rapido/root';

/** The mount tag of the modules of the kernel. */
const MODULES_TAG = 'modules';

/**
 * The guest sees files of the host as they were when it first read them. That is much faster, and a guest that sees
 * half of a change is of no use.
 */
const OPTIONS = 'trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro';

/** A directory of the host that the VM must offer over 9p, read-only. */
export interface HostDirectory {
  /** Mount tag. */
  tag: string;
  path: string;
}

/** The directories that the VM of such an image needs, in the order of their mounts. */
export function hostDirectories(
  { directories }: HostRoot,
  { modules }: Pick<Kernel, 'modules'>,
): HostDirectory[] {
  return [
    ...directories.map((path, index) => ({ tag: `root${index}`, path })),
    ...(modules === undefined ? [] : [{ tag: MODULES_TAG, path: modules }]),
  ];
}

/** What mounts them, for the last layer of the image. */
export function hostMountEntries(
  root: HostRoot,
  kernel: Pick<Kernel, 'modules' | 'release'>,
  links: DirectoryLinks,
): OverlayEntry[] {
  const { directories, empty } = root;
  return [
    { path: '/rapido/host.fstab', mode: 0o644, data: formatHostFstab(root, kernel, links) },
    { path: `${PLACE}/modules`, directory: true },
    ...directories.flatMap((_, index): OverlayEntry[] =>
      ['lower', 'upper', 'work'].map((part) => ({ path: partOf(index, part), directory: true })),
    ),
    ...empty.map((path): OverlayEntry => ({ path, directory: true })),
    ...Object.entries(root.links)
      .filter(([name]) => !(name in links))
      .map(([name, target]): OverlayEntry => ({ path: `/${name}`, target })),
  ];
}

/**
 * Returns a function that gives the place in the image of a file of the guest: a file in a directory that is mounted
 * later goes into the upper layer of its overlay.
 */
export function placeBelowMounts(
  { directories }: HostRoot,
  links: DirectoryLinks,
): (path: string) => string {
  return (path) => {
    const resolved = `/${resolveGuestPath(path, links)}`;
    const index = directories.findIndex((directory) => resolved.startsWith(`${directory}/`));
    const directory = directories[index];
    if (directory === undefined) return path;
    return posix.join(partOf(index, 'upper'), posix.relative(directory, resolved));
  };
}

function partOf(index: number, part: string): string {
  return `${PLACE}/${index}/${part}`;
}

/**
 * In order, for fstab(5). The modules in the image are those that init loads, with an index of just these. They are
 * kept for a kernel that has no module directory, and hide the modules of other kernels of the host.
 */
function formatHostFstab(
  { directories }: HostRoot,
  { modules, release }: Pick<Kernel, 'modules' | 'release'>,
  links: DirectoryLinks,
): string {
  const inGuest = `/${resolveGuestPath('/lib/modules', links)}`;
  const kept = `${PLACE}/modules`;
  const lines = [
    [inGuest, kept, 'none', 'bind'],
    ...directories.flatMap((path, index) => [
      [`root${index}`, partOf(index, 'lower'), '9p', OPTIONS],
      ['overlay', path, 'overlay', overlayOptions(index)],
    ]),
    [kept, inGuest, 'none', 'bind,X-mount.mkdir'],
    ...(modules === undefined
      ? []
      : [[MODULES_TAG, `${inGuest}/${release}`, '9p', `${OPTIONS},X-mount.mkdir`]]),
  ];
  return lines.map((fields) => `${fields.map(escapeField).join(' ')} 0 0\n`).join('');
}

function overlayOptions(index: number): string {
  const parts = ['lower', 'upper', 'work'].map((part) => `${part}dir=${partOf(index, part)}`);
  return [...parts, 'X-mount.mkdir'].join(',');
}

/** fstab(5) */
function escapeField(text: string): string {
  return text.replace(
    /[\s\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}
