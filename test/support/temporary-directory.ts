import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTestDirectory, removeRemains } from './remains.ts';

/** Makes a directory that is removed after the test. Its path contains a space, as paths may. */
export function makeTemporaryDirectory(): string {
  const directory = makeTestDirectory();
  onTestFinished(() => removeRemains(directory));
  return directory;
}

/**
 * Makes files below a directory.
 * @param files content by path; a path that ends with `/` is a directory
 */
export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true });
    if (!name.endsWith('/')) writeFileSync(path, content);
  }
}
