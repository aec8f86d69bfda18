import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { readTextIfReachable } from '../sys/stat.ts';
import { findMounts, type Mount } from './mounts.ts';

/**
 * A directory that is held by a file descriptor. It stays the same even if its owner renames or replaces it, so
 * that root mounts on the directory that it has checked.
 */
export interface PinnedDirectory {
  /** A path for other programs, valid while it is pinned. They must not resolve it. */
  path: string;
  stats: Stats;
  /** The mount at this directory, if it is a mount point. */
  mount: Mount | undefined;
  release: () => void;
}

/** O_PATH of open(2), which Node does not define. The value is the same on all architectures of Node. */
const O_PATH = 0o10000000;

/**
 * @param options.mayBeLink whether the last part of the path may be a symbolic link
 * @throws errors of open(2); ENOTDIR also for a link
 */
export function pinDirectory(path: string, { mayBeLink = true } = {}): PinnedDirectory {
  const { O_DIRECTORY, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_PATH | O_DIRECTORY | (mayBeLink ? 0 : O_NOFOLLOW));
  return {
    // Without the last part, it would name the link, which mount(8) of util-linux 2.39 and later does not follow.
    path: `/proc/${process.pid}/fd/${fd}/.`,
    stats: fstatSync(fd),
    mount: mountAt(fd),
    release: () => closeSync(fd),
  };
}

/** The mount of a descriptor, by `mnt_id` of /proc/PID/fdinfo, see proc(5). */
function mountAt(fd: number): Mount | undefined {
  const fdinfo = readTextIfReachable(`/proc/self/fdinfo/${fd}`) ?? '';
  const id = /^mnt_id:\t(\d+)$/m.exec(fdinfo)?.[1];
  const mount = findMounts().find((mount) => mount.id === id);
  return mount?.directory === readlinkSync(`/proc/self/fd/${fd}`) ? mount : undefined;
}
