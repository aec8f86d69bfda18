import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findSymbols } from '../../src/host/kernel-symbols.ts';
import { trustOf } from '../../src/sys/trust.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

const TRUST = trustOf(process.env);

function touch(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, '', { mode: 0o644 });
}

test('the symbols of a tree, with its scripts once they are built', () => {
  const tree = makeTemporaryDirectory();
  const modules = join(tree, 'mods/lib/modules/6.18.0');
  const find = () => findSymbols({ release: '6.18.0', tree, modules }, TRUST);
  expect(find()).toEqual({
    vmlinux: undefined,
    scripts: undefined,
    untrustedScripts: undefined,
    modules,
  });
  touch(join(tree, 'vmlinux'));
  touch(join(tree, 'vmlinux-gdb.py'));
  expect(find()).toMatchObject({ vmlinux: join(tree, 'vmlinux'), scripts: tree });
});

test('scripts that others could have written are not used', () => {
  const tree = makeTemporaryDirectory();
  const script = join(tree, 'vmlinux-gdb.py');
  touch(script);
  chmodSync(script, 0o666);
  const found = findSymbols({ release: '6.18.0', tree, modules: undefined }, TRUST);
  expect(found.scripts).toBeUndefined();
  expect(found.untrustedScripts).toMatch(new RegExp(`^${script} `));
});

test('the symbols of an installed kernel are in its debug package', () => {
  const root = makeTemporaryDirectory();
  const kernel = { release: '6.1.0', tree: undefined, modules: '/lib/modules/6.1.0' };
  expect(findSymbols(kernel, TRUST, root)).toMatchObject({
    vmlinux: undefined,
    modules: '/lib/modules/6.1.0',
  });
  const fedora = join(root, 'usr/lib/debug/lib/modules/6.1.0');
  touch(join(fedora, 'vmlinux'));
  expect(findSymbols(kernel, TRUST, root)).toMatchObject({
    vmlinux: join(fedora, 'vmlinux'),
    modules: fedora,
  });
  const debian = join(root, 'usr/lib/debug/boot/vmlinux-6.1.0');
  touch(debian);
  expect(findSymbols(kernel, TRUST, root)).toMatchObject({ vmlinux: debian });
});
