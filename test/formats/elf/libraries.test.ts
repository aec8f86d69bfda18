import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  findLibraries,
  type LibraryNeeds,
  type LibrarySearch,
  readShebang,
} from '../../../src/formats/elf/libraries.ts';
import { buildElf, type MadeUpElf, X86_64 } from './elf-builder.ts';

/** Libraries and dynamic linker that ldd(1) finds, which starts the dynamic linker to do so. */
function ldd(...programs: string[]): string[] {
  const output = programs.map((program) =>
    execFileSync('ldd', [program], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    }),
  );
  const paths = [...output.join('').matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)].map(([, path]) => path!);
  return [...new Set(paths)].sort();
}

/** What files need; what they are is another matter. */
function needsOf(...search: Parameters<typeof findLibraries>): Omit<LibraryNeeds, 'kinds'> {
  const { kinds: _, ...needs } = findLibraries(...search);
  return needs;
}

function ours(...programs: string[]): string[] {
  const { libraries, interpreters, unresolved } = findLibraries(programs);
  expect(unresolved).toEqual([]);
  return [...libraries, ...interpreters].sort();
}

const PROGRAMS = [
  '/bin/bash',
  '/bin/ls',
  '/usr/bin/python3',
  '/usr/bin/perl',
  '/usr/bin/git',
  '/usr/bin/ssh',
  '/usr/bin/curl',
  '/usr/bin/gdb',
  '/sbin/mkfs.xfs',
  '/usr/sbin/xfs_io',
  '/bin/btrfs',
  '/usr/bin/fio',
  '/usr/sbin/smbd',
  '/sbin/mount.cifs',
  '/sbin/modprobe',
  '/usr/sbin/nvme',
  '/usr/bin/qemu-system-x86_64',
  '/usr/sbin/rpc.nfsd',
  '/sbin/ip',
  process.execPath,
].filter(existsSync);

describe('the libraries of programs on this host', () => {
  test.each(PROGRAMS)('%s: those that ldd finds', (program) => {
    expect(ours(program)).toEqual(ldd(program));
  });

  test('there are many programs', () => {
    expect(PROGRAMS.length).toBeGreaterThan(5);
  });
});

describe.skipIf(!existsSync('/usr/bin/gcc'))('programs built here with gcc', () => {
  test('find libraries beside themselves: $ORIGIN in DT_RUNPATH', () => {
    const root = makeRoot();
    compile(root, 'lib/libinner.so', 'int inner(void) { return 1; }', '-shared');
    compile(root, 'lib/libouter.so', 'int inner(void); int outer(void) { return inner(); }', [
      '-shared',
      '-Llib',
      '-linner',
      '-Wl,--enable-new-dtags,-rpath,$ORIGIN',
    ]);
    const main = compile(root, 'bin/main', 'int outer(void); int main(void) { return outer(); }', [
      '-Llib',
      '-louter',
      '-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib',
      '-Wl,-rpath-link,lib',
    ]);
    expect(ours(main).map((path) => path.replace(root, ''))).toEqual(
      ldd(main).map((path) => path.replace(`${root}/bin/..`, '')),
    );
    expect(ours(main)).toContain(join(root, 'lib/libinner.so'));

    symlinkSync('bin/main', join(root, 'link'));
    expect(ours(join(root, 'link'))).toEqual(ours(main));
  });

  test.each([
    ['--disable-new-dtags', 'DT_RPATH also serves the libraries of its libraries'],
    ['--enable-new-dtags', 'DT_RUNPATH does not'],
  ])('%s: %s', (option) => {
    const root = makeRoot();
    compile(root, 'lib/libinner.so', 'int inner(void) { return 1; }', '-shared');
    compile(root, 'lib/libouter.so', 'int inner(void); int outer(void) { return inner(); }', [
      '-shared',
      '-Llib',
      '-linner',
    ]);
    const main = compile(root, 'main', 'int outer(void); int main(void) { return outer(); }', [
      '-Llib',
      '-louter',
      `-Wl,${option},-rpath,${root}/lib`,
      '-Wl,-rpath-link,lib',
    ]);
    const { unresolved } = needsOf([main]);
    const found = ldd(main).includes(`${root}/lib/libinner.so`);
    expect(unresolved).toEqual(
      found ? [] : [{ name: 'libinner.so', neededBy: `${root}/lib/libouter.so` }],
    );
    expect(found).toBe(option === '--disable-new-dtags');
  });

  test('need nothing if they are linked statically', () => {
    const root = makeRoot();
    const main = compile(root, 'main', 'void _start(void) {}', ['-static', '-nostdlib']);
    expect(needsOf([main])).toEqual(nothing);
  });
});

const nothing = { libraries: [], interpreters: [], unresolved: [], scripts: [] };

function makeRoot(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'rapido-test-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

function compile(root: string, name: string, source: string, options: string | string[]): string {
  const output = join(root, name);
  mkdirSync(dirname(output), { recursive: true });
  const argv = ['-x', 'c', '-', '-x', 'none', '-fPIC', '-o', name, '-Wl,--no-as-needed'];
  execFileSync('gcc', [...argv, ...[options].flat()], { cwd: root, input: source });
  return output;
}

/** A host of made-up files, with `/lib` for libraries. */
function makeHost(files: Record<string, MadeUpElf | string>) {
  const root = makeRoot();
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : buildElf(inRoot(root, content)));
  }
  const search: LibrarySearch = {
    cache: join(root, 'no-cache'),
    directories: [join(root, 'lib')],
    native: X86_64,
  };
  const strip = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll(root, ''));
  return {
    root,
    find: (...names: string[]) =>
      strip(
        needsOf(
          names.map((name) => join(root, name)),
          search,
        ),
      ),
  };
}

function inRoot(root: string, elf: MadeUpElf): MadeUpElf {
  const absolute = (path: string): string => path.replace(/^\//, `${root}/`);
  return {
    ...elf,
    ...(elf.interpreter === undefined ? {} : { interpreter: absolute(elf.interpreter) }),
    ...(elf.runpath === undefined ? {} : { runpath: elf.runpath.map(absolute) }),
    ...(elf.rpath === undefined ? {} : { rpath: elf.rpath.map(absolute) }),
  };
}

const I386 = { class: 32, machine: 3 } as const;

describe('libraries', () => {
  test('are found through libraries, each once', () => {
    const { find } = makeHost({
      'bin/a': { needed: ['libone.so', 'libtwo.so'], interpreter: '/lib/ld.so' },
      'bin/b': { needed: ['libtwo.so'], interpreter: '/lib/ld.so' },
      'lib/libone.so': { needed: ['libtwo.so'], soname: 'libone.so' },
      'lib/libtwo.so': { needed: ['libone.so', 'ld.so'], soname: 'libtwo.so' },
      'lib/ld.so': { soname: 'ld.so' },
    });
    expect(find('bin/a', 'bin/b')).toEqual({
      ...nothing,
      libraries: ['/lib/libone.so', '/lib/libtwo.so'],
      interpreters: ['/lib/ld.so'],
    });
  });

  test('that are missing are reported together, with the file that needs them', () => {
    const { find } = makeHost({
      'bin/a': { needed: ['libone.so', 'libgone.so'], interpreter: '/lib/ld-gone.so' },
      'lib/libone.so': { needed: ['libgone2.so'] },
    });
    expect(find('bin/a').unresolved).toEqual([
      { name: '/lib/ld-gone.so', neededBy: '/bin/a' },
      { name: 'libgone.so', neededBy: '/bin/a' },
      { name: 'libgone2.so', neededBy: '/lib/libone.so' },
    ]);
  });

  test('found for an earlier library satisfy a later one that could not find them', () => {
    const { find } = makeHost({
      'bin/a': { needed: ['libinner.so', 'libouter.so'], runpath: ['/opt'] },
      'opt/libinner.so': { soname: 'libinner.so' },
      'opt/libouter.so': { needed: ['libinner.so'] },
    });
    expect(find('bin/a')).toEqual({
      ...nothing,
      libraries: ['/opt/libinner.so', '/opt/libouter.so'],
    });
  });

  test('of another architecture, and files with only the right name, are skipped', () => {
    const { find } = makeHost({
      'bin/a': { needed: ['libx.so'], runpath: ['/text', '/arm', '/small'] },
      'text/libx.so': 'INPUT(libx.so.1)',
      'arm/libx.so': { machine: 183 },
      'small/libx.so': I386,
      'lib/libx.so': {},
    });
    expect(find('bin/a').libraries).toEqual(['/lib/libx.so']);
  });

  test('that are among the files are not listed again', () => {
    const { find } = makeHost({
      'tree/a': { needed: ['libx.so'], runpath: ['$ORIGIN/lib'] },
      'tree/lib/libx.so': { needed: ['liby.so'] },
      'lib/liby.so': {},
    });
    expect(find('tree/a', 'tree/lib/libx.so').libraries).toEqual(['/lib/liby.so']);
  });

  test('are searched for where $LIB and $ORIGIN point, with or without braces', () => {
    const { find } = makeHost({
      'bin/a': {
        needed: ['libx.so', 'liby.so'],
        runpath: ['/opt/$LIB', '${ORIGIN}/../own', 'lib'],
      },
      'opt/lib64/libx.so': {},
      'own/liby.so': {},
    });
    expect(find('bin/a').libraries).toEqual(['/opt/lib64/libx.so', '/own/liby.so']);
  });

  test('are searched for in DT_RPATH only without DT_RUNPATH, for their libraries too', () => {
    const libraries = { 'opt/libx.so': { needed: ['liby.so'] }, 'old/liby.so': {} };
    const a = { needed: ['libx.so'], rpath: ['/old', '/opt'] };
    expect(makeHost({ 'bin/a': a, ...libraries }).find('bin/a').unresolved).toEqual([]);
    const b = { ...a, runpath: ['/opt'] };
    expect(makeHost({ 'bin/b': b, ...libraries }).find('bin/b').unresolved).toEqual([
      { name: 'liby.so', neededBy: '/opt/libx.so' },
    ]);
  });

  test('are not searched for in the default directories if the file forbids it', () => {
    const { find } = makeHost({
      'bin/a': { needed: ['libx.so'], noDefaultLibraries: true },
      'lib/libx.so': {},
    });
    expect(find('bin/a').unresolved).toEqual([{ name: 'libx.so', neededBy: '/bin/a' }]);
  });
});

describe('files without libraries', () => {
  test('of another architecture, static, object files, data, and missing files', () => {
    const { find, root } = makeHost({
      arm: { machine: 183, needed: ['libc.so.6'], interpreter: '/lib/ld.so' },
      big: { endian: 'big', needed: ['libc.so.6'] },
      static: { type: 2 },
      object: { type: 1, needed: ['libc.so.6'] },
      data: 'libc.so.6',
      empty: '',
    });
    execFileSync('mkfifo', [join(root, 'fifo')]);
    const names = ['arm', 'big', 'static', 'object', 'data', 'empty', 'fifo', 'gone', '.'];
    expect(find(...names)).toEqual(nothing);
  });

  test('32-bit programs get theirs if the host has any, and are no error otherwise', () => {
    const { find } = makeHost({
      'bin/a': { ...I386, needed: ['libx.so', 'libgone.so'], interpreter: '/lib/ld-linux.so.2' },
      'lib/libx.so': I386,
    });
    expect(find('bin/a')).toEqual({ ...nothing, libraries: ['/lib/libx.so'] });
  });
});

describe('scripts', () => {
  test('show which programs run them, one script each; data that looks similar does not', () => {
    const { find, root } = makeHost({
      one: '#!/bin/bash\n',
      two: '#!/bin/bash -e\n',
      three: `#!/usr/bin/env -S ${'A=B '.repeat(20)}python3 -u\n`,
      'bash-completion': '#!/bin/zsh\n',
    });
    for (const name of ['one', 'two', 'three']) chmodSync(join(root, name), 0o755);
    expect(find('one', 'two', 'three', 'bash-completion').scripts).toMatchObject([
      { interpreter: '/bin/bash', program: '/bin/bash', usedBy: '/one' },
      { interpreter: '/usr/bin/env', program: 'python3', usedBy: '/three' },
    ]);
  });

  test('are checked one by one', () => {
    const { root } = makeHost({ script: '#!/usr/bin/env perl\n', data: 'x', elf: {} });
    expect(readShebang(join(root, 'script'))?.program).toBe('perl');
    expect(readShebang(join(root, 'data'))).toBeUndefined();
    expect(readShebang(join(root, 'elf'))).toBeUndefined();
    expect(readShebang(join(root, 'gone'))).toBeUndefined();
  });
});
