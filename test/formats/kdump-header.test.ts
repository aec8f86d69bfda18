import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nameKernel } from '../../src/formats/kdump-header.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

/** The header as QEMU 7.2 writes it. */
function headerOf(sysname = ''): { path: string; names: () => string[] } {
  const header = Buffer.alloc(4096);
  header.write('KDUMP   ');
  header.writeInt32LE(6, 8);
  header.write(sysname, 12);
  header.write('x86_64', 12 + 4 * 65);
  const path = join(makeTemporaryDirectory(), 'dump');
  writeFileSync(path, header);
  const names = (): string[] =>
    [0, 1, 2, 3, 4, 5].map((index) =>
      readFileSync(path)
        .toString('latin1', 12 + index * 65, 12 + (index + 1) * 65)
        .replace(/\0+$/, ''),
    );
  return { path, names };
}

const NAMES = { hostname: 'rapido1', release: '6.18.0' };

test('the names of the kernel are added to those that QEMU writes', async () => {
  const { path, names } = headerOf();
  await nameKernel(path, NAMES);
  expect(names()).toEqual(['Linux', 'rapido1', '6.18.0', 'unknown', 'x86_64', '']);
});

test('names that are there stay, and so do other files', async () => {
  const { path, names } = headerOf('Linux');
  await nameKernel(path, NAMES);
  expect(names()).toEqual(['Linux', '', '', '', 'x86_64', '']);
  writeFileSync(path, '\x7fELF');
  await nameKernel(path, NAMES);
  expect(readFileSync(path, 'latin1')).toBe('\x7fELF');
});
