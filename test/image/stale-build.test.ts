import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Kernel } from '../../src/host/kernel.ts';
import { hasBuilt, installCommand, warnOfStaleBuild } from '../../src/image/stale-build.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const MODULES = 'linux/mods/lib/modules/6.12.0';
const INSTALLED = `${MODULES}/kernel/fs/ext4/ext4.ko.xz`;

let root: string;
let kernel: Kernel;

/** Writes files that were modified at the given times, in seconds. */
function make(files: Readonly<Record<string, readonly [seconds: number, content: string]>>): void {
  for (const [name, [seconds, content]] of Object.entries(files)) {
    writeFiles(root, { [name]: content });
    utimesSync(join(root, name), seconds, seconds);
  }
}

beforeEach(() => {
  root = makeTemporaryDirectory();
  const tree = join(root, 'linux');
  kernel = {
    release: '6.12.0',
    image: join(tree, 'arch/x86/boot/bzImage'),
    modules: join(root, MODULES),
    buildTree: tree,
    config: join(tree, '.config'),
    chosenBy: 'KERNEL_SRC',
  };
  // As `make` and `make modules_install` leave them.
  make({
    'linux/.config': [100, '# CONFIG_B is not set\nCONFIG_A=y\nCONFIG_C=m\n'],
    'linux/include/config/auto.conf': [110, 'CONFIG_C=m\nCONFIG_A=y\n'],
    'linux/vmlinux': [200, ''],
    'linux/arch/x86/boot/bzImage': [210, ''],
    'linux/modules.order': [190, 'fs/ext4/ext4.o\ndrivers/nvme/host/nvme-tcp.o\n'],
    'linux/fs/ext4/ext4.ko': [200, ''],
    [INSTALLED]: [220, ''],
  });
});

const warnings = (): string[] =>
  warnOfStaleBuild(kernel, [join(root, INSTALLED)]).map((text) =>
    text.replaceAll(root, 'ROOT').replaceAll("'", ''),
  );

test('after make and make modules_install, there is nothing to say', () => {
  expect(warnings()).toEqual([]);
});

test('the configuration was changed since make', () => {
  make({ 'linux/.config': [300, 'CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=m\n'] });
  expect(warnings()).toEqual([
    'ROOT/linux/.config was changed since the kernel was built: make -C ROOT/linux',
  ]);
});

test('a configuration that was written again with the same values was not changed', () => {
  make({ 'linux/.config': [300, '# A comment\nCONFIG_A=y\nCONFIG_C=m\n# CONFIG_B is not set\n'] });
  expect(warnings()).toEqual([]);
});

test('the build ended before the image was made', () => {
  make({ 'linux/vmlinux': [300, ''] });
  expect(warnings()).toEqual([
    'ROOT/linux/arch/x86/boot/bzImage is older than vmlinux, because the build was not completed: make -C ROOT/linux',
  ]);
});

test('make without make modules_install', () => {
  make({ 'linux/fs/ext4/ext4.ko': [300, ''] });
  expect(warnings()).toEqual([
    'ext4: rebuilt since the last modules_install; the image contains the old modules: make -C ROOT/linux INSTALL_MOD_PATH=ROOT/linux/mods modules_install',
  ]);
});

test('a module that was built for the first time is told apart from one that is not configured', () => {
  expect(hasBuilt(kernel, 'nvme-tcp')).toBe(true);
  expect(hasBuilt(kernel, 'nvme_tcp')).toBe(true);
  expect(hasBuilt(kernel, 'xfs')).toBe(false);
});

test('modules are installed where they are now', () => {
  expect(installCommand({ ...kernel, buildTree: '/linux', modules: '/lib/modules/6.12.0' })).toBe(
    'sudo make -C /linux modules_install',
  );
  expect(installCommand({ ...kernel, buildTree: '/linux', modules: '/m/usr/lib/modules/6' })).toBe(
    'make -C /linux INSTALL_MOD_PATH=/m modules_install',
  );
});

test('an installed kernel has no tree that could be newer', () => {
  kernel = { ...kernel, buildTree: undefined };
  make({ 'linux/vmlinux': [300, ''] });
  expect(warnings()).toEqual([]);
  expect(hasBuilt(kernel, 'ext4')).toBe(false);
});
