import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { findKernel, type Kernel } from '../../src/host/kernel.ts';
import {
  decideKernel,
  type KernelChoice,
  type KernelKeys,
  type KernelRequest,
  requestKernel,
  treeOf,
  treeOfRequest,
} from '../../src/host/kernel-choice.ts';
import { trustOf } from '../../src/sys/trust.ts';
import { makeBzImage } from '../support/bzimage.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

let root: string;
beforeEach(() => {
  root = makeTemporaryDirectory();
});

const make = (files: Readonly<Record<string, string>>): void => writeFiles(root, files);
const at = (path: string): string => join(root, path);

const TREE = {
  'linux/.config': 'CONFIG_X86_64=y\nCONFIG_MODULES=y\n',
  'linux/include/config/kernel.release': '6.12.0\n',
  'linux/arch/x86/boot/bzImage': '',
};

interface Given {
  option?: string;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  willBuild?: boolean;
  warn?: (text: string) => void;
}

function request({ option, env = {}, cwd = '.', willBuild = false, warn }: Given): KernelRequest {
  return requestKernel(
    {
      option,
      env,
      cwd: at(cwd),
      architecture: architectureOf('x64'),
      willBuild,
      trust: trustOf({ HOME: root }),
    },
    warn ?? ((text) => expect.unreachable(text)),
  );
}

const UNSET: KernelKeys = {
  KERNEL_SRC: undefined,
  KERNEL_RELEASE: undefined,
  KERNEL_INSTALL_MOD_PATH: undefined,
};

/** The choice with these values in rapido.conf. */
function decide(given: Given, inConf: Partial<KernelKeys> = {}): KernelChoice {
  const asked = request(given);
  const { env = {} } = given;
  const tree = treeOfRequest(asked);
  const keys = { ...UNSET, ...inConf, ...env, ...(tree !== undefined && { KERNEL_SRC: tree }) };
  return decideKernel(asked, keys, (key) => key in env);
}

describe('which kernel is meant', () => {
  const inConf = { KERNEL_SRC: '/conf/linux', KERNEL_RELEASE: '6.1-conf' };
  const env = { KERNEL_SRC: '/env/linux' };

  test('--kernel comes first', () => {
    make(TREE);
    const choice = decide({ option: '6.5-option', env, cwd: 'linux' }, inConf);
    expect(choice).toMatchObject({ kind: 'release', release: '6.5-option', reason: '--kernel' });
    expect(treeOf(choice)).toBeUndefined();
  });

  test('then the environment', () => {
    make(TREE);
    expect(decide({ env, cwd: 'linux' }, inConf)).toMatchObject({
      tree: '/env/linux',
      reason: 'KERNEL_SRC in the environment',
    });
    expect(decide({ env: { KERNEL_RELEASE: '6.2-env' }, cwd: 'linux' }, inConf)).toMatchObject({
      release: '6.2-env',
      reason: 'KERNEL_RELEASE in the environment',
    });
  });

  test('then the current directory, if a kernel was built there', () => {
    make(TREE);
    expect(decide({ cwd: 'linux' }, inConf)).toMatchObject({
      tree: at('linux'),
      reason: 'the current directory',
    });
    expect(decide({ cwd: 'linux', env: { KERNEL_SRC: '' } }, inConf)).toMatchObject({
      tree: at('linux'),
    });
  });

  test('then rapido.conf', () => {
    expect(decide({}, inConf)).toMatchObject({ tree: '/conf/linux', reason: 'KERNEL_SRC' });
    expect(decide({}, { KERNEL_RELEASE: '6.1-conf' })).toMatchObject({ release: '6.1-conf' });
  });

  test('otherwise a kernel of this host', () => {
    expect(decide({})).toMatchObject({ kind: 'host' });
  });

  test.each(['linux/.config', 'linux/arch/x86/boot/bzImage'] as const)(
    'a directory without %s is not one with a kernel',
    (missing) => {
      const { [missing]: _, ...rest } = TREE;
      make(rest);
      expect(decide({ cwd: 'linux' }, inConf)).toMatchObject({ tree: '/conf/linux' });
    },
  );

  test('a configured tree counts if it is built first', () => {
    make({ 'linux/.config': '', 'linux/Makefile': '' });
    expect(decide({ cwd: 'linux' })).toMatchObject({ kind: 'host' });
    expect(decide({ cwd: 'linux', willBuild: true })).toMatchObject({ tree: at('linux') });
  });

  test('a tree in which others can write is ignored, unless --kernel names it', () => {
    make(TREE);
    chmodSync(at('linux'), 0o777);
    const warnings: string[] = [];
    expect(decide({ cwd: 'linux', warn: (text) => warnings.push(text) })).toMatchObject({
      kind: 'host',
    });
    expect(warnings.map((text) => text.replaceAll(root, 'ROOT'))).toEqual([
      'the kernel in the current directory is ignored, because ROOT/linux is writable by everyone; --kernel . uses it',
    ]);
    expect(decide({ cwd: 'linux', option: '.' })).toMatchObject({ tree: at('linux') });
  });
});

describe('where its modules are installed', () => {
  const KERNEL_INSTALL_MOD_PATH = '/conf/mods';

  test('KERNEL_INSTALL_MOD_PATH of rapido.conf belongs to the kernel of rapido.conf', () => {
    make(TREE);
    const ofConf = decide({}, { KERNEL_SRC: '/conf/linux', KERNEL_INSTALL_MOD_PATH });
    expect(treeOf(ofConf)?.installModPath).toBe('/conf/mods');
    const ofDirectory = decide({ cwd: 'linux' }, { KERNEL_INSTALL_MOD_PATH });
    expect(treeOf(ofDirectory)?.installModPath).toBe(at('linux/mods'));
  });

  test('in the environment, it belongs to any kernel', () => {
    make(TREE);
    const choice = decide({ cwd: 'linux', option: '.', env: { KERNEL_INSTALL_MOD_PATH } });
    expect(treeOf(choice)?.installModPath).toBe('/conf/mods');
  });
});

/** The kernel that `--kernel` names, with paths relative to the test's directory. */
function found(option: string): Kernel {
  const kernel = findKernel(decide({ option }), {
    architecture: architectureOf('x64'),
    runningRelease: '6.5.0-running',
    boot: at('host/boot'),
    moduleRoots: [at('host/lib/modules')],
  });
  return JSON.parse(JSON.stringify(kernel).replaceAll(`${root}/`, ''));
}

const refused = (option: string): Promise<string> =>
  complaintOf(() => found(option), { ROOT: root });

function makeImage(path: string, release: string): void {
  make({ [path]: '' });
  const payload = Buffer.from('\x7fELF', 'latin1');
  writeFileSync(at(path), makeBzImage({ payload, version: `${release} (me@here) #1 SMP` }));
}

describe('--kernel', () => {
  test.each(['linux', 'linux/arch/x86/boot/bzImage', 'linux/vmlinux'])(
    'a tree, or an image in it: %s',
    (option) => {
      make({ ...TREE, 'linux/vmlinux': '', 'linux/mods/lib/modules/6.12.0/': '' });
      expect(found(option)).toEqual({
        release: '6.12.0',
        image: 'linux/arch/x86/boot/bzImage',
        modules: 'linux/mods/lib/modules/6.12.0',
        buildTree: 'linux',
        config: 'linux/.config',
        chosenBy: '--kernel',
      });
    },
  );

  test.each([
    ['beside/vmlinuz', 'beside/lib/modules/6.12.0'],
    ['beside/bzImage', 'beside/mods/lib/modules/6.12.0'],
    ['package/boot/vmlinuz-6.12.0', 'package/usr/lib/modules/6.12.0'],
    ['any/modules/6.12.0/vmlinuz', 'any/modules/6.12.0'],
    ['alone/bzImage', 'host/lib/modules/6.12.0'],
  ])('an image with its modules beside it: %s', (image, modules) => {
    makeImage(image, '6.12.0');
    make({ [`${modules}/`]: '' });
    expect(found(image)).toMatchObject({ release: '6.12.0', image, modules });
  });

  test('an image that does not contain its release, as of arm64', async () => {
    make({ 'out/Image': '', 'out/lib/modules/6.12.0/': '' });
    expect(found('out/Image')).toMatchObject({ release: '6.12.0' });
    make({ 'out/lib/modules/6.13.0/': '', 'out/Image-6.13.0': '' });
    expect(found('out/Image-6.13.0')).toMatchObject({ release: '6.13.0' });
    expect(await refused('out/Image')).toMatchInlineSnapshot(`
      "rapido: error: --kernel: the release of ROOT/out/Image is not known: it is not a bzImage
        hint: there are modules of 6.12.0, 6.13.0 beside it: rename it, for example vmlinuz-6.12.0"
    `);
  });

  test.each([
    ['lib/modules', 'boot/vmlinuz-6.12.0'],
    ['usr/lib/modules', 'boot/vmlinuz-6.12.0'],
    ['lib/modules', 'lib/modules/6.12.0/vmlinuz'],
    ['usr/lib/modules', 'usr/lib/modules/6.12.0/vmlinuz'],
  ])('an unpacked package, with %s and %s', (modules, image) => {
    makeImage(`unpacked/${image}`, '6.12.0');
    make({ [`unpacked/${modules}/6.12.0/config`]: '' });
    for (const option of ['unpacked', `unpacked/${modules}/6.12.0`]) {
      expect(found(option)).toEqual({
        release: '6.12.0',
        image: `unpacked/${image}`,
        modules: `unpacked/${modules}/6.12.0`,
        config: `unpacked/${modules}/6.12.0/config`,
        chosenBy: '--kernel',
      });
    }
  });

  test('an installed release', () => {
    makeImage('host/boot/vmlinuz-6.12.0', '6.12.0');
    make({ 'host/lib/modules/6.12.0/': '', 'host/boot/config-6.12.0': '' });
    expect(found('6.12.0')).toMatchObject({
      image: 'host/boot/vmlinuz-6.12.0',
      config: 'host/boot/config-6.12.0',
    });
  });

  test('refused: what is no kernel, or not a complete one', async () => {
    makeImage('alone/bzImage', '6.12.0');
    make({ 'empty/': '', 'modules-only/lib/modules/6.12.0/': '' });
    makeImage('two/boot/vmlinuz-6.12.0', '6.12.0');
    makeImage('two/boot/vmlinuz-6.13.0', '6.13.0');
    make({ 'two/lib/modules/6.12.0/': '', 'two/lib/modules/6.13.0/': '' });
    const options = ['', './no-such', '6.0-none', 'empty', 'alone/bzImage', 'modules-only', 'two'];
    const complaints: string[] = [];
    for (const option of options) complaints.push(await refused(option));
    expect(complaints.join('\n')).toMatchInlineSnapshot(`
      "rapido: error: --kernel: the value is empty
        hint: give a kernel tree, a kernel image, an unpacked kernel package, or the release of an installed kernel
      rapido: error: --kernel: ROOT/no-such does not exist
        hint: give a kernel tree, a kernel image, an unpacked kernel package, or the release of an installed kernel
      rapido: error: --kernel: the kernel 6.0-none cannot be booted
        - ROOT/host/boot/vmlinuz-6.0-none does not exist
        - no ROOT/host/lib/modules/6.0-none
        hint: install its package, or set KERNEL_SRC to a kernel tree
      rapido: error: --kernel: ROOT/empty is not built: it has no .config, no include/config/kernel.release, no arch/x86/boot/bzImage
        hint: give a kernel tree, its O= directory, or a directory with boot/ and lib/modules/ of an unpacked package
      rapido: error: --kernel: ROOT/alone/bzImage is Linux 6.12.0, whose modules are not beside it
        - looked for ROOT/alone/lib/modules/6.12.0
        - looked for ROOT/alone/usr/lib/modules/6.12.0
        - looked for ROOT/alone/mods/lib/modules/6.12.0
        - looked for ROOT/alone/mods/usr/lib/modules/6.12.0
        - looked for ROOT/host/lib/modules/6.12.0
        hint: in its tree: make INSTALL_MOD_PATH=ROOT/alone/mods modules_install
      rapido: error: --kernel: ROOT/modules-only has modules, but no kernel image
        - looked for ROOT/modules-only/boot/vmlinuz-6.12.0
        - looked for ROOT/modules-only/boot/bzImage-6.12.0
        - looked for ROOT/modules-only/boot/Image-6.12.0
        - looked for ROOT/modules-only/lib/modules/6.12.0/vmlinuz
        - looked for ROOT/modules-only/lib/modules/6.12.0/bzImage
        - looked for ROOT/modules-only/lib/modules/6.12.0/Image
        - looked for ROOT/modules-only/usr/lib/modules/6.12.0/vmlinuz
        - looked for ROOT/modules-only/usr/lib/modules/6.12.0/bzImage
        - looked for ROOT/modules-only/usr/lib/modules/6.12.0/Image
        hint: some distributions have the image in a package of its own: unpack it there, too
      rapido: error: --kernel: ROOT/two has several kernels: 6.12.0, 6.13.0
        hint: name one: --kernel ROOT/two/boot/vmlinuz-6.12.0"
    `);
  });
});
