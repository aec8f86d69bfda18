import {
  chmodSync,
  lstatSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findChangedFile, signFiles } from '../../src/sys/file-signature.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = makeTemporaryDirectory();
  file = join(directory, 'libc.so');
  writeFileSync(file, 'as it was');
});

/** Long after the file was written, so that there is no race. */
const LATER = Date.now() + 3_600_000;

/** Waits until a file that is changed now gets another time than `file` has. */
function awaitNextTick(): void {
  const probe = join(directory, 'probe');
  const { ctimeMs } = lstatSync(file);
  do writeFileSync(probe, '');
  while (lstatSync(probe).ctimeMs <= ctimeMs);
  rmSync(probe);
}

test('an unchanged file matches', () => {
  const signatures = signFiles([file], LATER);
  expect(findChangedFile(signatures)).toBeUndefined();
});

const CHANGES: Record<string, () => void> = {
  'other content of the same size': () => writeFileSync(file, 'AS IT WAS'),
  'another size': () => writeFileSync(file, 'longer than it was'),
  'other permissions': () => chmodSync(file, 0o755),
  'other content under the old modification time, as cp -p and touch -r make it': () => {
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'AS IT WAS');
    utimesSync(file, atime, mtime);
  },
  'another file moved to its place, of the same size and modification time': () => {
    const { atime, mtime } = statSync(file);
    writeFileSync(`${file}.new`, 'as it was');
    utimesSync(`${file}.new`, atime, mtime);
    renameSync(`${file}.new`, file);
  },
  'a link to a file with that content in its place': () => {
    renameSync(file, `${file}.6`);
    symlinkSync('libc.so.6', file);
  },
  'no file any more': () => rmSync(file),
};

test.each(Object.keys(CHANGES))('%s is a change', (name) => {
  const signatures = signFiles([file], LATER);
  awaitNextTick();
  CHANGES[name]?.();
  expect(findChangedFile(signatures)).toBe(file);
});

test('a missing file matches while it is missing, and is changed once it exists', () => {
  const missing = join(directory, 'missing');
  const signatures = signFiles([missing, file], LATER);
  expect(findChangedFile(signatures)).toBeUndefined();
  writeFileSync(missing, '');
  expect(findChangedFile(signatures)).toBe(missing);
});

test('a file that changed after reading began never matches, even if it stays as it is', () => {
  const { ctimeMs } = lstatSync(file);
  expect(findChangedFile(signFiles([file], ctimeMs - 1000))).toBe(file);
});

test('nor does one that changed in the clock tick in which reading began', () => {
  const { ctimeMs } = lstatSync(file);
  expect(findChangedFile(signFiles([file], ctimeMs + 1))).toBe(file);
  expect(findChangedFile(signFiles([file], ctimeMs + 1000))).toBeUndefined();
});
