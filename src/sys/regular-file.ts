import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

export interface FileRule {
  /** Maximum size in bytes; a larger file is not read. */
  limit: number;
  /** Whether the path may be a symbolic link. */
  mayBeLink?: boolean;
  /** Further conditions. */
  isAcceptable?: (stats: Stats) => boolean;
}

/**
 * Reads a regular file that another user may have created or may be replacing: does not follow a link, does not
 * block on a pipe, and reads at most `limit` bytes.
 * @returns undefined if the file does not meet the rule or cannot be read
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

/** @param size as returned by fstat: data that was appended since then is not read */
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
