import { join } from 'node:path';
import { isExecutableFile } from '../sys/stat.ts';

/**
 * Directories of programs in the Filesystem Hierarchy Standard. They are PATH in the guest (guest/init). On the
 * host, they are searched after the user's PATH, which may lack the programs for root.
 */
export const SYSTEM_DIRECTORIES = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** `first`, the directories of PATH and the system directories, in this order, without duplicates. */
export function programSearchPath(
  path: string | undefined,
  first: readonly string[] = [],
): string[] {
  const fromEnvironment = (path ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...new Set([...first, ...fromEnvironment, ...SYSTEM_DIRECTORIES])];
}

/**
 * Finds an executable regular file like a shell.
 * @param name a bare name, or an absolute path, which is only checked
 */
export function findProgram(name: string, searchPath: readonly string[]): string | undefined {
  if (name.startsWith('/')) return isExecutableFile(name) ? name : undefined;
  for (const directory of searchPath) {
    const candidate = join(directory, name);
    if (isExecutableFile(candidate)) return candidate;
  }
  return undefined;
}
