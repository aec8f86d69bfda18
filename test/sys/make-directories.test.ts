import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { makeDirectories } from '../../src/sys/make-directories.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let here: string;
beforeEach(() => {
  here = makeTemporaryDirectory();
});

test('makes the missing parents, with the same mode, and accepts what exists', () => {
  makeDirectories(join(here, 'a/b/c'), 0o700);
  makeDirectories(join(here, 'a/b/c'), 0o700);
  symlinkSync('a', join(here, 'link'));
  makeDirectories(join(here, 'link'), 0o700);
  makeDirectories(join(here, 'link/b/d/'), 0o700);
  for (const path of ['a', 'a/b', 'a/b/c', 'a/b/d']) {
    expect(statSync(join(here, path)).mode & 0o777).toBe(0o700);
  }
});

test('fails where nothing can be created, also in /proc', () => {
  writeFileSync(join(here, 'file'), '');
  expect(() => makeDirectories(join(here, 'file'), 0o700)).toThrow('EEXIST');
  expect(() => makeDirectories(join(here, 'file/sub'), 0o700)).toThrow('ENOTDIR');
  expect(() => makeDirectories('/proc/foo', 0o700)).toThrow('ENOENT');
  expect(() => makeDirectories('/proc/foo/bar', 0o700)).toThrow('ENOENT');
});
