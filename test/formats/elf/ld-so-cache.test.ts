import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLdSoCache } from '../../../src/formats/elf/ld-so-cache.ts';

interface Entry {
  name: string;
  path: string;
  hwcap?: number;
}

/** A cache as ldconfig writes it; `flag` is that of the byte order. */
function buildCache(entries: readonly Entry[], endian: 'little' | 'big', flag: number): Buffer {
  const stringsAt = 48 + entries.length * 24;
  const texts = entries.flatMap(({ name, path }) => [name, path]);
  const file = Buffer.concat([
    Buffer.alloc(stringsAt),
    Buffer.from(texts.map((t) => `${t}\0`).join('')),
  ]);
  const put = (at: number, value: number): number =>
    endian === 'little' ? file.writeUInt32LE(value, at) : file.writeUInt32BE(value, at);
  file.write('glibc-ld.so.cache1.1', 0, 'latin1');
  put(20, entries.length);
  put(24, file.length - stringsAt);
  file[28] = flag;
  let string = stringsAt;
  for (const [entry, { name, path, hwcap }] of entries.entries()) {
    const at = 48 + entry * 24;
    put(at + 4, string);
    put(at + 8, string + name.length + 1);
    put(at + 20, hwcap ?? 0);
    string += name.length + path.length + 2;
  }
  return file;
}

const entries = [
  { name: 'libfast.so.1', path: '/lib/glibc-hwcaps/x86-64-v3/libfast.so.1', hwcap: 0x40000000 },
  { name: 'libfast.so.1', path: '/lib/libfast.so.1' },
  { name: 'libc.so.6', path: '/lib/x86_64/libc.so.6' },
  { name: 'libc.so.6', path: '/lib/i386/libc.so.6' },
];

describe('the cache of the dynamic linker', () => {
  test.each([
    ['little', 2],
    ['little', 0],
    ['big', 3],
    ['big', 0],
  ] as const)('in %s endian, flag %i: libraries for any CPU come first', (endian, flag) => {
    expect(Object.fromEntries(parseLdSoCache(buildCache(entries, endian, flag)) ?? [])).toEqual({
      'libfast.so.1': ['/lib/libfast.so.1', '/lib/glibc-hwcaps/x86-64-v3/libfast.so.1'],
      'libc.so.6': ['/lib/x86_64/libc.so.6', '/lib/i386/libc.so.6'],
    });
  });

  test('is found behind the old table', () => {
    const old = Buffer.alloc(16 + 3 * 12 + 4);
    old.write('ld.so-1.7.0', 0, 'latin1');
    old.writeUInt32LE(3, 12);
    const cache = parseLdSoCache(Buffer.concat([old, buildCache(entries, 'little', 2)]));
    expect(cache?.get('libc.so.6')).toEqual(['/lib/x86_64/libc.so.6', '/lib/i386/libc.so.6']);
  });

  test('is not searched for in other files', () => {
    expect(parseLdSoCache(Buffer.from('see glibc-ld.so.cache1.1'))).toBeUndefined();
    expect(parseLdSoCache(Buffer.alloc(0))).toBeUndefined();
  });

  test('never throws, whatever its content', () => {
    const patch = fc.tuple(fc.nat(150), fc.nat(255));
    fc.assert(
      fc.property(fc.array(patch, { maxLength: 8 }), fc.nat(400), (patches, size) => {
        const file = buildCache(entries, 'little', 2).subarray(0, size);
        for (const [at, value] of patches) if (at < file.length) file[at] = value;
        parseLdSoCache(file);
      }),
    );
  });

  test.skipIf(!existsSync('/etc/ld.so.cache'))('of this host is read as ldconfig prints it', () => {
    const cache = parseLdSoCache(readFileSync('/etc/ld.so.cache'));
    const printed = execFileSync('ldconfig', ['-p'], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/sbin:/usr/bin', LC_ALL: 'C' },
    });
    const lines = [...printed.matchAll(/^\t(\S+) \(.*\) => (\S+)$/gm)];
    expect(lines.length).toBeGreaterThan(10);
    for (const [, name, path] of lines) expect(cache?.get(name!)).toContain(path);
    expect([...cache!.values()].flat()).toHaveLength(lines.length);
  });
});
