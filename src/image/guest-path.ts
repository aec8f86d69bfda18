import { constants, readlinkSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * Directories that are symbolic links in the guest, by path without the leading slash: `bin` to
 * `usr/bin`. Writing *through* such a path is right for a running system, but an archive member
 * named so would replace the link by a directory and hide everything behind it.
 */
export type DirectoryLinks = Readonly<Record<string, string>>;

/** dracut makes these links in every image, whatever the host has. */
const ALWAYS_LINKED: DirectoryLinks = { 'var/run': 'run', 'var/lock': 'run/lock' };

/** dracut makes these links where the host has them: merged /usr. */
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
    } catch {} // A directory of its own, or not there.
  }
  return links;
}

/**
 * Where a guest path leads, without the leading slash, `.` and `..` resolved: `/bin/ls` is
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

/** Permissions of directories that are not 0755, where an image has to make them. */
const SPECIAL_DIRECTORIES: Readonly<Record<string, number>> = {
  tmp: 0o1777,
  'var/tmp': 0o1777,
  root: 0o700,
};

/** Mode of a directory that is only there to hold something. */
export function parentMode(path: string): number {
  return SPECIAL_DIRECTORIES[path] ?? 0o755;
}

/** Every directory above a resolved path, outermost first: `a/b/c` gives `a`, `a/b`. */
function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * Remembers which directories an archive has, and gives the members for those above a path that it
 * still lacks. The kernel drops what has no directory, and members named like a link would replace it.
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
