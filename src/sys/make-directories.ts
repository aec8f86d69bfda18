import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '../errors.ts';
import { isDirectory } from './stat.ts';

/**
 * Creates a directory and its missing parents. `mkdirSync` with `recursive` never returns if the parent exists and
 * mkdir(2) still fails with ENOENT, as in /proc (Node 20).
 * @param mode less the umask
 */
export function makeDirectories(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (isDirectory(path)) return;
    const parent = dirname(path);
    if (errorCode(error) !== 'ENOENT' || isDirectory(parent)) throw error;
    makeDirectories(parent, mode);
    makeDirectories(path, mode);
  }
}
