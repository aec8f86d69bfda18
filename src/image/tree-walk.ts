import { constants, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { describeReadError, UserError } from '../errors.ts';
import { formatPath } from '../formats/cpio/format.ts';
import type { FileFacts } from '../sys/file-signature.ts';
import { compileExclusions } from './exclusions.ts';

/**
 * A host path for functions of `fs`. Names are bytes on Linux. The walk uses binary strings, with one
 * character per byte; only names that are not ASCII become Buffers.
 */
export type HostPath = string | Buffer;

/** One file of a tree. */
export interface TreeFile {
  /** Relative to the root of the tree, a binary string; '' for the root itself. */
  name: string;
  host: HostPath;
  stats: FileFacts;
  /** Target of a symbolic link. */
  target: HostPath | undefined;
}

/**
 * Every file below a directory and the directory itself, parents before children, in the order of
 * their bytes. A root that is not a directory is one file. Sockets are omitted.
 * @throws UserError that names the file that cannot be read
 */
export function walkTree(root: string, exclude: readonly string[]): TreeFile[] {
  const excluded = compileExclusions(exclude);
  const files: TreeFile[] = [];
  const visit = (path: string, name: string): void => {
    const host = toHostPath(path);
    const stats = lstat(host);
    const type = typeOf(stats);
    if (type === constants.S_IFSOCK) return;
    const target =
      type === constants.S_IFLNK ? toHostPath(readlinkSync(host, 'latin1')) : undefined;
    files.push({ name, host, stats, target });
    if (type !== constants.S_IFDIR) return;
    for (const child of listDirectory(host)) {
      const childName = name === '' ? child : `${name}/${child}`;
      if (!excluded(child, childName)) visit(`${path}/${child}`, childName);
    }
  };
  visit(Buffer.from(realRoot(root)).toString('latin1'), '');
  return files;
}

/** Follows a root that is a symbolic link. */
function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch (error) {
    throw unreadable(root, error);
  }
}

/** The type bits of its mode: S_IFREG, S_IFDIR … */
export function typeOf({ mode }: FileFacts): number {
  return mode & constants.S_IFMT;
}

/** Keeps only the needed fields: the four Dates of a Stats would take most of the time of a walk. */
function lstat(path: HostPath): FileFacts {
  try {
    const { mode, size, ino, dev, rdev, nlink, mtimeMs, ctimeMs } = lstatSync(path);
    return { mode, size, ino, dev, rdev, nlink, mtimeMs, ctimeMs };
  } catch (error) {
    throw unreadable(path, error);
  }
}

function listDirectory(path: HostPath): string[] {
  try {
    return readdirSync(path, { encoding: 'latin1' }).sort();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: HostPath, cause: unknown): UserError {
  return new UserError(describeReadError(formatPath(path), cause), { cause });
}

/** Converts a binary string. */
export function toHostPath(binary: string): HostPath {
  return /[^\x00-\x7f]/.test(binary) ? Buffer.from(binary, 'latin1') : binary;
}
