import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { compareReleases } from '../../src/host/installed-kernel.ts';
import { findKernel, type Kernel, type KernelSearch } from '../../src/host/kernel.ts';
import { decideKernel, type KernelKeys } from '../../src/host/kernel-choice.ts';
import { makeBzImage } from '../support/bzimage.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { compileScript, ORDINARY_USER, runScript } from '../support/typescript-process.ts';

let root: string;
let search: KernelSearch;

beforeEach(() => {
  root = makeTemporaryDirectory();
  search = {
    architecture: architectureOf('x64'),
    runningRelease: '6.5.0-running',
    boot: join(root, 'boot'),
    moduleRoots: [join(root, 'lib/modules'), join(root, 'usr/lib/modules')],
  };
});

const make = (files: Readonly<Record<string, string>>): void => writeFiles(root, files);
const at = (path: string): string => join(root, path);

const UNSET: KernelKeys = {
  KERNEL_SRC: undefined,
  KERNEL_RELEASE: undefined,
  KERNEL_INSTALL_MOD_PATH: undefined,
};

/** The keys and the results are relative to the test's directory. */
function find(choice: Partial<KernelKeys>): Kernel {
  const inRoot = (path: string | undefined) => (path === undefined ? undefined : at(path));
  const keys = {
    KERNEL_SRC: inRoot(choice.KERNEL_SRC),
    KERNEL_RELEASE: choice.KERNEL_RELEASE,
    KERNEL_INSTALL_MOD_PATH: inRoot(choice.KERNEL_INSTALL_MOD_PATH),
  };
  return findKernel(
    decideKernel(undefined, keys, () => false),
    search,
  );
}

function found(choice: Partial<KernelKeys> = {}): unknown {
  return JSON.parse(JSON.stringify(find(choice)).replaceAll(root, 'ROOT'));
}

const refused = (choice: Partial<KernelKeys> = {}): Promise<string> =>
  complaintOf(() => find(choice), { ROOT: root });

const CONFIG = '# Linux/x86 6.10.0-rc1 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_MODULES=y\n';

/** A kernel tree as `make` leaves it, with some files of its own or, where undefined, without. */
function makeTree(changes: Readonly<Record<string, string | undefined>> = {}): void {
  const files: Record<string, string | undefined> = {
    Kconfig: '',
    '.config': CONFIG,
    'include/config/kernel.release': '6.10.0-rc1+\n',
    'arch/x86/boot/bzImage': '',
    ...changes,
  };
  for (const [name, content] of Object.entries(files)) {
    if (content !== undefined) make({ [`linux/${name}`]: content });
  }
}

describe('KERNEL_SRC', () => {
  test('a built tree with its modules in mods/', () => {
    makeTree({ 'mods/lib/modules/6.10.0-rc1+/': '' });
    expect(found({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      {
        "buildTree": "ROOT/linux",
        "chosenBy": "KERNEL_SRC",
        "config": "ROOT/linux/.config",
        "image": "ROOT/linux/arch/x86/boot/bzImage",
        "modules": "ROOT/linux/mods/lib/modules/6.10.0-rc1+",
        "release": "6.10.0-rc1+",
      }
    `);
  });

  test('an O= build directory, its modules installed on this host', () => {
    makeTree({ Kconfig: undefined });
    make({ 'usr/lib/modules/6.10.0-rc1+/': '' });
    expect(found({ KERNEL_SRC: 'linux' })).toMatchObject({
      release: '6.10.0-rc1+',
      modules: 'ROOT/usr/lib/modules/6.10.0-rc1+',
    });
  });

  test('modules that the host has for such a release are told apart from its own', () => {
    makeTree();
    make({ 'lib/modules/6.10.0-rc1+/': '' });
    expect(found({ KERNEL_SRC: 'linux' })).toMatchObject({
      modules: 'ROOT/lib/modules/6.10.0-rc1+',
      hasForeignModules: true,
    });
    make({ 'linux/mods/lib/modules/6.10.0-rc1+/': '' });
    expect(found({ KERNEL_SRC: 'linux' })).not.toHaveProperty('hasForeignModules');
  });

  test.each(['lib/modules', 'usr/lib/modules'])('its modules may be in mods/%s', (where) => {
    makeTree({ [`mods/${where}/6.10.0-rc1+/`]: '' });
    make({ [`elsewhere/${where}/6.10.0-rc1+/`]: '' });
    expect(found({ KERNEL_SRC: 'linux' })).toMatchObject({
      modules: `ROOT/linux/mods/${where}/6.10.0-rc1+`,
    });
    expect(found({ KERNEL_SRC: 'linux', KERNEL_INSTALL_MOD_PATH: 'elsewhere' })).toMatchObject({
      modules: `ROOT/elsewhere/${where}/6.10.0-rc1+`,
    });
  });

  test('refused: an image that is of another release than the tree', async () => {
    makeTree({ 'mods/lib/modules/6.10.0-rc1+/': '' });
    const image = at('linux/arch/x86/boot/bzImage');
    const payload = Buffer.from('\x7fELF', 'latin1');
    writeFileSync(image, makeBzImage({ payload, version: '6.10.0-rc1+ (me@here) #1 SMP' }));
    expect(found({ KERNEL_SRC: 'linux' })).toMatchObject({ release: '6.10.0-rc1+' });
    writeFileSync(image, makeBzImage({ payload, version: '6.9.0 (me@here) #1 SMP' }));
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux/arch/x86/boot/bzImage is Linux 6.9.0, not 6.10.0-rc1+
        hint: make -C ROOT/linux -j$(nproc)"
    `);
  });

  test('KERNEL_INSTALL_MOD_PATH alone is where its modules are, if it is set', async () => {
    makeTree({ 'mods/lib/modules/6.10.0-rc1+/': '' });
    make({ 'elsewhere/lib/modules/6.10.0-rc1+/': '', 'empty/': '' });
    expect(found({ KERNEL_SRC: 'linux', KERNEL_INSTALL_MOD_PATH: 'elsewhere' })).toMatchObject({
      modules: 'ROOT/elsewhere/lib/modules/6.10.0-rc1+',
    });
    expect(
      await refused({ KERNEL_SRC: 'linux', KERNEL_INSTALL_MOD_PATH: 'empty' }),
    ).toMatchInlineSnapshot(`
      "rapido: error: the modules of the kernel in ROOT/linux (6.10.0-rc1+) are not installed
        - looked for ROOT/empty/lib/modules/6.10.0-rc1+
        - looked for ROOT/empty/usr/lib/modules/6.10.0-rc1+
        hint: cd 'ROOT/linux' && make 'INSTALL_MOD_PATH=ROOT/empty' modules_install"
    `);
  });

  test('it comes before KERNEL_RELEASE', () => {
    makeTree({ 'mods/lib/modules/6.10.0-rc1+/': '' });
    expect(found({ KERNEL_SRC: 'linux', KERNEL_RELEASE: '5.0' })).toMatchObject({
      chosenBy: 'KERNEL_SRC',
    });
  });

  test('a kernel without CONFIG_MODULES needs none', () => {
    makeTree({ '.config': 'CONFIG_X86_64=y\n# CONFIG_MODULES is not set\n' });
    expect(found({ KERNEL_SRC: 'linux' })).not.toHaveProperty('modules');
  });

  test('on aarch64 the image is another one', () => {
    search = { ...search, architecture: architectureOf('arm64') };
    makeTree({ '.config': 'CONFIG_ARM64=y\n', 'arch/arm64/boot/Image': '' });
    expect(found({ KERNEL_SRC: 'linux' })).toMatchObject({
      image: 'ROOT/linux/arch/arm64/boot/Image',
    });
  });

  test('refused: no such directory', async () => {
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is not a directory
        hint: set KERNEL_SRC to a kernel tree or its O= build directory, or unset it to boot an installed kernel"
    `);
  });

  test('refused: a source tree where nothing was built', async () => {
    make({ 'linux/Kconfig': '' });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is not built: it has no .config, no include/config/kernel.release, no arch/x86/boot/bzImage
        hint: cd 'ROOT/linux' && make defconfig kvm_guest.config && make -j$(nproc) && make INSTALL_MOD_PATH=./mods modules_install   # or set KERNEL_SRC to the O= directory it was built in"
    `);
  });

  test('refused: a directory that is no kernel tree', async () => {
    make({ 'linux/README': '' });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is not built: it has no .config, no include/config/kernel.release, no arch/x86/boot/bzImage
        hint: set KERNEL_SRC to the top of a kernel tree, or to the O= directory it was built in"
    `);
  });

  test('refused: a build that left no image', async () => {
    makeTree({ 'arch/x86/boot/bzImage': undefined });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is not built: it has no arch/x86/boot/bzImage
        hint: cd 'ROOT/linux' && make -j$(nproc) && make INSTALL_MOD_PATH=./mods modules_install   # or set KERNEL_SRC to the O= directory it was built in"
    `);
  });

  test('refused: an empty kernel.release, as an interrupted build leaves it', async () => {
    makeTree({ 'include/config/kernel.release': '' });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is not built: it has no include/config/kernel.release
        hint: cd 'ROOT/linux' && make -j$(nproc) && make INSTALL_MOD_PATH=./mods modules_install   # or set KERNEL_SRC to the O= directory it was built in"
    `);
  });

  test('refused: modules were not installed', async () => {
    makeTree();
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: the modules of the kernel in ROOT/linux (6.10.0-rc1+) are not installed
        - looked for ROOT/linux/mods/lib/modules/6.10.0-rc1+
        - looked for ROOT/linux/mods/usr/lib/modules/6.10.0-rc1+
        - looked for ROOT/lib/modules/6.10.0-rc1+
        - looked for ROOT/usr/lib/modules/6.10.0-rc1+
        hint: cd 'ROOT/linux' && make INSTALL_MOD_PATH=./mods modules_install"
    `);
  });

  test('refused: mods/ has the modules of another build', async () => {
    makeTree({ 'mods/lib/modules/6.9.0/': '', 'mods/lib/modules/6.10.0-rc1-dirty/': '' });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: ROOT/linux/mods has modules of 6.10.0-rc1-dirty, 6.9.0, but the kernel in ROOT/linux is 6.10.0-rc1+
        - looked for ROOT/linux/mods/lib/modules/6.10.0-rc1+
        - looked for ROOT/linux/mods/usr/lib/modules/6.10.0-rc1+
        - looked for ROOT/lib/modules/6.10.0-rc1+
        - looked for ROOT/usr/lib/modules/6.10.0-rc1+
        hint: cd 'ROOT/linux' && make INSTALL_MOD_PATH=./mods modules_install"
    `);
  });

  test('refused: a kernel configured for another architecture', async () => {
    makeTree({
      '.config': '#\n# Linux/arm64 6.10.0-rc1 Kernel Configuration\n#\nCONFIG_ARM64=y\n',
    });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is configured for arm64, but this host is x86_64
        hint: the image contains programs of this host: configure the kernel for x86_64"
    `);
  });

  test('refused: a 32-bit x86 kernel', async () => {
    makeTree({ '.config': '# CONFIG_64BIT is not set\nCONFIG_X86_32=y\n' });
    expect(await refused({ KERNEL_SRC: 'linux' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_SRC: ROOT/linux is configured for 32-bit x86 (CONFIG_64BIT is not set), but this host is x86_64
        hint: the image contains programs of this host: configure the kernel for x86_64"
    `);
  });
});

/** A kernel as a distribution's package leaves it. */
function install(release: string): void {
  make({ [`boot/vmlinuz-${release}`]: '', [`lib/modules/${release}/`]: '' });
}

describe('KERNEL_RELEASE', () => {
  test('an installed kernel', () => {
    install('6.1.0-13-amd64');
    make({ 'boot/config-6.1.0-13-amd64': CONFIG });
    expect(found({ KERNEL_RELEASE: '6.1.0-13-amd64' })).toMatchInlineSnapshot(`
      {
        "chosenBy": "KERNEL_RELEASE",
        "config": "ROOT/boot/config-6.1.0-13-amd64",
        "image": "ROOT/boot/vmlinuz-6.1.0-13-amd64",
        "modules": "ROOT/lib/modules/6.1.0-13-amd64",
        "release": "6.1.0-13-amd64",
      }
    `);
  });

  test('its configuration may be beside its modules, or nowhere', () => {
    install('6.9.0');
    expect(found({ KERNEL_RELEASE: '6.9.0' })).not.toHaveProperty('config');
    make({ 'lib/modules/6.9.0/config': CONFIG });
    expect(found({ KERNEL_RELEASE: '6.9.0' })).toMatchObject({
      config: 'ROOT/lib/modules/6.9.0/config',
    });
  });

  test('one that has its image beside its modules, as Fedora and openSUSE install it', () => {
    make({ 'usr/lib/modules/6.9.4-200.fc40.x86_64/vmlinuz': '' });
    expect(found({ KERNEL_RELEASE: '6.9.4-200.fc40.x86_64' })).toMatchObject({
      image: 'ROOT/usr/lib/modules/6.9.4-200.fc40.x86_64/vmlinuz',
      modules: 'ROOT/usr/lib/modules/6.9.4-200.fc40.x86_64',
    });
  });

  test('its modules are looked for in KERNEL_INSTALL_MOD_PATH alone, if it is set', async () => {
    install('6.1.0');
    make({ 'mods/lib/modules/6.2.0/': '', 'boot/vmlinuz-6.2.0': '' });
    const choice = { KERNEL_INSTALL_MOD_PATH: 'mods' };
    expect(found({ ...choice, KERNEL_RELEASE: '6.2.0' })).toMatchObject({
      modules: 'ROOT/mods/lib/modules/6.2.0',
    });
    expect(await refused({ ...choice, KERNEL_RELEASE: '6.1.0' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_RELEASE: the kernel 6.1.0 cannot be booted
        - no ROOT/mods/lib/modules/6.1.0, no ROOT/mods/usr/lib/modules/6.1.0
        hint: kernels that can be booted: 6.2.0"
    `);
  });

  test('refused: not installed; the kernels that are installed are named, newest first', async () => {
    install('6.9.1-amd64');
    install('6.10-rc1-amd64');
    install('6.10-amd64');
    expect(await refused({ KERNEL_RELEASE: '6.11-amd64' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_RELEASE: the kernel 6.11-amd64 cannot be booted
        - ROOT/boot/vmlinuz-6.11-amd64 does not exist
        - no ROOT/lib/modules/6.11-amd64, no ROOT/usr/lib/modules/6.11-amd64
        hint: kernels that can be booted: 6.10-amd64, 6.10-rc1-amd64, 6.9.1-amd64"
    `);
  });

  test('refused: the image is there, the modules are not, and there is no other kernel', async () => {
    make({ 'boot/vmlinuz-6.9.1': '' });
    expect(await refused({ KERNEL_RELEASE: '6.9.1' })).toMatchInlineSnapshot(`
      "rapido: error: KERNEL_RELEASE: the kernel 6.9.1 cannot be booted
        - no ROOT/lib/modules/6.9.1, no ROOT/usr/lib/modules/6.9.1
        hint: install its package, or set KERNEL_SRC to a kernel tree"
    `);
  });
});

describe('neither KERNEL_SRC nor KERNEL_RELEASE', () => {
  test('the running kernel comes before a newer one', () => {
    install('6.5.0-running');
    install('6.10.0');
    expect(found()).toMatchObject({ release: '6.5.0-running', chosenBy: 'the running kernel' });
  });

  test('the newest, where the running one cannot be booted', () => {
    make({ 'boot/vmlinuz-6.5.0-running': '', 'lib/modules/7.0.0/': '', 'boot/config-8.0.0': '' });
    install('6.9.0');
    install('6.10.0-rc7');
    install('6.10.0');
    expect(found()).toMatchObject({ release: '6.10.0', chosenBy: 'the newest installed kernel' });
  });

  test('refused: there is none', async () => {
    mkdirSync(search.boot);
    expect(await refused()).toMatchInlineSnapshot(`
      "rapido: error: there is no kernel to boot
        hint: set KERNEL_SRC to a built kernel tree, or install a kernel package"
    `);
  });
});

test('refused: kernel images that this user may not read, as Ubuntu installs them', async () => {
  chmodSync(root, 0o755);
  install('6.8.0-31-generic');
  install('6.5.0-running');
  for (const name of ['6.8.0-31-generic', '6.5.0-running']) {
    chmodSync(at(`boot/vmlinuz-${name}`), 0o200);
  }
  // A process of its own, because root may read everything.
  const script = compileScript(
    root,
    'find',
    `import { findKernel } from './host/kernel.ts';
     import { formatError } from './ui/report-error.ts';
     const [search, ...choices] = process.argv.slice(2).map((text) => JSON.parse(text));
     for (const choice of choices) {
       try {
         console.log('found', findKernel(choice, search));
       } catch (error) {
         console.log(formatError(error, 'test').join('\\n'));
       }
     }`,
  );
  const choices = [UNSET, { ...UNSET, KERNEL_RELEASE: '6.8.0-31-generic' }].map((keys) =>
    decideKernel(undefined, keys, () => false),
  );
  const args = [search, ...choices].map((value) => JSON.stringify(value));
  const { stdout } = await runScript(script, args, ORDINARY_USER);
  expect(stdout.replaceAll(root, 'ROOT')).toMatchInlineSnapshot(`
    "rapido: error: there is no kernel to boot
      - ROOT/boot/vmlinuz-6.5.0-running cannot be read by this user
      - ROOT/boot/vmlinuz-6.8.0-31-generic cannot be read by this user
      hint: sudo chmod +r ROOT/boot/vmlinuz-6.5.0-running ROOT/boot/vmlinuz-6.8.0-31-generic
    rapido: error: KERNEL_RELEASE: the kernel 6.8.0-31-generic cannot be booted
      - ROOT/boot/vmlinuz-6.8.0-31-generic cannot be read by this user (sudo chmod +r ROOT/boot/vmlinuz-6.8.0-31-generic)
      hint: install its package, or set KERNEL_SRC to a kernel tree
    "
  `);
});

describe('the order of releases', () => {
  const ASCENDING = [
    'not-a-version',
    '5.15.0-91-generic',
    '6.1.0-9-amd64',
    '6.1.0-13-amd64',
    '6.4.0-150600.23.7-default',
    '6.9.4-200.fc40.x86_64',
    '6.9.12',
    '6.10-rc1',
    '6.10.0-rc1-00012-gabcdef',
    '6.10-rc2-amd64',
    '6.10~rc10-amd64',
    '6.10',
    '6.10-amd64',
    '6.10.0+',
    '6.10.1',
    '10.0.0',
  ];

  test('numbers compare as numbers, and a release candidate comes before its release', () => {
    expect(compareReleases('6.9', '6.10')).toBeLessThan(0);
    expect(compareReleases('6.10-rc1', '6.10')).toBeLessThan(0);
    expect([...ASCENDING].reverse().sort(compareReleases)).toEqual(ASCENDING);
  });

  test('it is an order, whatever the releases are called', () => {
    const part = fc.constantFrom('6', '10', '0', '.', '-', '~', 'rc', 'rc2', 'amd64', '+');
    const release = fc.array(part, { maxLength: 7 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(release, release, release, (a, b, c) => {
        const sign = (x: string, y: string): number => Math.sign(compareReleases(x, y));
        expect(sign(a, b)).toBe(0 - sign(b, a));
        if (sign(a, b) <= 0 && sign(b, c) <= 0) expect(sign(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
