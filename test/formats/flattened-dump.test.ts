import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isFlattened, unflatten } from '../../src/formats/flattened-dump.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

function record(offset: number, data: Buffer | undefined): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(BigInt(offset), 0);
  head.writeBigInt64BE(BigInt(data?.length ?? -1), 8);
  return Buffer.concat([head, data ?? Buffer.alloc(0)]);
}

/** As QEMU 7.2 writes it: the header of the dump last. */
function flattened(...records: Buffer[]): string {
  const header = Buffer.alloc(4096);
  header.write('makedumpfile');
  header.writeBigInt64BE(1n, 16);
  header.writeBigInt64BE(1n, 24);
  const path = join(makeTemporaryDirectory(), 'flat');
  writeFileSync(path, Buffer.concat([header, ...records]));
  return path;
}

function emptyFile(): string {
  const path = join(makeTemporaryDirectory(), 'dump');
  writeFileSync(path, '');
  return path;
}

test('writes each record to its place', async () => {
  const large = Buffer.alloc(9 * 1024 * 1024, 'x');
  const [from, to] = [
    flattened(record(8, large), record(0, Buffer.from('KDUMP   ')), record(-1, undefined)),
    emptyFile(),
  ];
  expect(await isFlattened(from)).toBe(true);
  await unflatten(from, to);
  expect(readFileSync(to).equals(Buffer.concat([Buffer.from('KDUMP   '), large]))).toBe(true);
  expect(await isFlattened(to)).toBe(false);
});

test('rejects a dump without its end', async () => {
  const cut = flattened(record(0, Buffer.from('KDUMP   ')));
  await expect(unflatten(cut, emptyFile())).rejects.toThrow('the dump is incomplete');
});
