import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  exportedSymbols,
  findMisfits,
  type NamedModule,
} from '../../../src/formats/kmod/module-check.ts';
import { parseModuleFile } from '../../../src/formats/kmod/module-file.ts';
import { hostKernel } from '../../support/kernel-tree.ts';
import { readModuleFile } from '../../support/module-file.ts';

const RELEASE = '6.18.0-test';
const VERMAGIC = `${RELEASE} SMP preempt mod_unload`;

function aModule(
  name: string,
  vermagic: string | undefined = VERMAGIC,
  needs: string[] = [],
  exports: string[] = [],
): NamedModule {
  return { name, vermagic, readSymbols: () => ({ needs, exports }) };
}

const check = (modules: NamedModule[], exported?: readonly string[]): string[] =>
  findMisfits(modules, RELEASE, exported && new Set(exported));

describe('the version magic of modules', () => {
  test('is that of the kernel', () => {
    expect(check([aModule('a'), aModule('b')])).toEqual([]);
  });

  test('of another release is reported, but with versions of symbols the kernel does not compare it', () => {
    const old = '6.17.0 SMP preempt mod_unload';
    expect(check([aModule('a'), aModule('b', old)])).toEqual([
      'b: built for Linux 6.17.0, not for 6.18.0-test',
    ]);
    const versions = `${VERMAGIC} modversions`;
    expect(check([aModule('a', versions), aModule('b', `${old} modversions`)])).toEqual([]);
  });

  test('with other options than the rest is reported', () => {
    const odd = aModule('odd', `${RELEASE} SMP mod_unload`);
    expect(check([aModule('a'), odd, aModule('b')])).toEqual([
      'odd: built for a kernel with "SMP mod_unload", the other modules for one with "SMP preempt mod_unload"',
    ]);
  });

  test('may be missing', () => {
    expect(check([{ ...aModule('a'), vermagic: undefined }])).toEqual([]);
  });
});

describe('the symbols that modules need', () => {
  test('are exported by the kernel, or by another module of the image', () => {
    const modules = [
      aModule('a', VERMAGIC, ['printk', 'of_b']),
      aModule('b', VERMAGIC, [], ['of_b']),
    ];
    expect(check(modules, ['printk'])).toEqual([]);
  });

  test('that nothing exports are reported, a few of them', () => {
    const modules = [aModule('a', VERMAGIC, ['f1', 'f2', 'printk', 'f3', 'f4', 'f5'])];
    expect(check(modules, ['printk'])).toEqual([
      'a: the kernel does not export f1, f2, f3 and 2 more',
    ]);
  });

  test('are not looked up if the exports are not known', () => {
    const module: NamedModule = {
      ...aModule('a'),
      readSymbols: () => {
        throw new Error('they are read in vain');
      },
    };
    expect(check([module])).toEqual([]);
  });
});

describe('lists of exported symbols', () => {
  const all = [
    '0x12345678\tprintk\tvmlinux\tEXPORT_SYMBOL\t',
    '0x12345678\tgone\tvmlinux\tEXPORT_SYMBOL_GPL\t',
    '0x00000000\tof_b\tdrivers/b/b\tEXPORT_SYMBOL_GPL\tB_NAMES',
    '',
  ].join('\n');

  test('have names of the kernel and of modules', () => {
    expect(exportedSymbols({ all, kernel: undefined })).toEqual(
      new Set(['printk', 'gone', 'of_b']),
    );
  });

  test('made with the kernel mark what belongs to the kernel', () => {
    const kernel = '0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x1\tnew\tvmlinux\tEXPORT_SYMBOL\t\n';
    expect(exportedSymbols({ all, kernel })).toEqual(new Set(['printk', 'new', 'of_b']));
  });

  test.each([undefined, ''])('that are %j contain nothing', (text) => {
    expect(exportedSymbols({ all: text, kernel: undefined })).toBeUndefined();
  });
});

const modules = hostKernel()?.modules;

describe.skipIf(modules === undefined)('a module file', () => {
  const read = (path: string): Buffer => readModuleFile(join(modules ?? '', path));

  test('shows its kernel, the symbols that it needs, and those that it exports', () => {
    const dummy = parseModuleFile(read('kernel/drivers/net/dummy.ko'));
    expect(dummy?.vermagic).toMatch(/^\d\S+ SMP .*mod_unload/);
    expect(dummy?.vermagic?.split(' ')[0]).toBe(hostKernel()?.release);
    expect(dummy?.readSymbols().needs).toEqual(
      expect.arrayContaining(['alloc_netdev_mqs', 'free_netdev']),
    );
    expect(dummy?.readSymbols()).toMatchObject({ exports: [] });
    const failover = parseModuleFile(read('kernel/net/core/failover.ko'));
    expect(failover?.readSymbols().exports.sort()).toEqual([
      'failover_register',
      'failover_slave_unregister',
      'failover_unregister',
    ]);
  });

  test('that is truncated or invalid shows nothing', () => {
    const whole = read('kernel/drivers/net/dummy.ko');
    for (const length of [0, 3, 40, 64, 500]) {
      expect(parseModuleFile(whole.subarray(0, length))).toBeUndefined();
    }
    expect(parseModuleFile(Buffer.from('not an ELF file'))).toBeUndefined();
  });
});
