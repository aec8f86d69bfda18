import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

export interface FileRule {
  /** Bytes; of a larger one nothing is read. */
  limit: number;
  /** Whether the path may be a symbolic link. */
  mayBeLink?: boolean;
  /** Further conditions. */
  isAcceptable?: (stats: Stats) => boolean;
}

/**
 * The content of a regular file that somebody else may have made, or may be replacing: no link is
 * followed, no pipe is waited for, and no more than `limit` bytes are read. Whatever is not as it must be
 * is as if it were not there.
 */
export function readRegularFile(path: string, rule: FileRule): Buffer | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (rule.mayBeLink ? 0 : O_NOFOLLOW));
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || rule.isAcceptable?.(stats) === false) return undefined;
    return stats.size > rule.limit ? undefined : readWhole(fd, stats.size);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** @param size as it was a moment ago: what the file has grown by since then is not read */
function readWhole(fd: number, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const read = readSync(fd, buffer, length, size - length, length);
    if (read === 0) break;
    length += read;
  }
  return buffer.subarray(0, length);
}
