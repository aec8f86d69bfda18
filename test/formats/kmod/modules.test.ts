import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { UserError } from '../../../src/errors.ts';
import {
  buildModulesLayer,
  type ModulesPlan,
  planModules,
  readBuiltinTree,
  readModuleTree,
} from '../../../src/formats/kmod/modules.ts';
import { makeKernelTree } from '../../support/kernel-tree.ts';
import { packedSuffix, readModuleFile } from '../../support/module-file.ts';
import { withoutRoot } from '../../support/ordinary-user.ts';
import {
  contentOf,
  depmod,
  hasProgram,
  installed,
  makeDirectory,
  modprobe,
  writeLayer,
} from './kmod-fixtures.ts';

const withKmod = installed !== undefined && hasProgram('modprobe');
const host = installed ?? { directory: '', release: '' };
/** Compression of this distribution's modules. */
const suffix = packedSuffix(join(host.directory, 'kernel/fs/xfs/xfs.ko')) ?? '';

/** Filesystems, block devices, network, storage targets: what rapido's own cuts ask for. */
// biome-ignore format: a list of short words
const DRIVERS = [
  'xfs', 'btrfs', 'ext4', 'f2fs', 'cifs', 'nfsd', '9p', 'overlay',
  'zram', 'null_blk', 'dm-multipath', 'scsi-debug', 'virtio_net', 'virtio-blk',
  'nvme_tcp', 'nvmet-tcp', 'nvme-fc', 'iscsi_tcp', 'target_core_mod', 'usbip-host',
];
const ALIASES = ['fs-xfs', 'crypto-crc32c', 'net-pf-40', 'virtio:d00000001v00001AF4', 'sha256'];

describe.skipIf(!withKmod)(`modules of the installed kernel ${host.release}`, () => {
  const wanted = [...DRIVERS, ...ALIASES];

  test('modprobe in the image loads the same chain as on the host', async () => {
    const { root } = await cut(wanted);
    for (const name of wanted) {
      const expected = modprobe('/', host.release, '--show-depends', name);
      expect(expected).toMatch(/^(insmod|builtin) /);
      expect(modprobe(root, host.release, '--show-depends', name)).toBe(expected);
      expect(modprobe(root, host.release, '-n', '-v', name)).toBe(
        modprobe('/', host.release, '-n', '-v', name),
      );
    }
  });

  test('modprobe -a of all at once succeeds, including softdeps and built-in modules', async () => {
    const builtin = readFileSync(join(host.directory, 'modules.builtin'), 'latin1').split('\n');
    const names = builtin.slice(0, 20).map((path) => basename(path, '.ko'));
    const { root, plan } = await cut([...wanted, ...names]);
    expect(plan.missing).toEqual([]);
    // A module of one kernel may be built into another.
    expect(plan.builtin.filter((name) => !wanted.includes(name))).toEqual(names);
    for (const name of names) {
      expect(modprobe(root, host.release, '--show-depends', name)).toMatch(/^builtin \S+\n$/);
    }
    expect(modprobe(root, host.release, '-n', '-a', ...wanted, ...names)).toBe('');
  });

  test('an alias of a built-in driver succeeds', async () => {
    const modinfo = readFileSync(join(host.directory, 'modules.builtin.modinfo'), 'latin1');
    const alias = /\0[^.]+\.alias=(fs-[a-z]+)\0/.exec(modinfo)?.[1] ?? '';
    expect(alias).not.toBe('');
    const { root, plan } = await cut([alias]);
    expect(plan).toMatchObject({ modules: [], builtin: [alias] });
    expect(modprobe(root, host.release, '-R', alias)).toBe(
      modprobe('/', host.release, '-R', alias),
    );
    expect(modprobe(root, host.release, alias)).toBe('');
  });

  test('a module that was not requested is not in the image', async () => {
    const { root } = await cut(['zram']);
    expect(modprobe(root, host.release, 'btrfs')).toContain('Module btrfs not found');
  });

  test('the index is what depmod writes for the same modules', async () => {
    const { root, plan } = await cut(wanted);
    const other = makeDirectory();
    const directory = join(other, 'lib/modules', host.release);
    for (const { path } of plan.modules) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), readModuleFile(join(host.directory, path)));
    }
    for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
      copyFileSync(join(host.directory, name), join(directory, name));
    }
    depmod(other, host.release);

    const ours = (name: string): Buffer =>
      readFileSync(join(root, 'lib/modules', host.release, name));
    const depmods = (name: string): Buffer => readFileSync(join(directory, name));
    const lines = (file: Buffer): string[] =>
      file
        .toString('latin1')
        .split('\n')
        .filter((line) => !line.startsWith('#'));
    expect(lines(ours('modules.softdep'))).toEqual(lines(depmods('modules.softdep')));
    expect(lines(ours('modules.alias'))).toEqual(lines(depmods('modules.alias')));
    expect(lines(ours('modules.devname'))).toEqual(lines(depmods('modules.devname')));
    // depmod may order independent dependencies in another way: compare the sets.
    const sets = (file: Buffer) => lines(file).map((line) => line.split(' ').sort().join(' '));
    expect(sets(ours('modules.dep'))).toEqual(sets(depmods('modules.dep')));

    // kmod up to 30 writes children before their parents, as rapido does; later ones after them.
    const depmodRoot = depmods('modules.alias.bin').readUInt32BE(8) & 0x0fffffff;
    if (depmodRoot !== 12) {
      for (const name of ['alias', 'builtin', 'builtin.alias']) {
        const file = `modules.${name}.bin`;
        expect(ours(file).equals(depmods(file)), file).toBe(true);
      }
    }
    const dump = (base: string): string[] =>
      modprobe(base, host.release, '--showconfig')
        .split('\n')
        .filter((line) => !line.startsWith('alias symbol:'));
    expect(dump(root)).toEqual(dump(other));
  });

  test('the layer becomes stale if a module or an index file changes', () => {
    const { dependsOn, modules } = planModules(readModuleTree(host.directory), ['xfs']);
    expect(dependsOn).toContain(join(host.directory, 'modules.dep'));
    expect(dependsOn).toContain(join(host.directory, `kernel/fs/xfs/xfs.ko${suffix}`));
    expect(dependsOn.filter((path) => path.endsWith(`.ko${suffix}`))).toHaveLength(modules.length);
  });

  test('the plan is plain data', () => {
    const plan = planModules(readModuleTree(host.directory), ['xfs', 'nosuch', 'crc32c']);
    expect(JSON.parse(JSON.stringify({ ...plan, missing: [] }))).toEqual({ ...plan, missing: [] });
  });

  test('uncompressed modules are copied from their place', async () => {
    const { modules = '', release } = makeKernelTree(makeDirectory(), { drivers: ['xfs'] });
    const { files } = await cut(['xfs'], modules);
    const file = join(modules, 'kernel/fs/xfs/xfs.ko');
    expect(files).toContainEqual({
      path: `lib/modules/${release}/kernel/fs/xfs/xfs.ko`,
      mode: 0o100644,
      file,
      size: statSync(file).size,
    });
  });
});

async function cut(wanted: readonly string[], directory = host.directory) {
  const tree = readModuleTree(directory);
  const plan = planModules(tree, wanted);
  const files = await buildModulesLayer(tree, plan);
  const root = makeDirectory();
  writeLayer(root, files);
  return { plan, files, root };
}

/** Belongs to no user of this host. */
const FOREIGN_GROUP = 54321;

describe.skipIf(!withKmod)('a tree with compressed modules', () => {
  test.for([
    ['xz', 'xz'],
    ['zst', 'zstd'],
    ['gz', 'gzip'],
  ] as const)(
    '.ko.%s: the image gets what %s packed, uncompressed',
    async ([suffix, program], { skip }) => {
      skip(!hasProgram(program), `${program} is not installed`);
      const { directory, plain } = compressedTree(suffix, program);
      const { plan, files, root } = await cut(['xfs', 'cifs', 'nvme-tcp'], directory);
      expect(plan.missing).toEqual([]);
      expect(plan.dependsOn).toContain(join(directory, `kernel/fs/xfs/xfs.ko.${suffix}`));
      for (const { path } of plan.modules) {
        const file = files.find((one) => one.path === `lib/modules/${host.release}/${path}`)!;
        expect(contentOf(file).equals(readModuleFile(join(host.directory, path))), path).toBe(true);
      }
      expect(plan.modules).toHaveLength(plain.modules.length);
      for (const name of ['xfs', 'cifs', 'nvme-tcp']) {
        expect(modprobe(root, host.release, '--show-depends', name)).toBe(
          modprobe('/', host.release, '--show-depends', name),
        );
      }
    },
  );

  test.for([
    ['xz', 'xz'],
    ['zst', 'zstd'],
    ['gz', 'gzip'],
  ] as const)(
    '.ko.%s of root and of a group that the user is not in, read-only for all, can be read',
    async ([suffix, program], { skip }) => {
      skip(!hasProgram(program), `${program} is not installed`);
      const { directory, plain: packed } = compressedTree(suffix, program);
      for (const { path } of packed.modules) {
        const file = `${join(directory, path)}.${suffix}`;
        chmodSync(file, 0o444);
        if (process.getuid?.() === 0) chownSync(file, 0, FOREIGN_GROUP);
      }
      chmodSync(join(directory, '../../..'), 0o755);
      const tree = readModuleTree(directory);
      const plan = planModules(tree, ['xfs']);
      const files = await withoutRoot(() => buildModulesLayer(tree, plan));
      const xfs = files.find(({ path }) => path.endsWith('/xfs.ko'))!;
      const original = readModuleFile(join(host.directory, 'kernel/fs/xfs/xfs.ko'));
      expect(contentOf(xfs).equals(original)).toBe(true);
    },
  );

  test.for([
    ['xz', 'xz', 'xz-utils'],
    ['zst', 'zstd', 'package zstd'],
  ] as const)(
    'without a program for .ko.%s, the error names its package',
    async ([suffix, program, hint], { skip }) => {
      skip(!hasProgram(program), `${program} is not installed`);
      skip(program === 'zstd' && 'zstdDecompress' in zlib, 'this Node has zstd itself');
      const { directory } = compressedTree(suffix, program);
      const path = process.env.PATH;
      onTestFinished(() => {
        process.env.PATH = path;
      });
      process.env.PATH = directoryWith('setpriv');
      await expect(cut(['xfs'], directory)).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringContaining(`failed: ${program} could not be executed`),
        hint: expect.stringContaining(hint),
      });
    },
  );

  test.for([
    ['xz', 'xz'],
    ['gz', 'gzip'],
  ] as const)('names a damaged .ko.%s', async ([suffix, program], { skip }) => {
    skip(!hasProgram(program), `${program} is not installed`);
    const { directory } = compressedTree(suffix, program);
    const file = join(directory, `kernel/fs/xfs/xfs.ko.${suffix}`);
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    const error: UserError = await cut(['xfs'], directory).catch((caught) => caught);
    expect(error.name).toBe('UserError');
    expect([error.message, ...error.problems].join('\n')).toContain(`xfs.ko.${suffix}`);
  });
});

/** What `make modules_install` leaves for a few modules with CONFIG_MODULE_COMPRESS. */
function compressedTree(
  suffix: string,
  program: string,
): { directory: string; plain: ModulesPlan } {
  const directory = join(makeDirectory(), 'lib/modules', host.release);
  const plain = planModules(readModuleTree(host.directory), ['xfs', 'cifs', 'nvme-tcp']);
  const packed = plain.modules.map(({ path }) => {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, readModuleFile(join(host.directory, path)));
    return file;
  });
  execFileSync(program, ['-q', '-1', ...(program === 'zstd' ? ['--rm'] : []), ...packed]);
  const dep = plain.modules.map(
    ({ path, dependencies }) => `${path}:${dependencies.map((other) => ` ${other}`).join('')}\n`,
  );
  writeFileSync(join(directory, 'modules.dep'), dep.join('').replaceAll('.ko', `.ko.${suffix}`));
  for (const name of ['alias', 'softdep', 'builtin', 'builtin.modinfo']) {
    copyFileSync(join(host.directory, `modules.${name}`), join(directory, `modules.${name}`));
  }
  return { directory, plain };
}

function directoryWith(program: string): string {
  const directory = makeDirectory();
  const path = ['/usr/bin', '/bin'].map((bin) => join(bin, program)).find((file) => statSync(file));
  symlinkSync(path!, join(directory, program));
  return directory;
}

/** Installed modules that are empty files. */
function madeUpTree(dep: string, files: readonly string[]): string {
  const directory = join(makeDirectory(), 'mods/lib/modules/6.9.0-test');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'modules.dep'), dep);
  for (const file of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), '');
  }
  return directory;
}

describe('messages to the user', () => {
  test('modules are not installed: prints the command that installs them', () => {
    expect(() => readModuleTree('/nowhere/lib/modules/6.9.0-test')).toThrowError(
      expect.objectContaining({
        message:
          'no modules for kernel 6.9.0-test: /nowhere/lib/modules/6.9.0-test is not a directory',
        hint: 'in the kernel tree: make && INSTALL_MOD_PATH=./mods make modules_install',
      }),
    );
  });

  test('depmod was not run: prints the command that runs it', () => {
    const directory = madeUpTree('', []);
    rmSync(join(directory, 'modules.dep'));
    const base = directory.replace('/lib/modules/6.9.0-test', '');
    expect(() => readModuleTree(directory)).toThrowError(
      expect.objectContaining({
        message: `${directory}/modules.dep does not exist (depmod not run?)`,
        hint: `depmod -b ${base} 6.9.0-test`,
      }),
    );
  });

  test('modules.dep is older than the modules: lists all that are missing', async () => {
    const directory = madeUpTree(
      'kernel/a.ko: kernel/b.ko kernel/c.ko\nkernel/b.ko:\nkernel/c.ko:\n',
      ['kernel/b.ko'],
    );
    await expect(cut(['a'], directory)).rejects.toMatchObject({
      name: 'UserError',
      message: `modules.dep in ${directory} names modules that do not exist`,
      problems: [join(directory, 'kernel/a.ko'), join(directory, 'kernel/c.ko')],
    });
  });
});

test('lists the built-in modules of a kernel without loadable modules', async () => {
  const buildTree = makeDirectory();
  writeFileSync(join(buildTree, 'modules.builtin'), 'kernel/fs/xfs/xfs.ko\n');
  writeFileSync(join(buildTree, 'modules.builtin.modinfo'), 'xfs.alias=fs-xfs\0');
  const tree = readBuiltinTree(buildTree, '6.9.0-test');
  const plan = planModules(tree, ['xfs', 'fs-xfs', 'ext4']);
  expect(plan).toMatchObject({
    modules: [],
    builtin: ['xfs', 'fs-xfs'],
    missing: [{ name: 'ext4', suggestion: undefined }],
  });
  const root = makeDirectory();
  writeLayer(root, await buildModulesLayer(tree, plan));
  if (!hasProgram('modprobe')) return;
  expect(modprobe(root, '6.9.0-test', '--show-depends', 'xfs')).toBe('builtin xfs\n');
  expect(modprobe(root, '6.9.0-test', 'fs-xfs')).toBe('');
});

test('modules outside of the module directory, and links to them, keep their path', async () => {
  const elsewhere = join(makeDirectory(), 'outside.ko');
  writeFileSync(elsewhere, 'outside');
  const directory = madeUpTree(`weak-updates/a.ko: ${elsewhere}\n${elsewhere}:\n`, []);
  mkdirSync(join(directory, 'weak-updates'));
  symlinkSync(elsewhere, join(directory, 'weak-updates/a.ko'));
  const { plan, files } = await cut(['a'], directory);
  expect(files.slice(0, 2)).toEqual([
    {
      path: 'lib/modules/6.9.0-test/weak-updates/a.ko',
      mode: 0o100644,
      file: join(directory, 'weak-updates/a.ko'),
      size: 7,
    },
    { path: elsewhere.slice(1), mode: 0o100644, file: elsewhere, size: 7 },
  ]);
  expect(plan.dependsOn).toContain(elsewhere);
});
