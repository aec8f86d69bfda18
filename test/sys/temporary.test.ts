import { spawnSync } from 'node:child_process';
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import {
  removeLitter,
  replaceFile,
  temporaryNameFor,
  writeFileAtomic,
} from '../../src/sys/temporary.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

let directory: string;
beforeEach(() => {
  directory = makeTemporaryDirectory();
});

test('replaces a file as a whole, private unless requested otherwise', () => {
  const path = join(directory, 'made/with it/image');
  writeFileAtomic(path, 'old');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  writeFileAtomic(path, Buffer.from('new'), 0o644);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(join(path, '..'))).toEqual(['image']);
});

test('a reader with the old file open keeps the old content', () => {
  const path = join(directory, 'image');
  writeFileAtomic(path, 'old');
  const inode = statSync(path).ino;
  writeFileAtomic(path, 'new');
  expect(statSync(path).ino).not.toBe(inode);
});

test('if the writer throws, the old file stays and nothing is left behind', () => {
  const path = join(directory, 'image');
  writeFileAtomic(path, 'old');
  expect(() =>
    replaceFile(path, (temporary) => {
      writeFileSync(temporary, 'half of the n');
      throw new Error('disk full');
    }),
  ).toThrow('disk full');
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(directory)).toEqual(['image']);
});

test('writes a directory, and removes it if it cannot be moved into place', () => {
  writeFiles(directory, { 'taken/by': 'a directory that is not empty' });
  expect(() =>
    replaceFile(join(directory, 'taken'), (temporary) => {
      mkdirSync(temporary);
      writeFileSync(join(temporary, 'file'), '');
    }),
  ).toThrow('ENOTEMPTY');
  expect(readdirSync(directory)).toEqual(['taken']);
});

test('two temporary names for one file differ, and are beside it', () => {
  const path = join(directory, 'image');
  const [first, second] = [temporaryNameFor(path), temporaryNameFor(path)];
  expect(first).not.toBe(second);
  expect(first.startsWith(join(directory, '.image.'))).toBe(true);
});

test('removes files of dead processes, and keeps those of living ones and other files', () => {
  const own = temporaryNameFor(join(directory, 'image'));
  const [, suffix = ''] = /^.*\.image\.(.*)$/.exec(own) ?? [];
  const [pid, startTime, random] = suffix.split('-');
  const dead = spawnSync('true').pid;
  const litter = {
    [`.image.${dead}-1-0123abcd.tmp`]: 'of a process that has ended',
    [`.image.${pid}-${Number(startTime) - 1}-${random}`]: 'of an earlier process with our pid',
    [`.a tree.${dead}-1-0123abcd.tmp/with/files`]: 'a directory',
    [`.two\nlines.${dead}-1-0123abcd.tmp`]: 'of a file with an odd name',
  };
  const others = {
    [`.image.${suffix}`]: 'of this process, which may still write it',
    image: 'the file itself',
    [`image.${dead}-1-0123abcd.tmp`]: 'not hidden',
    [`.image.${dead}-1-0123abcd.tmp.gz`]: 'another ending',
    [`.image.${dead}-1-short.tmp`]: 'not our random part',
    '.tmp': 'of somebody else',
  };
  writeFiles(directory, { ...litter, ...others });
  removeLitter(directory);
  expect(readdirSync(directory).sort()).toEqual(Object.keys(others).sort());
});

test('removes a link among them, and keeps its target', () => {
  const dead = spawnSync('true').pid;
  writeFiles(directory, { 'tree/file': 'kept' });
  symlinkSync('tree', join(directory, `.x.${dead}-1-0123abcd.tmp`));
  removeLitter(directory);
  expect(readdirSync(directory)).toEqual(['tree']);
  expect(readdirSync(join(directory, 'tree'))).toEqual(['file']);
});

test.runIf(process.getuid?.() === 0)('keeps files of other users under such a name', () => {
  const dead = spawnSync('true').pid;
  const name = `.x.${dead}-1-0123abcd.tmp`;
  writeFiles(directory, { [`${name}/file`]: '' });
  chownSync(join(directory, name), 65534, 65534);
  removeLitter(directory);
  expect(readdirSync(directory)).toEqual([name]);
});

test('creates directories for this user only, whatever the umask', () => {
  const umask = process.umask(0);
  try {
    writeFileAtomic(join(directory, 'made/with it/file'), '');
  } finally {
    process.umask(umask);
  }
  const modes = ['made', 'made/with it', 'made/with it/file'].map(
    (name) => statSync(join(directory, name)).mode & 0o777,
  );
  expect(modes).toEqual([0o700, 0o700, 0o600]);
});

test('a missing directory has no temporary files', () => {
  expect(() => removeLitter(join(directory, 'nowhere'))).not.toThrow();
});
