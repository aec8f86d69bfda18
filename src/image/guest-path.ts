import { constants, readlinkSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * Directories that are symbolic links in the guest, by path without the leading slash: `bin` to
 * `usr/bin`. A running system writes *through* such a path, but an archive member with that name
 * would replace the link with a directory and hide the files of the link's target.
 */
export type DirectoryLinks = Readonly<Record<string, string>>;

/** dracut creates these links in every image, regardless of the host. */
const ALWAYS_LINKED: DirectoryLinks = { 'var/run': 'run', 'var/lock': 'run/lock' };

/** dracut creates these links if the host has them (merged /usr). */
const LINKED_AS_ON_HOST = [
  'bin',
  'sbin',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'usr/sbin',
  'usr/lib64',
];

export function readDirectoryLinks(): DirectoryLinks {
  const links: Record<string, string> = { ...ALWAYS_LINKED };
  for (const path of LINKED_AS_ON_HOST) {
    try {
      links[path] = posix.join('/', posix.dirname(path), readlinkSync(`/${path}`)).slice(1);
    } catch {} // It is a directory, or does not exist.
  }
  return links;
}

/**
 * Resolves a guest path, including `.` and `..`, and removes the leading slash: `/bin/ls` is
 * `usr/bin/ls` in a guest with merged /usr. Byte strings stay byte strings.
 */
export function resolveGuestPath(path: string, links: DirectoryLinks): string {
  let resolved = posix.normalize(`/${path}`).slice(1).replace(/\/$/, '');
  for (let hops = 0; hops < 8; hops++) {
    const link = Object.keys(links).find((name) => `${resolved}/`.startsWith(`${name}/`));
    if (link === undefined) return resolved;
    resolved = `${links[link]}${resolved.slice(link.length)}`;
  }
  return resolved;
}

/** Modes other than 0755 of directories that an image may have to create. */
const SPECIAL_DIRECTORIES: Readonly<Record<string, number>> = {
  tmp: 0o1777,
  'var/tmp': 0o1777,
  root: 0o700,
};

/** Mode of a directory that is created only because a file is in it. */
export function parentMode(path: string): number {
  return SPECIAL_DIRECTORIES[path] ?? 0o755;
}

/** Every directory above a resolved path, outermost first: `a/b/c` gives `a`, `a/b`. */
function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * Returns a function that gives the members for those parent directories of a path that the archive still
 * lacks. The kernel drops a file whose directory does not exist. A member with the name of a link would
 * replace the link.
 */
export function directoryMaker(
  links: DirectoryLinks,
): (path: string) => { path: string; mode: number }[] {
  const made = new Set(Object.keys(links));
  return (path) => {
    const missing = parentsOf(path).filter((parent) => !made.has(parent));
    for (const parent of missing) made.add(parent);
    made.add(path);
    return missing.map((parent) => ({
      path: parent,
      mode: constants.S_IFDIR | parentMode(parent),
    }));
  };
}
