import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Conf } from '../../src/conf/conf.ts';
import { buildKernel } from '../../src/run/build-kernel.ts';
import { readConf } from '../conf/read-conf.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

let tree: string;
let log: string;
beforeEach(() => {
  tree = makeTemporaryDirectory();
  log = join(makeTemporaryDirectory(), 'build.log');
});
afterEach(() => vi.unstubAllEnvs());

/** Puts a `make` first in PATH that records its arguments and directory. */
function installMake(script = ''): () => string {
  const directory = makeTemporaryDirectory();
  const notes = join(directory, 'notes');
  const path = join(directory, 'make');
  writeFileSync(path, `#!/bin/bash\necho "in $PWD: make $*" >> '${notes}'\n${script}\n`);
  chmodSync(path, 0o755);
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  return () => (existsSync(notes) ? readFileSync(notes, 'utf8').replaceAll(tree, 'TREE') : '');
}

/** The parts of a run that the build needs. */
const job = (ofConf: Conf) => ({
  context: { conf: ofConf, kernelRequest: undefined },
  directory: { id: '', path: dirname(log), file: () => log },
  onInterrupt: () => 130,
});

const conf = (more = '') => readConf(`KERNEL_SRC="${tree}"\n${more}`);

test('builds the kernel in its tree, and installs the modules where rapido searches for them', async () => {
  const calls = installMake();
  writeFiles(tree, { '.config': 'CONFIG_64BIT=y\nCONFIG_MODULES=y\n' });
  await buildKernel(['make', '-j2', 'LOCALVERSION=-my tree'], job(conf()));
  expect(calls()).toBe(
    'in TREE: make -j2 LOCALVERSION=-my tree\n' +
      'in TREE: make INSTALL_MOD_PATH=TREE/mods modules_install\n',
  );
});

test('or where rapido.conf says', async () => {
  const calls = installMake();
  writeFiles(tree, { '.config': 'CONFIG_MODULES=y\n' });
  await buildKernel(['make'], job(conf('KERNEL_INSTALL_MOD_PATH="/my/mods"\n')));
  expect(calls()).toContain('make INSTALL_MOD_PATH=/my/mods modules_install');
});

test('installs no modules of a kernel without modules', async () => {
  const calls = installMake();
  writeFiles(tree, { '.config': '# CONFIG_MODULES is not set\n' });
  await buildKernel(['make'], job(conf()));
  expect(calls()).toBe('in TREE: make \n');
});

test('accepts a configuration that the build makes', async () => {
  const calls = installMake('echo CONFIG_MODULES=y > .config');
  await buildKernel(['make', 'defconfig', 'bzImage'], job(conf()));
  expect(calls()).toContain('modules_install');
});

test('writes all of its stdout and stderr to the log', async () => {
  installMake('echo "  CC $1"; echo "warning: $1" >&2');
  writeFiles(tree, { '.config': 'CONFIG_MODULES=y\n' });
  await buildKernel(['make', 'all'], job(conf()));
  const lines = readFileSync(log, 'utf8').split('\n');
  expect(lines).toEqual(expect.arrayContaining(['  CC all', 'warning: all']));
  expect(lines.filter((line) => line.includes('INSTALL_MOD_PATH'))).toHaveLength(2);
});

test('a build that fails: its last lines, no modules', async () => {
  const calls = installMake('echo "fs/foo.c:1: error: expected ;" >&2; exit 2');
  writeFiles(tree, { '.config': 'CONFIG_MODULES=y\n' });
  expect(
    await complaintOf(() => buildKernel(['make', '-j2'], job(conf())), { TREE: tree }),
  ).toMatchInlineSnapshot(`
    "rapido: error: kernel build failed: make exited with status 2
      - command: make -j2
      - fs/foo.c:1: error: expected ;"
  `);
  expect(calls()).toBe('in TREE: make -j2\n');
  expect(readFileSync(log, 'utf8')).toBe('fs/foo.c:1: error: expected ;\n');
});

test('modules that cannot be installed', async () => {
  installMake('[[ $* == *modules_install* ]] && { echo "no depmod"; exit 1; }; exit 0');
  writeFiles(tree, { '.config': 'CONFIG_MODULES=y\n' });
  expect(
    await complaintOf(() => buildKernel(['make'], job(conf())), { TREE: tree }),
  ).toMatchInlineSnapshot(`
    "rapido: error: modules_install failed: make exited with status 1
      - command: make 'INSTALL_MOD_PATH=TREE/mods' modules_install
      - no depmod"
  `);
});

test('a build without a tree is a mistake', async () => {
  expect(await complaintOf(() => buildKernel(['make'], job(readConf(''))))).toMatchInlineSnapshot(`
    "rapido: error: --build: there is no kernel tree
      hint: cd to it, use --kernel /path/to/linux, or set KERNEL_SRC in rapido.conf"
  `);
});

test('a build that leaves no configuration is a mistake with an explanation', async () => {
  installMake();
  expect(await complaintOf(() => buildKernel(['make'], job(conf())), { TREE: tree })).toContain(
    '.config',
  );
});
