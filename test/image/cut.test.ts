import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { readCpio, readCpioData } from '../../src/formats/cpio/read.ts';
import { parseModuleFile } from '../../src/formats/kmod/module-file.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { ORDINARY_USER } from '../support/typescript-process.ts';
import { CHECKOUT, createWorkspace, RAPIDO, run, type Workspace } from '../support/workspace.ts';

/** A cut that takes little time to make. */
const SMALL_CUT = `
import { defineCut } from 'rapido';
export default defineCut({
  summary: 'small',
  binaries: ['cat'],
  drivers: ['zram'],
  trees: [{ source: '\${SMALL_TREE}' }],
  conf: { defines: { SMALL_TREE: { type: 'path', meaning: 'a tree' } } },
});
`;

/** Everything that `small` needs, and that a test can change: a kernel tree, a test tree, a dracut that counts its calls. */
function createSmall(): Workspace & { cut: (...args: string[]) => Promise<string[]> } {
  const home = createWorkspace();
  home.write('.config/rapido/cuts/small.ts', SMALL_CUT);
  home.write('tree/a.txt', 'a');
  home.write('tree/sub dir/b.txt', 'b');
  makeKernelTree(join(home.directory, 'linux'), { drivers: [...CHANNEL_MODULES, 'zram'] });
  home.write(
    'rapido.conf',
    `KERNEL_SRC="${home.directory}/linux"\nSMALL_TREE="${home.directory}/tree"\n`,
  );
  // Counts its calls, and waits until the time of the last change can be trusted.
  home.write(
    'bin/dracut',
    `#!/bin/sh\necho x >> '${home.directory}/calls'\nexec /usr/bin/dracut "$@"\n`,
    0o755,
  );
  home.env.PATH = `${home.directory}/bin:${home.env.PATH}`;
  return {
    ...home,
    /** @returns why each layer was made, or that it was reused */
    cut: async (...args) => {
      await sleep(50); // A file that changed within the last clock tick cannot be trusted.
      const result = await home.rapido(['--debug', 'cut', 'small', ...args]);
      expect(result.status, result.stderr).toBe(0);
      return result.stderr
        .replaceAll(home.directory, '~')
        .split('\n')
        .filter((line) => /^(userspace|modules|trees|changes): /.test(line));
    },
  };
}

/** rapido itself, read-only, where an ordinary user can run it; the workspace is theirs. */
function copyProgram(home: Workspace): string {
  const checkout = join(home.directory, 'the checkout');
  for (const part of ['bin', 'dist', 'guest', 'autorun', 'package.json']) {
    cpSync(join(CHECKOUT, part), join(checkout, part), { recursive: true });
  }
  execFileSync('chmod', ['-R', 'a-w', checkout]);
  onTestFinished(() => {
    execFileSync('chmod', ['-R', 'u+w', checkout]);
  });
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', '65534', home.directory]);
  chmodSync(home.directory, 0o755);
  return checkout;
}

const dracutCalls = (home: Workspace): number => {
  const calls = join(home.directory, 'calls');
  return existsSync(calls) ? readFileSync(calls, 'utf8').length / 2 : 0;
};

/** Names of the files in an image, later layers included. */
function listImage(path: string): string[] {
  return Array.from(readCpio(readFileSync(path)), (member) => member.path.toString());
}

/** The same with type and permissions. */
function listModes(path: string): { path: string; mode: string }[] {
  return Array.from(readCpio(readFileSync(path)), (member) => ({
    path: member.path.toString(),
    mode: member.mode.toString(8),
  })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Does something while rapido's cache directory is a filesystem of that size. */
async function withSmallCache(
  home: Workspace,
  size: string,
  context: TestContext,
  work: (cache: string) => Promise<void>,
): Promise<void> {
  if (process.getuid?.() !== 0) context.skip('this test must be root to mount a small tmpfs');
  const cache = join(home.directory, '.cache');
  mkdirSync(cache, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', cache]);
  try {
    await work(cache);
  } finally {
    execFileSync('umount', [cache]);
  }
}

describe.skipIf(hostKernel() === undefined)('rapido cut', () => {
  it('rebuilds each layer if and only if something in it changed', async () => {
    const home = createSmall();
    const reused = ['trees: reused', 'userspace: reused', 'modules: reused'].sort();
    const made = (lines: string[]): string[] => lines.filter((line) => !line.endsWith('reused'));

    expect((await home.cut()).sort()).toEqual([
      'modules: built: not built before',
      'trees: built: not built before',
      'userspace: built: not built before',
    ]);
    expect(dracutCalls(home)).toBe(1);

    expect((await home.cut()).sort()).toEqual(reused);
    expect(dracutCalls(home)).toBe(1);

    const module = join(home.directory, 'linux/mods/lib/modules');
    const zram = readdirSync(module, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('zram.ko'),
    );
    copyFileSync(join(module, zram ?? ''), join(home.directory, 'zram.copy'));
    writeFileSync(join(module, zram ?? ''), readFileSync(join(home.directory, 'zram.copy')));
    expect(made(await home.cut())).toEqual([
      `modules: built: ~/linux/mods/lib/modules/${zram} changed`,
    ]);

    home.write('tree/a.txt', 'A');
    expect(made(await home.cut())).toEqual(['changes: built: not built before']);
    expect((await home.cut()).sort()).toEqual(['changes: reused', ...reused]);
    home.write('tree/a.txt', 'AA');
    expect(made(await home.cut())).toEqual(['changes: built: files changed']);

    home.write('tree/new.txt', 'new');
    expect(made(await home.cut())).toEqual(['trees: built: its files changed']);

    expect(dracutCalls(home)).toBe(1);
    expect((await home.cut()).sort()).toEqual(reused);
  });

  it('adds a changed file behind the layer with the old one', async () => {
    const home = createSmall();
    await home.cut();
    home.write('tree/a.txt', 'what it is now', 0o755);
    await home.cut();
    const image = readFileSync(join(home.images, 'small.img'));
    const members = Array.from(readCpio(image)).filter(({ path }) =>
      path.toString().endsWith('/tree/a.txt'),
    );
    expect(members.map((member) => readCpioData(image, member).toString())).toEqual([
      'a',
      'what it is now',
    ]);
    expect(members.map(({ mode }) => mode & 0o777)).toEqual([0o644, 0o755]);
  });

  it('runs dracut again if a program, dracut or a request of the cut changed', async () => {
    const home = createSmall();
    const tool = home.write('tool', readFileSync('/bin/cat'), 0o755);
    const made = async (...args: string[]): Promise<string[]> =>
      (await home.cut(...args)).filter((line) => line.startsWith('userspace: built'));
    // Its path has a space in it, so rapido copies it; one without goes to dracut.
    const plain = join('/tmp', `rapido-tool-${process.pid}`);
    copyFileSync(tool, plain);
    chmodSync(plain, 0o755);
    try {
      expect(await made('-i', plain)).toEqual(['userspace: built: not built before']);
      expect(await made('-i', plain)).toEqual([]);
      // The same size and the old mtime: only the ctime shows the change.
      const { atime, mtime } = statSync(plain);
      writeFileSync(plain, readFileSync('/bin/cat'));
      utimesSync(plain, atime, mtime);
      expect(await made('-i', plain)).toEqual([`userspace: built: ${plain} changed`]);
      home.write(
        'bin/dracut',
        `${readFileSync(join(home.directory, 'bin/dracut'), 'utf8')}\n`,
        0o755,
      );
      expect(await made('-i', plain)).toEqual(['userspace: built: ~/bin/dracut changed']);
      expect(await made('-i', plain, '-i', 'ls')).toEqual(['userspace: built: not built before']);
      expect(await made('-i', plain, '--rebuild')).toEqual(['userspace: built: rebuild requested']);
    } finally {
      rmSync(plain, { force: true });
    }
  });

  it('does not depend on environment, umask and current directory', async () => {
    const home = createSmall();
    const trap = home.write('trap.sh', 'exit 66\n');
    const hostile = {
      DRACUT_LDD: 'false',
      DRACUT_INSTALL: '/bin/true',
      dracutbasedir: home.directory,
      dracutsysrootdir: home.directory,
      libdirs: '/nowhere',
      BASH_ENV: trap,
      ENV: trap,
      BASH_XTRACEFD: '10',
      SHELLOPTS: 'xtrace',
      PS4: '',
      POSIXLY_CORRECT: '1',
      TMPDIR: '/tmp',
      SYSTEMCTL: 'false',
      hostonly: '-h',
    };
    const umask = process.umask(0o077);
    const running = home.rapido(['--conf', join(home.directory, 'rapido.conf'), 'cut', 'small'], {
      env: hostile,
      cwd: join(home.directory, 'tree'),
    });
    process.umask(umask);
    const result = await running;
    expect(result).toMatchObject({ status: 0 });
    const hostileImage = listModes(join(home.images, 'small.img'));
    expect(hostileImage.map(({ path }) => path)).toContainEqual(
      expect.stringMatching(/\/libc\.so\.6$/),
    );
    expect((await home.cut()).sort()).toEqual([
      'modules: reused',
      'trees: reused',
      'userspace: reused',
    ]);
    await home.cut('--rebuild');
    expect(listModes(join(home.images, 'small.img'))).toEqual(hostileImage);
  }, 120_000);

  it("does not depend on the host's configuration of dracut", async () => {
    const home = createSmall();
    const source = mkdtempSync('/tmp/rapido-dracut-');
    onTestFinished(() => rmSync(source, { recursive: true, force: true }));
    cpSync('/usr/lib/dracut', source, { recursive: true });
    copyFileSync('/usr/bin/dracut', join(source, 'dracut.sh'));
    const foreign = home.write('foreign', 'foreign');
    const directory = join(source, 'dracut.conf.d');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, '50-foreign.conf'), `echo read >> '${foreign}'\nexit 66\n`);
    writeFileSync(join(directory, 'with a blank.conf'), 'exit 66\n');
    const result = await home.rapido(['cut', 'small'], { env: { DRACUT_SRC: source } });
    expect(result).toMatchObject({ status: 0 });
    expect(readFileSync(foreign, 'utf8')).toBe('foreign');
  }, 120_000);

  it('adds the files that its programs read, as the host has them', async (context) => {
    if (!existsSync('/etc/mke2fs.conf')) context.skip('this host has no /etc/mke2fs.conf');
    const home = createSmall();
    await home.cut('-i', 'mkfs.ext4');
    const image = readFileSync(join(home.images, 'small.img'));
    const contentOf = (path: string): string[] =>
      Array.from(readCpio(image))
        .filter((member) => member.path.toString() === path)
        .map((member) => readCpioData(image, member).toString());
    expect(contentOf('etc/mke2fs.conf')).toEqual([readFileSync('/etc/mke2fs.conf', 'utf8')]);
    // A file of --include replaces it.
    const own = home.write('own.conf', '[defaults]\n');
    await home.cut('-i', 'mkfs.ext4', '--include', `${own}:/etc/mke2fs.conf`);
    const again = readFileSync(join(home.images, 'small.img'));
    const last = Array.from(readCpio(again)).filter(
      (member) => member.path.toString() === 'etc/mke2fs.conf',
    );
    expect(last.map((member) => readCpioData(again, member).toString()).at(-1)).toBe(
      '[defaults]\n',
    );
  });

  it('changes only the overlay for -x, and reuses the layers', async () => {
    const home = createSmall();
    await home.cut();
    expect(await home.cut('-x', 'echo hello')).toEqual([
      'userspace: reused',
      'modules: reused',
      'trees: reused',
    ]);
    expect(listImage(join(home.images, 'small.img'))).toContain('rapido/autorun/00-echo_hello');
  });

  it('rejects everything that is missing at once, before dracut runs', async () => {
    const home = createSmall();
    home.write(
      '.config/rapido/cuts/broken.ts',
      `export default {
        summary: 'broken',
        binaries: ['no-such-program', 'mkfs.nosuchfs'],
        drivers: ['zrm', 'zram'],
        trees: [{ source: '/no/such/tree' }],
        autorun: ['no-such-script.sh'],
        conf: { needs: ['FSTESTS_SRC'] },
      };`,
    );
    const result = await home.rapido([
      'cut',
      'broken',
      '--include',
      '/no/such/file',
      '--driver',
      'nope',
    ]);
    expect(result.status).toBe(1);
    expect(
      result.stderr.replaceAll(home.directory, '~').replaceAll(CHECKOUT, 'CHECKOUT'),
    ).toContain('broken cannot be cut: 8 things are missing');
    for (const missing of [
      'FSTESTS_SRC is not set in rapido.conf',
      'this host has no program no-such-program',
      'this host has no program mkfs.nosuchfs',
      'has no driver zrm: it is not configured, or its modules are not installed; did you mean zram?',
      'has no driver nope',
      '/no/such/tree is not a directory',
      '--include: /no/such/file does not exist',
      'there is no no-such-script.sh',
    ]) {
      expect(result.stderr).toContain(missing);
    }
    expect(dracutCalls(home)).toBe(0);
    expect(existsSync(join(home.images, 'broken.img'))).toBe(false);
  });

  it('rejects a tree whose conf key is not set, and one that is the whole root', async () => {
    const home = createSmall();
    const result = await home.rapido(['cut', 'small', '--include', `${home.directory}/tree:/`]);
    expect(result.status).toBe(0); // A trailing slash means: into that directory.
    home.write(
      '.config/rapido/cuts/keys.js',
      `export default {
        summary: 'keys',
        trees: [{ source: '\${FSTESTS_SRC}' }, { source: '\${FSTEST_SRC}' }, { source: '/etc', target: '/' }],
        directory: '\${LTP_SRC}/x',
      };`,
    );
    const refused = await home.rapido(['cut', 'keys']);
    expect(refused.status).toBe(1);
    for (const problem of [
      'trees: "${FSTESTS_SRC}": FSTESTS_SRC is not set in rapido.conf',
      'trees: "${FSTEST_SRC}": unknown conf key FSTEST_SRC',
      '/etc cannot be copied to /: name a directory below it',
      'directory: "${LTP_SRC}/x": unknown conf key LTP_SRC',
    ]) {
      expect(refused.stderr).toContain(problem);
    }
  });

  it('accepts paths in the home directory and relative to the cut', async () => {
    const home = createSmall();
    home.write('.config/rapido/cuts/tests/first', 'x');
    home.write('.config/rapido/cuts/tool', '#!/bin/sh\n', 0o755);
    home.write(
      '.config/rapido/cuts/paths.js',
      `export default {
        summary: 'paths',
        binaries: ['./tool', '\${HOME}/bin/dracut'],
        trees: [{ source: 'tests', target: '/tests' }, { source: '~/tree' }],
        files: [{ source: './tool', target: '/here' }, { source: '../no', target: '/no', optional: true }],
      };`,
    );
    expect(await home.rapido(['cut', 'paths'])).toMatchObject({ status: 0 });
    const names = listImage(join(home.images, 'paths.img'));
    const own = home.directory.slice(1);
    expect(names).toEqual(
      expect.arrayContaining([
        'tests/first',
        'here',
        `${own}/tree/a.txt`,
        `${own}/bin/dracut`,
        `${own}/.config/rapido/cuts/tool`,
      ]),
    );
    expect(names).not.toContain('no');
  });

  it('follows a tree that is a symbolic link, and warns of missing interpreters', async () => {
    const home = createSmall();
    home.write('tree/script.nosuch', '#!/usr/bin/env nosuch-interpreter\n', 0o755);
    symlinkSync(join(home.directory, 'tree'), join(home.directory, 'linked'));
    home.env.SMALL_TREE = join(home.directory, 'linked');
    const result = await home.rapido(['cut', 'small']);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stderr).toMatch(
      /warning: .*script.nosuch needs nosuch-interpreter, which is not in the image/,
    );
    const names = listImage(join(home.images, 'small.img'));
    expect(names).toContain(`${home.directory.slice(1)}/linked/a.txt`);
  });

  it('adds libraries below a path with a blank, and searches again for missing ones', async () => {
    const home = createSmall();
    const library = home.write('src/x.c', 'int x(void) { return 0; }\n');
    const program = home.write('src/p.c', 'int x(void); int main(void) { return x(); }\n');
    mkdirSync(join(home.directory, 'sp ace/lib'), { recursive: true });
    const so = join(home.directory, 'sp ace/lib/libspaced.so');
    execFileSync('gcc', ['-shared', '-fPIC', '-Wl,-soname,libspaced.so', '-o', so, library]);
    const prog = join(home.directory, 'sp ace/prog');
    execFileSync('gcc', ['-o', prog, program, so, '-Wl,-rpath,$ORIGIN/lib']);
    await home.cut('-i', prog);
    expect(listImage(join(home.images, 'small.img'))).toContain(so.slice(1));

    rmSync(so);
    const lacking = await home.rapido(['cut', 'small', '-i', prog]);
    expect(lacking.stderr).toContain('warning: not found: libspaced.so');
    execFileSync('gcc', ['-shared', '-fPIC', '-Wl,-soname,libspaced.so', '-o', so, library]);
    const found = await home.rapido(['cut', 'small', '-i', prog]);
    expect(found.stderr).not.toContain('not found');
    expect(listImage(join(home.images, 'small.img'))).toContain(so.slice(1));
  });

  it('detects a change below a directory that extra dracut arguments name', async () => {
    const home = createSmall();
    home.env.DRACUT_EXTRA_ARGS = `--include ${home.directory.replaceAll(' ', '\\ ')}/tree /extra`;
    await home.cut();
    home.write('tree/sub dir/b.txt', 'changed');
    expect(await home.cut()).toContain(
      'userspace: built: files in the extra arguments of dracut changed',
    );
  });

  it('adds a program behind a linked directory, and lets no tree replace a link', async () => {
    const home = createSmall();
    const directory = mkdtempSync('/tmp/rapido-linked-');
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(join(directory, 'v1'));
    copyFileSync('/bin/cat', join(directory, 'v1/mycat'));
    chmodSync(join(directory, 'v1/mycat'), 0o755);
    symlinkSync('v1', join(directory, 'current'));
    await home.cut(
      '-i',
      join(directory, 'current/mycat'),
      '--include',
      `${home.directory}/tree:/bin`,
    );
    const names = listImage(join(home.images, 'small.img'));
    expect(names).toContain(`${directory.slice(1)}/v1/mycat`);
    expect(names).toContain('usr/bin/a.txt');
    expect(names).not.toContain('bin/a.txt');
  });

  it('adds the interpreters of scripts, and reports an invalid first line', async () => {
    const home = createSmall();
    home.write('good.sh', '#!/usr/bin/env bash\n', 0o755);
    await home.cut('-f', 'good.sh');
    expect(listImage(join(home.images, 'small.img'))).toContain('usr/bin/env');
    home.write('dos.sh', '#!/bin/bash\r\n');
    home.write('odd.sh', '#!/usr/bin/nosuch\n');
    const refused = await home.rapido(['cut', 'small', '-f', 'dos.sh', '-f', 'odd.sh']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('dos.sh: its first line ends in a carriage return');
    expect(refused.stderr).toContain('odd.sh: its first line names /usr/bin/nosuch');
  });

  it('warns of modules that were rebuilt and not installed, and of an outdated image', async () => {
    const home = createSmall();
    const { modules } = hostKernel() ?? {};
    const zram = 'drivers/block/zram/zram.ko';
    home.write(`linux/${zram}`, 'built a moment ago');
    const result = await home.rapido(['cut', 'small']);
    expect(result.stderr).toContain('warning: zram: rebuilt since the last modules_install');
    expect(modules).toBeDefined();
    rmSync(join(home.directory, 'linux', zram));
    await home.cut();
    const installed = join(home.directory, `linux/mods/lib/modules/${hostKernel()?.release}`);
    utimesSync(join(installed, 'kernel', zram), 1, 1);
    const boot = await home.rapido(['boot', '--dry-run']);
    expect(boot.stderr).toMatch(/zram\.ko changed since this image was cut: rapido cut small/);
  });

  it('boot detects an image that is older than its scripts, programs and trees', async () => {
    const home = createSmall();
    const script = home.write('script.sh', 'echo one\n');
    const directory = mkdtempSync('/tmp/rapido-tool-');
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const tool = join(directory, 'tool');
    copyFileSync('/bin/cat', tool);
    chmodSync(tool, 0o755);
    await home.cut('-i', tool, '-f', script);
    const warnings = async (): Promise<string[]> => {
      await sleep(50);
      const { status, stderr } = await home.rapido(['boot', 'small', '--dry-run']);
      expect(status).toBe(0);
      return stderr
        .replaceAll(home.directory, '~')
        .split('\n')
        .filter((line) => line.startsWith('warning:'));
    };
    expect(await warnings()).toEqual([]);
    // Writing the same content again is not a change.
    writeFileSync(script, 'echo one\n');
    expect(await warnings()).toEqual([]);

    writeFileSync(script, 'echo two\n');
    copyFileSync('/bin/ls', tool);
    home.write('tree/a.txt', 'changed');
    const since = 'changed since this image was cut: rapido cut small';
    expect(await warnings()).toEqual([
      `warning: ~/script.sh ${since}`,
      `warning: ${tool} ${since}`,
      `warning: files in ~/tree ${since}`,
    ]);
    await home.cut('-i', tool, '-f', script);
    expect(await warnings()).toEqual([]);
  }, 120_000);

  it('rejects modules that the kernel would reject, also if only the kernel was rebuilt', async () => {
    const home = createSmall();
    const tree = join(home.directory, 'linux');
    const modules = join(tree, 'mods/lib/modules');
    const files = readdirSync(modules, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ko'))
      .map((name) => join(modules, name));
    const needsOf = (file: string): string[] =>
      parseModuleFile(readFileSync(file))?.readSymbols().needs ?? [];
    const zram = files.find((file) => file.endsWith('/zram.ko')) ?? '';
    const others = files.filter((file) => file !== zram).flatMap(needsOf);
    const symbol = needsOf(zram).find((name) => !others.includes(name)) ?? '';
    const needs = files.flatMap(needsOf);
    const list = (names: readonly string[]): string =>
      names.map((name) => `0x1\t${name}\tvmlinux\tEXPORT_SYMBOL\t\n`).join('');
    home.write('linux/Module.symvers', list(needs));
    await home.cut();
    expect((await home.cut()).filter((line) => !line.endsWith('reused'))).toEqual([]);

    home.write('linux/Module.symvers', list(needs.filter((name) => name !== symbol)));
    const unknown = await home.rapido(['run', 'small', '--bisect', '--', 'true']);
    expect(unknown.status).toBe(125);
    expect(unknown.stderr).toContain('they belong to another build');
    expect(unknown.stderr).toContain(`- zram: the kernel does not export ${symbol}\n`);
    expect(unknown.stderr).toContain('make modules && make modules_install');

    home.write('linux/Module.symvers', list(needs));
    const content = readFileSync(zram, 'latin1');
    const other = content
      .replace(/vermagic=\d+/, 'vermagic=9')
      .replace(' modversions ', ' xxxversions ');
    writeFileSync(zram, other, 'latin1');
    const wrong = await home.rapido(['run', 'small', '--bisect', '--', 'true']);
    expect(wrong.status).toBe(125);
    expect(wrong.stderr).toMatch(/- zram: it was built for Linux 9\.\S+, not for \d/);
  }, 120_000);

  it('rejects an output that is a directory, or in a missing one', async () => {
    const home = createSmall();
    for (const [output, complaint] of [
      ['tree', 'is a directory'],
      ['no/such/x.img', 'is not a directory'],
    ] as const) {
      const result = await home.rapido(['cut', 'small', '-o', output]);
      expect(result.status).toBe(2);
      expect(result.stderr).toContain(complaint);
    }
    expect(existsSync(join(home.directory, 'no'))).toBe(false);
  });

  it('accepts a driver that is built into the kernel', async () => {
    const home = createSmall();
    const builtin = readFileSync(`${hostKernel()?.modules}/modules.builtin`, 'utf8');
    const name = /([^/]+)\.ko$/m.exec(builtin)?.[1] ?? '';
    expect(name).not.toBe('');
    await home.cut('--driver', name);
  });

  it('lists built-in modules for modprobe in the guest, also of a kernel without loadable modules', async () => {
    const home = createSmall();
    const tree = join(home.directory, 'linux');
    const { release } = hostKernel()!;
    const config = join(tree, '.config');
    const text = readFileSync(config, 'utf8').replace('CONFIG_MODULES=y\n', '');
    writeFileSync(config, text.replace('CONFIG_ZRAM=m', 'CONFIG_ZRAM=y'));
    rmSync(join(tree, 'mods'), { recursive: true });
    writeFileSync(join(tree, 'modules.builtin'), 'kernel/drivers/block/zram/zram.ko\n');
    await home.cut();
    const root = join(home.directory, 'root');
    const image = readFileSync(join(home.images, 'small.img'));
    for (const member of readCpio(image)) {
      const path = member.path.toString();
      if (!path.includes(`/modules/${release}/`)) continue;
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), readCpioData(image, member));
    }
    const base = existsSync(join(root, 'usr')) ? join(root, 'usr') : root;
    const modprobe = (name: string) =>
      spawnSync('modprobe', ['-d', base, '-S', release, name], {
        env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      }).status;
    expect({ zram: modprobe('zram'), nosuch: modprobe('nosuch') }).toEqual({ zram: 0, nosuch: 1 });
  });

  it('works with umask 077, from any directory; root owns everything in the image', async () => {
    const home = createSmall();
    mkdirSync(join(home.directory, 'else where'));
    const result = await home.rapido(['--conf', '../rapido.conf', 'cut', 'small'], {
      cwd: join(home.directory, 'else where'),
      prefix: ['sh', '-c', 'umask 077; exec "$@"', 'sh'],
    });
    expect(result).toMatchObject({ status: 0 });
    const image = join(home.images, 'small.img');
    expect(statSync(image).mode & 0o777).toBe(0o600);
    const members = Array.from(readCpio(readFileSync(image)));
    expect(members.filter(({ uid, gid }) => uid !== 0 || gid !== 0)).toEqual([]);
    const tree = members.find(({ path }) => path.toString().endsWith('tree/sub dir'));
    expect(tree?.mode).toBe(statSync(join(home.directory, 'tree/sub dir')).mode);
  });

  it('works without root, from a read-only checkout', async () => {
    const home = createWorkspace();
    const rapido = join(copyProgram(home), 'bin/rapido.js');
    const result = await run([process.execPath, rapido, 'cut', 'simple-example'], {
      prefix: ORDINARY_USER,
      env: home.env,
      cwd: home.directory,
    });
    expect(result).toMatchObject({ status: 0 });
    const members = Array.from(readCpio(readFileSync(join(home.images, 'simple-example.img'))));
    expect(members.filter(({ uid, gid }) => uid !== 0 || gid !== 0)).toEqual([]);
  });

  it('keeps the previous image complete, and leaves no temporary files, when killed at any moment', async () => {
    const home = createSmall();
    await home.cut();
    const image = join(home.images, 'small.img');
    const before = readFileSync(image);
    for (let delay = 20; delay <= 620; delay += 60) {
      const child = spawn(
        process.execPath,
        [RAPIDO, 'cut', 'small', '--rebuild', '-x', `: ${delay}`],
        {
          cwd: home.directory,
          env: home.env,
          stdio: 'ignore',
          detached: true,
        },
      );
      const ended = once(child, 'exit');
      await sleep(delay);
      child.kill('SIGKILL');
      await ended;
      const now = readFileSync(image);
      // Either the old image, or a complete new one.
      if (!now.equals(before)) expect(() => listImage(image)).not.toThrow();
    }
    await sleep(1500); // dracut ends after the signal from the kernel.
    await home.cut();
    const cache = join(home.directory, '.cache/rapido');
    const litter = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.tmp'),
    );
    expect(litter).toEqual([]);
    expect(readdirSync(join(cache, 'staging'))).toEqual([]);
  }, 60_000);

  it('leaves nothing behind if it is interrupted', async () => {
    const home = createSmall();
    let pid = 0;
    const cutting = home.rapido(['cut', 'small'], {
      onStart: (started) => {
        pid = started;
      },
    });
    for (let waited = 0; dracutCalls(home) === 0 && waited < 10_000; waited += 10) await sleep(10);
    process.kill(pid, 'SIGINT');
    expect(await cutting).toMatchObject({ status: 130 });
    const cache = join(home.directory, '.cache/rapido');
    const left = readdirSync(cache, { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('names a file that cannot be written, as a mistake and not a bug', async () => {
    const home = createWorkspace();
    mkdirSync(join(home.directory, 'closed'), { mode: 0o555 });
    const rapido = join(copyProgram(home), 'bin/rapido.js');
    const result = await run(
      [process.execPath, rapido, 'cut', 'simple-example', '-o', 'closed/x.img'],
      { prefix: ORDINARY_USER, env: home.env, cwd: home.directory },
    );
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/rapido: error: .*closed.*: permission denied \(open\)/);
  });

  it('keeps the previous image and reports a full disk', async (context) => {
    const home = createSmall();
    await withSmallCache(home, '80m', context, async (small) => {
      await home.cut();
      const image = join(home.images, 'small.img');
      const before = readFileSync(image);
      home.write('tree/big', Buffer.alloc(100 * 1024 * 1024, 'x'));
      await sleep(50);
      const result = await home.rapido(['cut', 'small']);
      expect(result.status).toBe(1);
      expect(result.stderr).toMatch(/no space left/i);
      expect(readFileSync(image).equals(before)).toBe(true);
      const litter = readdirSync(small, { recursive: true, encoding: 'utf8' });
      expect(litter.filter((name) => name.endsWith('.tmp'))).toEqual([]);
      writeFileSync(join(home.directory, 'tree/big'), 'small now');
      await home.cut();
    });
  });

  it("reports a full disk if dracut meets it, instead of dracut's messages", async (context) => {
    const home = createSmall();
    await withSmallCache(home, '2m', context, async (small) => {
      const { status, stderr } = await home.rapido(['cut', 'small']);
      expect(status).toBe(1);
      expect(stderr).toContain('rapido: error: no space left on the device\n');
      expect(stderr).toContain(`free space on the filesystems of ${small}/rapido`);
      expect(stderr).not.toContain('failed');
    });
  });

  it('can run twice at once for the same target', async () => {
    const home = createSmall();
    const results = await Promise.all([1, 2, 3].map(() => home.rapido(['cut', 'small'])));
    expect(results.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(listImage(join(home.images, 'small.img'))).toContain('init');
    expect((await home.cut()).every((line) => line.endsWith('reused'))).toBe(true);
  });

  it('prints the dracut command and changes nothing with --dry-run', async () => {
    const home = createSmall();
    const result = await home.rapido(['cut', 'small', '--dry-run']);
    expect(result.status).toBe(0);
    expect(result.stdout).toMatch(
      /dracut' --force --no-kernel --no-hostonly .* --modules bash --install /,
    );
    expect(result.stdout).toContain('# trees layer: ');
    expect(existsSync(home.images)).toBe(false);
    expect(existsSync(home.layers)).toBe(false);
  });

  it('writes the image to the file of -o, and boots that one next', async () => {
    const home = createSmall();
    await home.cut('-o', 'my image.img');
    expect(listImage(join(home.directory, 'my image.img'))).toContain('init');
    const { stdout } = await home.rapido(['boot', '--dry-run']);
    expect(stdout).toContain(`-initrd '${home.directory}/my image.img'`);
  });

  it('adds the libraries of a program in a tree, and of one whose path dracut cannot take', async () => {
    const home = createSmall();
    const linked = '/usr/bin/openssl';
    const tool = existsSync(linked) ? linked : '/usr/bin/ls';
    const bare = join(home.directory, 'tree/a tool');
    copyFileSync(tool, bare);
    symlinkSync('a tool', join(home.directory, 'tree/link'));
    await home.cut('-i', bare);
    const names = listImage(join(home.images, 'small.img'));
    expect(names).toContain(bare.slice(1));
    expect(names).toContain('usr/local/bin/a tool');
    const { stdout } = await home.rapido(['cut', 'small', '--dry-run']);
    expect(stdout).toBeTruthy();
    const library = tool === linked ? /libssl\.so/ : /libselinux\.so/;
    expect(names.some((name) => library.test(name))).toBe(true);
  });
});
