import {
  chmodSync,
  constants,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findLibraries } from '../../src/formats/elf/libraries.ts';
import { findChanges, writeManifest } from '../../src/image/tree-manifest.ts';
import { walkAll } from '../../src/image/walked-tree.ts';
import { buildElf } from '../formats/elf/elf-builder.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

/** What `findChanges` finds after something was done to a small tree. */
function changesAfter(change: (path: (name: string) => string) => void): string[] | undefined {
  const directory = makeTemporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeFiles(directory, { 'a.txt': 'a', 'sub/test': '#!/bin/bash\n', 'b.txt': 'b', café: 'c' });
  chmodSync(path('sub/test'), 0o755);
  writeFileSync(path('program'), buildElf(), { mode: 0o755 });
  symlinkSync('a.txt', path('link'));
  linkSync(path('b.txt'), path('b.link'));
  const walk = () => walkAll([{ source: directory, target: '/tests', exclude: [] }]);
  const before = walk();
  const files = before.flatMap((tree) =>
    tree.files
      .filter(({ stats }) => (stats.mode & constants.S_IFMT) === constants.S_IFREG)
      .map(({ host }) => host),
  );
  // All files are older than a clock tick.
  const manifest = writeManifest(before, findLibraries(files).kinds, Date.now() + 60_000);
  change(path);
  return findChanges(manifest, walk())?.flatMap((tree) => tree.files.map(({ name }) => name));
}

describe('what changed in a tree', () => {
  test.each<[string, (path: (name: string) => string) => void, string[]]>([
    ['nothing', () => {}, []],
    ['the content of a file', (path) => writeFileSync(path('a.txt'), 'A'), ['a.txt']],
    ['its permissions', (path) => chmodSync(path('a.txt'), 0o600), ['a.txt']],
    [
      'a file that an editor replaced, and the directory with it',
      (path) => {
        unlinkSync(path('sub/test'));
        writeFileSync(path('sub/test'), '#!/bin/bash\nls\n', { mode: 0o755 });
      },
      ['sub', 'sub/test'],
    ],
    [
      'where a link leads, and the directory with it',
      (path) => {
        unlinkSync(path('link'));
        symlinkSync('b.txt', path('link'));
      },
      ['', 'link'],
    ],
  ])('is found: %s', (_, change, expected) => {
    expect(changesAfter(change)).toEqual(expected);
  });

  test.each<[string, (path: (name: string) => string) => void]>([
    ['a new file', (path) => writeFileSync(path('new'), '')],
    ['a removed file', (path) => unlinkSync(path('a.txt'))],
    [
      'a file that became a directory',
      (path) => {
        unlinkSync(path('a.txt'));
        mkdirSync(path('a.txt'));
      },
    ],
    ['one of two names of a file', (path) => writeFileSync(path('b.txt'), 'B')],
    ['a program', (path) => writeFileSync(path('program'), buildElf({ needed: ['libm.so.6'] }))],
    ['what is a program now', (path) => writeFileSync(path('a.txt'), buildElf())],
    ['what runs a script', (path) => writeFileSync(path('sub/test'), '#!/usr/bin/perl\n')],
    ['a script that became executable', (path) => makeScript(path('a.txt'))],
    ['a file whose name is not ASCII', (path) => writeFileSync(path('café'), 'C')],
    ['17 MB', (path) => writeFileSync(path('a.txt'), Buffer.alloc(17 * 1024 * 1024))],
    ['a whole directory', (path) => rmSync(path('sub'), { recursive: true })],
  ])('asks for a new archive: %s', (_, change) => {
    expect(changesAfter(change)).toBeUndefined();
  });
});

function makeScript(path: string): void {
  writeFileSync(path, '#!/usr/bin/env python3\n');
  chmodSync(path, 0o755);
}
