// The usual tools read rapido's archives, and rapido reads theirs.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CpioMember, readCpioData } from '../../../src/formats/cpio/read.ts';
import type { CpioEntry } from '../../../src/formats/cpio/write.ts';
import { listMembers, packTo, runProgram, useTempDir } from './cpio-fixtures.ts';

const inTempDir = useTempDir();
const isInstalled = (program: string) => spawnSync(program, ['--version']).error === undefined;
const isRoot = process.geteuid?.() === 0;

const ODD_NAME = Buffer.from('odd \xff\xfe\nname', 'latin1');

/** Some of everything that any user may extract. */
const TREE: CpioEntry[] = [
  { path: 'bin', mode: 0o40755, mtime: 1_000_000_000 },
  { path: 'bin/su', mode: 0o104755, mtime: 1_234_567_890, data: '#!/bin/sh\n' },
  { path: 'bin/sh', mode: 0o120777, mtime: 1_111_111_111, target: '../usr/bin/bash' },
  { path: 'tmp', mode: 0o41777 },
  { path: 'empty', mode: 0o100600, data: '' },
  { path: 'one', mode: 0o100644, mtime: 5, data: 'linked', hardLinks: ['tmp/two', 'three'] },
  { path: 'nil', mode: 0o100644, data: '', hardLinks: ['null'] },
  { path: 'fifo', mode: 0o10644 },
  { path: 'new\nline', mode: 0o100644, data: Buffer.alloc(5000, 0xa5) },
  { path: ODD_NAME, mode: 0o100644, data: 'odd' },
];
const DEVICES: CpioEntry[] = [
  { path: 'console', mode: 0o20600, rdev: { major: 5, minor: 1 } },
  { path: 'loop7', mode: 0o60660, rdev: { major: 7, minor: 7 }, hardLinks: ['loop7-too'] },
];

/** Root may make devices, but not in every container. */
const canMakeDevices = isRoot && makesDevice();
function makesDevice(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'rapido-mknod-'));
  const made = spawnSync('mknod', [join(directory, 'null'), 'c', '1', '3']).status === 0;
  rmSync(directory, { recursive: true });
  return made;
}

const EXTRACTORS = [
  ['GNU cpio', 'cpio', ['-idm', '--quiet']],
  ['bsdcpio', 'bsdcpio', ['-idm', '--quiet']],
] as const;

describe.each(EXTRACTORS)('%s', (_, program, args) => {
  const extract = (entries: CpioEntry[], directory: string) => {
    mkdirSync(inTempDir(directory));
    const input = packTo(inTempDir('ours.cpio'), entries);
    runProgram(program, args, { cwd: inTempDir(directory), input });
  };

  it.skipIf(!isInstalled(program))('extracts an archive of rapido', () => {
    // bsdcpio restores a setuid bit only together with the owner.
    const own = { uid: process.geteuid!(), gid: process.getegid!() };
    extract(
      TREE.map((entry) => ({ ...entry, ...own })),
      'out',
    );
    expect(describeTree('out')).toMatchObject(TREE.flatMap(expectFiles).sort(byName));
    expect(inodesOf('out/one', 'out/tmp/two', 'out/three')).toBe(1);
    expect(inodesOf('out/nil', 'out/null')).toBe(1);
    expect(inodesOf('out/empty', 'out/null', 'out/one')).toBe(3);
  });

  it.skipIf(!isInstalled(program) || !canMakeDevices)('extracts its devices (root only)', () => {
    extract(DEVICES, 'out');
    expect(describeTree('out')).toMatchObject(DEVICES.flatMap(expectFiles).sort(byName));
    expect(inodesOf('out/loop7', 'out/loop7-too')).toBe(1);
  });

  it.skipIf(!isInstalled(program) || !isRoot)('restores its owners (root only)', () => {
    extract([{ path: 'f', mode: 0o104711, uid: 123, gid: 456, data: '' }], 'out');
    expect(lstatSync(inTempDir('out/f'))).toMatchObject({ mode: 0o104711, uid: 123, gid: 456 });
  });

  it.skipIf(!isInstalled(program))('extracts any name', () => {
    let runs = 0;
    const name = fc
      .uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 255 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0x2f ? 0x20 : byte))))
      .filter((bytes) => !/^\.\.?$|^TRAILER!!!$/.test(bytes.toString('latin1')));
    const unique = fc.uniqueArray(name, {
      maxLength: 20,
      selector: (bytes) => bytes.toString('hex'),
    });
    fc.assert(
      fc.property(unique, (names) => {
        runs += 1;
        extract(
          names.map((path) => ({ path, mode: 0o100644, data: path })),
          `out-${runs}`,
        );
        const found = describeTree(`out-${runs}`);
        expect(found.map((file) => file.name)).toEqual(names.map(latin1).sort());
        for (const file of found) expect(file.content).toBe(file.name);
      }),
      { numRuns: 10 },
    );
  });
});

it.skipIf(!isInstalled('cpio'))('GNU cpio lists an archive of rapido', () => {
  const args = ['-itv', '--quiet', '--numeric-uid-gid'];
  const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C' };
  const input = packTo(inTempDir('ours.cpio'), [...TREE.slice(0, -2), ...DEVICES]);
  expect(runProgram('cpio', args, { env, input }).toString()).toMatchInlineSnapshot(`
    "drwxr-xr-x   2 0        0               0 Sep  9  2001 bin
    -rwsr-xr-x   1 0        0              10 Feb 13  2009 bin/su
    lrwxrwxrwx   1 0        0              15 Mar 18  2005 bin/sh -> ../usr/bin/bash
    drwxrwxrwt   2 0        0               0 Jan  1  1970 tmp
    -rw-------   1 0        0               0 Jan  1  1970 empty
    -rw-r--r--   3 0        0               0 Jan  1  1970 one
    -rw-r--r--   3 0        0               0 Jan  1  1970 tmp/two
    -rw-r--r--   3 0        0               6 Jan  1  1970 three
    -rw-r--r--   2 0        0               0 Jan  1  1970 nil
    -rw-r--r--   2 0        0               0 Jan  1  1970 null
    prw-r--r--   1 0        0               0 Jan  1  1970 fifo
    crw-------   1 0        0          5,   1 Jan  1  1970 console
    brw-rw----   2 0        0          7,   7 Jan  1  1970 loop7
    brw-rw----   2 0        0          7,   7 Jan  1  1970 loop7-too
    "
  `);
});

const ARCHIVERS = [
  ['GNU cpio -H newc', 'cpio', ['-o', '--null', '-H', 'newc', '--quiet']],
  ['GNU cpio -H crc', 'cpio', ['-o', '--null', '-H', 'crc', '--quiet']],
  ['GNU cpio --reproducible', 'cpio', ['-o', '--null', '-H', 'newc', '--quiet', '--reproducible']],
  ['bsdcpio -H newc', 'bsdcpio', ['-o', '-0', '-H', 'newc', '--quiet']],
] as const;

describe.each(ARCHIVERS)('an archive made by %s', (_, program, args) => {
  it.skipIf(!isInstalled(program))('is read like the files in it', () => {
    const names = makeTree('in');
    const input = Buffer.concat(names.map((name) => Buffer.concat([name, Buffer.alloc(1)])));
    writeFileSync(
      inTempDir('theirs.cpio'),
      runProgram(program, args, { cwd: inTempDir('in'), input }),
    );
    const fd = openSync(inTempDir('theirs.cpio'), 'r');
    const members = listMembers(fd);
    const files = members.map((member) => describeMember(fd, members, member)).sort(byName);
    closeSync(fd);
    expect(files).toEqual(describeTree('in'));
  });
});

interface ExtractedFile {
  name: string;
  mode: number;
  /** 0 for directories, whose count differs between filesystems. */
  nlink: number;
  mtime: number;
  rdev: string;
  content: string;
}

const latin1 = (path: string | Buffer) => Buffer.from(path).toString('latin1');
const byName = (one: { name: string }, two: { name: string }) => (one.name < two.name ? -1 : 1);

/** All that is below a directory, by name. */
function describeTree(directory: string): ExtractedFile[] {
  const names = namesBelow(Buffer.from(inTempDir(directory)));
  return names.map((name) => describeFile(directory, name)).sort(byName);
}

function namesBelow(directory: Buffer): Buffer[] {
  return readdirSync(directory, { encoding: 'buffer' }).flatMap((name) => {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    if (!lstatSync(path).isDirectory()) return [name];
    const below = namesBelow(path);
    return [name, ...below.map((rest) => Buffer.concat([name, Buffer.from('/'), rest]))];
  });
}

function describeFile(directory: string, name: Buffer): ExtractedFile {
  const path = Buffer.concat([Buffer.from(`${inTempDir(directory)}/`), name]);
  const stat = lstatSync(path);
  const content = stat.isFile()
    ? readFileSync(path)
    : stat.isSymbolicLink()
      ? readlinkSync(path)
      : '';
  return {
    name: latin1(name),
    mode: stat.mode,
    nlink: stat.isDirectory() ? 0 : stat.nlink,
    mtime: Math.floor(stat.mtimeMs / 1000),
    rdev: `${stat.rdev >> 8}:${stat.rdev & 0xff}`,
    content: latin1(content),
  };
}

/** The expected result of extracting an entry. */
function expectFiles(entry: CpioEntry): Partial<ExtractedFile>[] & { name: string }[] {
  const paths = [entry.path, ...(entry.hardLinks ?? [])];
  const content = 'data' in entry ? entry.data : 'target' in entry ? entry.target : '';
  return paths.map((path) => ({
    name: latin1(path),
    mode: entry.mode,
    nlink: (entry.mode & 0o170000) === 0o40000 ? 0 : paths.length,
    rdev: 'rdev' in entry ? `${entry.rdev.major}:${entry.rdev.minor}` : '0:0',
    content: latin1(Buffer.from(content as Buffer)),
    // GNU cpio restores no times of symlinks, nor of directories that it then adds to.
    ...('data' in entry && entry.mtime !== undefined ? { mtime: entry.mtime } : {}),
  }));
}

function inodesOf(...names: string[]): number {
  return new Set(names.map((name) => lstatSync(inTempDir(name)).ino)).size;
}

/** Files of all kinds that need no privileges. @returns their names, parents first */
function makeTree(directory: string): Buffer[] {
  const at = (name: string) => inTempDir(directory, name);
  mkdirSync(at('dir/sub'), { recursive: true });
  writeFileSync(at('dir/file'), Buffer.alloc(70_001, 'content '));
  writeFileSync(at('empty'), '');
  writeFileSync(at('dir/sub/setuid'), 'x');
  chmodSync(at('dir/sub/setuid'), 0o6711);
  chmodSync(at('dir/sub'), 0o1777);
  linkSync(at('dir/file'), at('dir/sub/link'));
  linkSync(at('dir/file'), at('a-link'));
  linkSync(at('empty'), at('empty-too'));
  symlinkSync('dir/file', at('symlink'));
  runProgram('mkfifo', [at('fifo')]);
  writeFileSync(at('new\nline'), 'n');
  writeFileSync(Buffer.concat([Buffer.from(at('')), ODD_NAME]), 'odd');
  lutimesSync(at('symlink'), 1, 1_234_567_890);
  return describeTree(directory).map((file) => Buffer.from(file.name, 'latin1'));
}

function describeMember(fd: number, members: CpioMember[], member: CpioMember): ExtractedFile {
  const carrier =
    member.nlink > 1
      ? members.find((other) => other.ino === member.ino && other.size > 0)
      : undefined;
  const isDirectory = (member.mode & 0o170000) === 0o40000;
  return {
    name: latin1(member.path),
    mode: member.mode,
    nlink: isDirectory ? 0 : member.nlink,
    mtime: member.mtime,
    rdev: `${member.rdev.major}:${member.rdev.minor}`,
    content: latin1(readCpioData(fd, carrier ?? member)),
  };
}
