import { lstatSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pinDirectory } from '../../src/host/pinned-directory.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

test('a pinned directory has a path that is no link, and stays the same when it is replaced', () => {
  const parent = makeTemporaryDirectory();
  const directory = join(parent, 'images');
  mkdirSync(directory);
  writeFileSync(join(directory, 'file'), '');
  const { path, release } = pinDirectory(directory);
  onTestFinished(release);
  renameSync(directory, join(parent, 'moved'));
  symlinkSync('/etc', directory);
  // mount(8) of util-linux 2.39 and later mounts on no link.
  expect(lstatSync(path).isDirectory()).toBe(true);
  expect(lstatSync(join(path, 'file')).isFile()).toBe(true);
});
