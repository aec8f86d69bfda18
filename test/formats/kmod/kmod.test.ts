import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseModules,
  findDriver,
  lookUpModule,
  matchesPattern,
  moduleNameOfPath,
  normalizeAlias,
  parseSoftdeps,
  selectAvailable,
} from '../../../src/formats/kmod/resolve.ts';
import { makeIndex } from './kmod-fixtures.ts';

const index = makeIndex({
  dep: [
    'kernel/lib/libcrc32c.ko:',
    'kernel/crypto/crc32c_generic.ko:',
    'kernel/arch/x86/crypto/crc32c-intel.ko:',
    'kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko',
    'kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz',
    'kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz',
    'kernel/net/core/failover.ko.xz:',
    'kernel/fs/smb/client/cifs.ko:',
    'kernel/crypto/gcm.ko:',
    '/opt/driver/outside.ko: kernel/lib/libcrc32c.ko',
    '',
  ].join('\n'),
  alias: [
    '# Aliases extracted from modules themselves.',
    'alias fs-xfs xfs',
    'alias crypto-crc32c crc32c_intel',
    'alias crypto-crc32c crc32c_generic',
    'alias crc32c crc32c_generic',
    'alias virtio:d00000001v* virtio_net',
    'alias usb:v0525p[0-9A]4A*d-x* gadget_that_is_not_installed',
    '',
  ].join('\n'),
  softdep: [
    'softdep libcrc32c pre: crc32c nothing_like_this',
    'softdep cifs gcm',
    'softdep cifs sha512',
    '',
  ].join('\n'),
  weakdep: 'weakdep outside failover\n',
  builtin: 'kernel/fs/configfs/configfs.ko\nkernel/drivers/block/virtio-blk.ko\n',
  readBuiltinModinfo: () => 'virtio_blk.alias=virtio:d00000002v*\0virtio_blk.license=GPL\0',
});

const namesFor = (...wanted: string[]): string[] =>
  chooseModules(index, wanted).modules.map(({ name }) => name);

describe('the modules of an image', () => {
  test('are the requested ones, their dependencies and soft dependencies', () => {
    expect(chooseModules(index, ['xfs', 'virtio-net'])).toMatchInlineSnapshot(`
      {
        "builtin": [],
        "missing": [],
        "modules": [
          {
            "dependencies": [],
            "name": "libcrc32c",
            "path": "kernel/lib/libcrc32c.ko",
            "source": "kernel/lib/libcrc32c.ko",
          },
          {
            "dependencies": [],
            "name": "crc32c_generic",
            "path": "kernel/crypto/crc32c_generic.ko",
            "source": "kernel/crypto/crc32c_generic.ko",
          },
          {
            "dependencies": [
              "kernel/lib/libcrc32c.ko",
            ],
            "name": "xfs",
            "path": "kernel/fs/xfs/xfs.ko",
            "source": "kernel/fs/xfs/xfs.ko",
          },
          {
            "dependencies": [
              "kernel/drivers/net/net_failover.ko",
              "kernel/net/core/failover.ko",
            ],
            "name": "virtio_net",
            "path": "kernel/drivers/net/virtio_net.ko",
            "source": "kernel/drivers/net/virtio_net.ko.xz",
          },
          {
            "dependencies": [
              "kernel/net/core/failover.ko",
            ],
            "name": "net_failover",
            "path": "kernel/drivers/net/net_failover.ko",
            "source": "kernel/drivers/net/net_failover.ko.xz",
          },
          {
            "dependencies": [],
            "name": "failover",
            "path": "kernel/net/core/failover.ko",
            "source": "kernel/net/core/failover.ko.xz",
          },
        ],
      }
    `);
  });

  test.each([
    ['xfs'],
    ['fs-xfs'],
    ['fs_xfs'],
    ['xfs.ko'],
    ['xfs.ko.zst'],
    ['kernel/fs/xfs/xfs.ko'],
    ['fs/xfs'],
  ])('%s is xfs', (wanted) => {
    expect(namesFor(wanted)).toEqual(namesFor('xfs'));
  });

  test('are all that match an alias, as modprobe loads them all', () => {
    expect(namesFor('crypto-crc32c')).toEqual(['crc32c_generic', 'crc32c_intel']);
  });

  test('are found by a hardware id', () => {
    expect(lookUpModule(index, 'virtio:d00000001v00001AF4')).toEqual({ modules: ['virtio_net'] });
    expect(lookUpModule(index, 'virtio:d00000009v00001AF4')).toBeUndefined();
  });

  test('include weak dependencies, though modprobe would not load them', () => {
    expect(namesFor('cifs')).toEqual(['cifs', 'gcm']);
    expect(namesFor('outside')).toEqual(['libcrc32c', 'crc32c_generic', 'failover', 'outside']);
  });

  test('omit built-in ones, by name or alias', () => {
    const wanted = ['configfs', 'virtio_blk', 'virtio:d00000002v00001AF4'];
    expect(chooseModules(index, wanted)).toEqual({ modules: [], builtin: wanted, missing: [] });
  });

  test('omit an alias of a module that is not installed', () => {
    expect(lookUpModule(index, 'usb:v0525pA4A5d-x1')).toBeUndefined();
  });
});

test('reports all missing modules at once, with the nearest existing name', () => {
  expect(chooseModules(index, ['virtio_nett', 'zzzzzzzz', 'xfs', 'confgfs']).missing).toEqual([
    { name: 'virtio_nett', suggestion: 'virtio_net' },
    { name: 'zzzzzzzz', suggestion: undefined },
    { name: 'confgfs', suggestion: 'configfs' },
  ]);
  expect(chooseModules(makeIndex({}), ['xfs']).missing).toEqual([
    { name: 'xfs', suggestion: undefined },
  ]);
});

test('looks up optional drivers by name, without reading modules.alias', () => {
  const unread = makeIndex({
    dep: 'kernel/fs/xfs/xfs.ko:\n',
    builtin: 'kernel/fs/ext4/ext4.ko\n',
    readAliasBinary: () => {
      throw new Error('modules.alias.bin was read');
    },
  });
  expect(findDriver(unread, 'xfs')).toBe('module');
  expect(findDriver(unread, 'ext4')).toBe('builtin');
  expect(findDriver(index, 'fs-xfs')).toBe('module');
  expect(findDriver(index, 'btrfs')).toBeUndefined();
  expect(selectAvailable(index, ['btrfs', 'configfs', 'xfs'])).toEqual(['configfs', 'xfs']);
});

test('combines several softdep lines', () => {
  const text = 'softdep a pre: b  c post: d\n# softdep x pre: y\nsoftdep a e\nweakdep a-b f\n';
  expect(Object.fromEntries(parseSoftdeps(text))).toEqual({ a: ['b', 'c', 'd', 'e'], a_b: ['f'] });
});

test('module names are derived from file names', () => {
  expect(moduleNameOfPath('kernel/net/8021q/8021q.ko.xz')).toBe('8021q');
  expect(moduleNameOfPath('snd-hda-intel')).toBe('snd_hda_intel');
});

test('aliases are normalized outside of brackets only', () => {
  expect(normalizeAlias('a-b[0-9]c-d[]-x')).toBe('a_b[0-9]c_d[]_x');
  expect(normalizeAlias('a[0-9')).toBeUndefined();
  expect(normalizeAlias('a]')).toBeUndefined();
});

describe('alias patterns', () => {
  test.each([
    ['pci:v*d0001*', 'pci:v8086d0001sv0', true],
    ['pci:v*d0001*', 'pci:v8086d0002sv0', false],
    ['a*b*c', 'a/b/b/c', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[]x]', ']', true],
    ['[a-]', '-', true],
    ['[ab', '[ab', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(matchesPattern(pattern, text)).toBe(expected);
  });

  test('mean the same as the regular expression made from them', () => {
    const letters = (chars: string) => fc.string({ unit: fc.constantFrom(...chars), maxLength: 8 });
    fc.assert(
      fc.property(letters('ab*?'), letters('ab'), (pattern, text) => {
        const source = pattern.replaceAll('*', '.*').replaceAll('?', '.');
        expect(matchesPattern(pattern, text)).toBe(new RegExp(`^${source}$`).test(text));
      }),
    );
  });
});
