import { makeDirectories } from './make-directories.ts';

/**
 * Creates a directory and its missing parents with mode 0700, regardless of the umask. rapido creates all
 * permanent directories like this, as the XDG Base Directory Specification requires.
 */
export function makePrivateDirectory(path: string): void {
  makeDirectories(path, 0o700);
}
