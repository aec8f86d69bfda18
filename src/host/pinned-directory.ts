import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { readTextIfReachable } from '../sys/stat.ts';
import { findMounts, type Mount } from './mounts.ts';

/**
 * A directory by a descriptor: it stays the same one whatever its owner renames or puts in its place. What
 * root looks at is then what root mounts on.
 */
export interface PinnedDirectory {
  /** Leads there for other programs, too, as long as it is pinned; they must not resolve it. */
  path: string;
  stats: Stats;
  /** What is mounted just there. */
  mount: Mount | undefined;
  release: () => void;
}

/** O_PATH of open(2), which Node does not name; the same on all architectures that it runs on. */
const O_PATH = 0o10000000;

/**
 * @param options.mayBeLink whether the last part of the path may be a symbolic link
 * @throws what open(2) refuses: ENOTDIR also for a link
 */
export function pinDirectory(path: string, { mayBeLink = true } = {}): PinnedDirectory {
  const { O_DIRECTORY, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_PATH | O_DIRECTORY | (mayBeLink ? 0 : O_NOFOLLOW));
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    stats: fstatSync(fd),
    mount: mountAt(fd),
    release: () => closeSync(fd),
  };
}

/** `mnt_id` of /proc/PID/fdinfo, proc(5), tells the mount that a descriptor is on. */
function mountAt(fd: number): Mount | undefined {
  const fdinfo = readTextIfReachable(`/proc/self/fdinfo/${fd}`) ?? '';
  const id = /^mnt_id:\t(\d+)$/m.exec(fdinfo)?.[1];
  const mount = findMounts().find((mount) => mount.id === id);
  return mount?.directory === readlinkSync(`/proc/self/fd/${fd}`) ? mount : undefined;
}
