import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import {
  canWriteTo,
  isDirectory,
  isExecutableFile,
  isFile,
  isReadable,
  lstatIfReachable,
  readTextIfReachable,
  statIfReachable,
} from '../../src/sys/stat.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { compileScript, ORDINARY_USER, runScript } from '../support/typescript-process.ts';

let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = makeTemporaryDirectory();
  writeFiles(directory, { file: 'text', program: '#!/bin/sh\n', 'deep/': '' });
  chmodSync(at('program'), 0o755);
  chmodSync(at('file'), 0o644);
  symlinkSync('program', at('link'));
  symlinkSync('nowhere', at('dangling'));
});

test.each([
  // path, what it is, after links
  ['file', { directory: false, file: true, executable: false, readable: true }],
  ['program', { directory: false, file: true, executable: true, readable: true }],
  ['deep', { directory: true, file: false, executable: false, readable: true }],
  ['link', { directory: false, file: true, executable: true, readable: true }],
  ['dangling', { directory: false, file: false, executable: false, readable: false }],
  ['nowhere', { directory: false, file: false, executable: false, readable: false }],
  ['file/below a file', { directory: false, file: false, executable: false, readable: false }],
])('%s: %j', (name, expected) => {
  const path = at(name);
  expect({
    directory: isDirectory(path),
    file: isFile(path),
    executable: isExecutableFile(path),
    readable: isReadable(path),
  }).toEqual(expected);
});

test('a link is followed by stat and seen by lstat', () => {
  expect(statIfReachable(at('link'))?.isSymbolicLink()).toBe(false);
  expect(lstatIfReachable(at('link'))?.isSymbolicLink()).toBe(true);
  expect(statIfReachable(at('dangling'))).toBeUndefined();
  expect(lstatIfReachable(at('dangling'))?.isSymbolicLink()).toBe(true);
});

test('reads text if there is any', () => {
  expect(readTextIfReachable(at('file'))).toBe('text');
  expect(readTextIfReachable(at('nowhere'))).toBeUndefined();
  expect(readTextIfReachable(at('deep'))).toBeUndefined();
});

test('a directory can be written if the nearest existing one can', () => {
  expect(canWriteTo(at('deep'))).toBe(true);
  expect(canWriteTo(at('deep/and/deeper'))).toBe(true);
  expect(canWriteTo(at('file'))).toBe(false);
  expect(canWriteTo(at('file/and/deeper'))).toBe(false);
});

test('an ordinary user cannot read or write what the permissions forbid', async () => {
  chmodSync(directory, 0o755);
  writeFiles(directory, { 'locked/file': '' });
  const script = compileScript(
    directory,
    'look',
    `import { canWriteTo, isReadable } from './sys/stat.ts';
     const [locked, file] = process.argv.slice(2);
     console.log(canWriteTo(locked), canWriteTo(locked + '/new'), isReadable(file));`,
  );
  chmodSync(at('locked'), 0o555);
  chmodSync(at('locked/file'), 0o200);
  const { stdout } = await runScript(script, [at('locked'), at('locked/file')], ORDINARY_USER);
  chmodSync(at('locked'), 0o755);
  expect(stdout).toBe('false false false\n');
});
