import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { limitCache } from '../../src/image/cache-files.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const KIB = 1024;

/** A cache with files of 64 KiB, whose names are the ages in days. */
function makeCache(names: readonly string[]): string {
  const cache = makeTemporaryDirectory();
  writeFiles(cache, { 'layers/': '', 'kernels/': '' });
  for (const name of names) {
    const path = join(cache, name);
    writeFileSync(path, Buffer.alloc(64 * KIB, 1));
    const used = Date.now() / 1000 - Number(/(\d+)\.\w+$/.exec(name)?.[1]) * 24 * 3600;
    utimesSync(path, used, used);
  }
  return cache;
}

const FILES = ['layers/modules-0.layer', 'layers/userspace-3.layer', 'kernels/2.vmlinux'];

test.each([
  ['without a limit, everything stays', undefined, []],
  ['what was not used for the longest time goes first', 128 * KIB, ['layers/userspace-3.layer']],
  ['layers and kernels count alike', 64 * KIB, ['layers/userspace-3.layer', 'kernels/2.vmlinux']],
  ['a layer that does not fit at all goes', 1, FILES],
])('%s', (_title, size, gone) => {
  const cache = makeCache(FILES);
  limitCache(cache, join(cache, 'images'), size);
  expect(FILES.filter((name) => !existsSync(join(cache, name))).sort()).toEqual(gone.toSorted());
});

test('a kernel that QEMU may be about to open stays', () => {
  const cache = makeCache(['kernels/0.vmlinux']);
  limitCache(cache, join(cache, 'images'), 1);
  expect(existsSync(join(cache, 'kernels/0.vmlinux'))).toBe(true);
});
