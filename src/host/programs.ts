import { join } from 'node:path';
import { isExecutableFile } from '../sys/stat.ts';

/**
 * Where programs are, by the Filesystem Hierarchy Standard: PATH in the guest (guest/init), and what
 * is searched on the host after an ordinary user's PATH, which may lack tools for root.
 */
export const SYSTEM_DIRECTORIES = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** PATH as a list, `first` before it, the system directories after it, each once. */
export function programSearchPath(
  path: string | undefined,
  first: readonly string[] = [],
): string[] {
  const fromEnvironment = (path ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...new Set([...first, ...fromEnvironment, ...SYSTEM_DIRECTORIES])];
}

/**
 * Finds an executable regular file as a shell would.
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
