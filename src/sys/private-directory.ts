import { mkdirSync } from 'node:fs';

/**
 * Makes a directory where there is none, with those above it, for this user alone whatever the umask.
 * All directories that rapido leaves behind are made so, as the XDG Base Directory Specification asks.
 */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
