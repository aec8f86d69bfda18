import { dirname } from 'node:path';
import { UsageError } from '../errors.ts';
import { isDirectory, isWritable, lstatIfReachable, statIfReachable } from './stat.ts';

/**
 * Checks that a file which the user names for output can be written, and that it does not replace something that is
 * not a regular file: /dev/stdout, a directory.
 * @param option for the message, for example `--junit`
 * @throws UsageError
 */
export function requireOutputFile(option: string, path: string): void {
  if (!isDirectory(dirname(path))) {
    const isMissing = statIfReachable(dirname(path)) === undefined;
    throw new UsageError(
      `${option}: ${dirname(path)} ${isMissing ? 'does not exist' : 'is not a directory'}`,
    );
  }
  if (!isWritable(dirname(path))) {
    throw new UsageError(`${option}: ${dirname(path)} is not writable`);
  }
  const stats = lstatIfReachable(path);
  if (stats !== undefined && !stats.isFile()) {
    throw new UsageError(`${option}: ${path} exists and is not a regular file`);
  }
}
