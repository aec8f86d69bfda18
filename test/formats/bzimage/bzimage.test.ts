import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readImageRelease, readPayload } from '../../../src/formats/bzimage/bzimage.ts';
import { type MadeUpBzImage, makeBzImage } from '../../support/bzimage.ts';

const kernel = Buffer.from('a kernel, unpacked');

function payloadOf(image: Buffer) {
  return readPayload((offset, length) => image.subarray(offset, offset + length));
}

test('finds data packed by gzip, whose trailer has the size', () => {
  const packed = gzipSync(kernel);
  const image = makeBzImage({ payload: packed });
  const found = payloadOf(image);
  expect(found).toMatchObject({ compression: 'gzip', unpackedSize: kernel.length });
  expect(image.subarray(found?.offset, (found?.offset ?? 0) + (found?.length ?? 0))).toEqual(
    packed,
  );
});

test.each([
  ['bzip2', 'BZh91AY'],
  ['lzma', '\x5d\0\0\0\x04'],
  ['xz', '\xfd7zXZ\0'],
  ['lzo', '\x89LZO\0\r'],
  ['lz4', '\x02\x21\x4c\x18'],
  ['zstd', '\x28\xb5\x2f\xfd'],
])('recognizes %s, and omits the size that the build appends', (compression, magic) => {
  const payload = Buffer.from(`${magic}and the rest of it`, 'latin1');
  expect(payloadOf(makeBzImage({ payload, sizeBehind: 0x4000000 }))).toMatchObject({
    compression,
    length: payload.length,
    unpackedSize: 0x4000000,
  });
});

test('uses an unpacked kernel as it is', () => {
  const payload = Buffer.from('\x7fELF and so on', 'latin1');
  expect(payloadOf(makeBzImage({ payload }))).toMatchObject({
    compression: 'uncompressed',
    length: payload.length,
    unpackedSize: payload.length,
  });
});

const gzip = { payload: gzipSync(kernel) };

test.each<[string, Buffer]>([
  ['an empty file', Buffer.alloc(0)],
  ['no kernel image', Buffer.alloc(4096, 1)],
  ['a kernel image older than Linux 2.6.26', makeBzImage({ ...gzip, protocol: 0x0207 })],
  ['an unknown compression', makeBzImage({ payload: Buffer.from('what is this') })],
  ['an image that ends early', makeBzImage(gzip).subarray(0, 1540)],
  ['one without a payload', makeBzImage({ payload: Buffer.alloc(0) } satisfies MadeUpBzImage)],
])('finds nothing in %s', (_, image) => {
  expect(payloadOf(image)).toBeUndefined();
});

function releaseOf(image: Buffer) {
  return readImageRelease((offset, length) => image.subarray(offset, offset + length));
}

test.each([
  ['6.18.0-rc3+ (me@here) #7 SMP PREEMPT_DYNAMIC Sat Nov 28 2026', '6.18.0-rc3+'],
  ['6.1.0-56-amd64', '6.1.0-56-amd64'],
  ['', undefined],
  [undefined, undefined],
])('the release in %j is %j', (version, release) => {
  const payload = Buffer.from('\x7fELF', 'latin1');
  expect(releaseOf(makeBzImage({ payload, ...(version !== undefined && { version }) }))).toBe(
    release,
  );
});

test('what is not a bzImage has no release', () => {
  expect(releaseOf(Buffer.alloc(0))).toBeUndefined();
  expect(releaseOf(Buffer.alloc(4096, 'x'))).toBeUndefined();
});
