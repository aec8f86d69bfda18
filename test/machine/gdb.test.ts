import { describe, expect, test } from 'vitest';
import type { KernelSymbols } from '../../src/host/kernel-symbols.ts';
import { explainSymbols, gdbCommandLine } from '../../src/machine/gdb.ts';

const NOTHING: KernelSymbols = {
  vmlinux: undefined,
  scripts: undefined,
  untrustedScripts: undefined,
  modules: undefined,
};
const TREE: KernelSymbols = {
  ...NOTHING,
  vmlinux: '/my linux/vmlinux',
  scripts: '/my linux',
  modules: '/my linux/mods/lib/modules/6.1.0',
};
const RUNNING = { isBeforeStart: false };

function commandLine(symbols: KernelSymbols, words: string[] = [], stub = RUNNING): string[] {
  return gdbCommandLine({ gdb: '/usr/bin/gdb', socket: '/run/vm1.gdb', symbols, stub, words });
}

describe('the command line of gdb', () => {
  test('attaches without symbols, too, and has the arguments of the user last', () => {
    expect(commandLine(NOTHING, ['-ex', 'bt'])).toEqual([
      '/usr/bin/gdb',
      '-q',
      '-ex',
      'target remote /run/vm1.gdb',
      '-ex',
      'bt',
    ]);
  });

  test('loads the symbols of the kernel, and those of modules with the scripts of its tree', () => {
    expect(commandLine(TREE)).toEqual([
      '/usr/bin/gdb',
      '-q',
      '-iex',
      'add-auto-load-safe-path /my linux',
      '/my linux/vmlinux',
      '-ex',
      'target remote /run/vm1.gdb',
      '-ex',
      'lx-symbols /my linux/mods/lib/modules/6.1.0',
    ]);
    expect(commandLine({ ...TREE, scripts: undefined })).toEqual([
      '/usr/bin/gdb',
      '-q',
      '/my linux/vmlinux',
      '-ex',
      'target remote /run/vm1.gdb',
    ]);
  });

  test('does not read the list of modules before the kernel has started', () => {
    expect(commandLine(TREE, [], { isBeforeStart: true }).join(' ')).not.toContain('lx-symbols');
  });
});

describe('what gdb cannot show is explained', () => {
  const explain = (
    symbols: KernelSymbols,
    kernel: Parameters<typeof explainSymbols>[1]['kernel'],
    stub = RUNNING,
  ): string[] => explainSymbols(symbols, { kernelRelease: '6.1.0', kernel }, stub);
  const BUILT = { tree: '/linux', modules: undefined, isRandomized: false };
  const INSTALLED = { tree: undefined, modules: '/lib/modules/6.1.0', isRandomized: true };

  test('nothing is missing', () => {
    expect(explain(TREE, BUILT)).toEqual([]);
  });

  test('no vmlinux', () => {
    expect(explain(NOTHING, BUILT)).toEqual(['no symbols: no vmlinux of Linux 6.1.0 in /linux']);
    expect(explain(NOTHING, INSTALLED)).toEqual([
      'no symbols: no vmlinux of Linux 6.1.0 on this host; install the debug package',
    ]);
  });

  test('no scripts, or scripts that another user could have written', () => {
    expect(explain({ ...TREE, scripts: undefined }, BUILT)).toEqual([
      "no symbols of modules without the kernel's scripts for gdb: make -C /linux scripts_gdb",
    ]);
    const untrustedScripts = '/linux can be written by others';
    expect(explain({ ...TREE, scripts: undefined, untrustedScripts }, BUILT)).toEqual([
      `no symbols of modules: the tree's scripts for gdb are not trusted: ${untrustedScripts}`,
    ]);
  });

  test('a kernel at random addresses', () => {
    expect(explain(TREE, { ...BUILT, isRandomized: true })).toEqual([
      'the kernel may be at other addresses than its symbols (KASLR): boot with --gdb or --append nokaslr',
    ]);
  });

  test('modules before the kernel has started', () => {
    expect(explain(TREE, BUILT, { isBeforeStart: true })).toEqual([
      'lx-symbols loads the symbols of modules once the kernel has started',
    ]);
  });
});
