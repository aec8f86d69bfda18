import { spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type CpioEntry, writeCpio } from '../../../src/formats/cpio/write.ts';
import {
  explainFailure,
  listMembers,
  packTo,
  runProgram,
  showArchive,
  useTempDir,
  writeArchive,
} from './cpio-fixtures.ts';

const FILE = constants.S_IFREG;
const inTempDir = useTempDir();
const pack = (entries: Iterable<CpioEntry>) => packTo(inTempDir('out.cpio'), entries);

describe('the memory that an archive takes', () => {
  it.each([
    [0, 1],
    [1, 1],
    [4096, 1],
    [4097, 2],
    [1_000_000, 245],
  ])('a file of %i bytes: %i pages', (size, pages) => {
    const entries = [{ path: 'file', mode: 0o100644, data: Buffer.alloc(size) }];
    expect(writeArchive(inTempDir('out.cpio'), entries).unpacked).toBe(pages * 4096);
  });

  it('a page for each directory and link, too: a tmpfs has as many inodes as pages', () => {
    const entries = [
      { path: 'directory', mode: 0o040755 },
      { path: 'link', mode: 0o120777, target: 'directory' },
    ];
    expect(writeArchive(inTempDir('out.cpio'), entries).unpacked).toBe(2 * 4096);
  });
});

describe('an archive', () => {
  it('has exactly these bytes', () => {
    const archive = pack([
      { path: 'etc', mode: 0o40755, mtime: 1_700_000_000 },
      { path: 'etc/motd', mode: 0o100644, uid: 1000, gid: 100, data: 'hi\n' },
      { path: 'etc/issue', mode: 0o120777, target: 'motd' },
      { path: 'console', mode: 0o20600, rdev: { major: 5, minor: 1 } },
      { path: 'su', mode: 0o104755, data: 'x', hardLinks: ['sudo'] },
    ]);
    expect(showArchive(archive)).toMatchInlineSnapshot(`
      "07070100000001000041ED0000000000000000000000026553F10000000000000000000000000000000000000000000000000400000000etc␀␀␀
      07070100000002000081A4000003E800000064000000010000000000000003000000000000000000000000000000000000000900000000etc/motd␀␀hi
      ␀
      070701000000030000A1FF0000000000000000000000010000000000000004000000000000000000000000000000000000000A00000000etc/issue␀motd
      07070100000004000021800000000000000000000000010000000000000000000000000000000000000005000000010000000800000000console␀␀␀
      07070100000005000089ED0000000000000000000000020000000000000000000000000000000000000000000000000000000300000000su␀␀␀␀
      07070100000005000089ED0000000000000000000000020000000000000001000000000000000000000000000000000000000500000000sudo␀␀x␀␀␀
      07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000B00000000TRAILER!!!␀×184"
    `);
  });

  it('without entries is a trailer, padded to 512 bytes', () => {
    expect(writeArchive(inTempDir('out.cpio'), [])).toEqual({
      bytes: 512,
      entries: 0,
      unpacked: 0,
    });
    expect(showArchive(pack([]))).toMatchInlineSnapshot(
      `"07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000B00000000TRAILER!!!␀×392"`,
    );
  });

  it('returns its size and counts every path', () => {
    const entries: CpioEntry[] = [
      { path: 'a', mode: FILE | 0o644, data: 'x'.repeat(600), hardLinks: ['b', 'c'] },
      { path: 'd', mode: 0o40755 },
    ];
    const written = writeArchive(inTempDir('out.cpio'), entries);
    expect(written).toEqual({
      bytes: statSync(inTempDir('out.cpio')).size,
      entries: 4,
      unpacked: 2 * 4096,
    });
    expect(written.bytes).toBe(1536);
  });

  it('starts at the position of the output file, which stays open', () => {
    const fd = openSync(inTempDir('out.cpio'), 'w+');
    const one = writeCpio(fd, [{ path: 'a', mode: 0o40755 }], { outputName: 'out.cpio' });
    const two = writeCpio(fd, [{ path: 'b', mode: 0o40755 }], { outputName: 'out.cpio' });
    const members = listMembers(fd).map((member) => [`${member.path}`, member.headerOffset]);
    closeSync(fd);
    expect([one.bytes, two.bytes]).toEqual([512, 512]);
    expect(members).toEqual([
      ['a', 0],
      ['b', 512],
    ]);
  });

  it('limits times to the range of the format', () => {
    const times = [-1, 0, 1.9, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.POSITIVE_INFINITY];
    const members = listMembers(
      pack(times.map((mtime, index) => ({ path: `${index}`, mode: 0o40755, mtime }))),
    );
    expect(members.map((member) => member.mtime)).toEqual([
      0,
      0,
      1,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32 - 1,
      2 ** 32 - 1,
    ]);
  });
});

describe('host files', () => {
  const hostFile = (name: string, size: number): CpioEntry & { file: string } => ({
    path: name,
    mode: FILE | 0o644,
    file: inTempDir(name),
    size,
  });

  const bufferBytes = 1024 * 1024;
  it.each([
    0,
    1,
    3,
    4,
    5,
    bufferBytes - 300,
    bufferBytes - 1,
    bufferBytes,
    bufferBytes + 1,
    5_000_001,
  ])('of %i bytes are complete', (size) => {
    const content = Buffer.alloc(size, 'All work and no play makes Jack a dull boy. ');
    writeFileSync(inTempDir('host'), content);
    const archive = pack([hostFile('host', size), { path: 'after', mode: FILE, data: 'after' }]);
    const [member, after] = listMembers(archive);
    expect(archive.subarray(member!.dataOffset).subarray(0, size).equals(content)).toBe(true);
    expect(archive.subarray(after!.dataOffset, after!.dataOffset + 5).toString()).toBe('after');
  });

  it('may have names that are not UTF-8', () => {
    const name = Buffer.concat([Buffer.from(`${inTempDir()}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(name, 'odd');
    const archive = pack([{ path: Buffer.from([0xff, 0xfe]), mode: FILE, file: name, size: 3 }]);
    expect(listMembers(archive)[0]).toMatchObject({ path: Buffer.from([0xff, 0xfe]), size: 3 });
  });

  it('are read through symlinks', () => {
    writeFileSync(inTempDir('real'), 'real');
    symlinkSync('real', inTempDir('link'));
    const archive = pack([hostFile('link', 4)]);
    const [member] = listMembers(archive);
    expect(archive.subarray(member!.dataOffset, member!.dataOffset + 4).toString()).toBe('real');
  });

  it('that are sparse and larger than 2 GiB are complete', { timeout: 120_000 }, async () => {
    const size = 2 ** 31 + 4104;
    // A hole on tmpfs is read without 2 GiB of page cache, and of what goes through the pipe only
    // the end is kept: this costs no disk and hardly any memory.
    const directory = mkdtempSync('/dev/shm/rapido-cpio-');
    const file = join(directory, 'sparse');
    try {
      writeFileSync(file, '');
      truncateSync(file, size - 7);
      appendFileSync(file, 'its end');
      const { fd, end } = openTail(1536);
      const { bytes } = writeCpio(
        fd,
        [
          { path: 'sparse', mode: FILE, file, size },
          { path: 'after', mode: FILE, data: 'still aligned' },
        ],
        { outputName: 'pipe' },
      );
      closeSync(fd);
      expect(bytes).toBe(Math.ceil((size + 500) / 512) * 512);
      expect(showArchive(await end)).toMatchInlineSnapshot(`
        "␀×1145its end
        0707010000000200008000000000000000000000000001000000000000000D000000000000000000000000000000000000000600000000after␀still aligned␀␀␀
        07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000B00000000TRAILER!!!␀×132"
      `);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('over 4 GiB - 1 are rejected', () => {
    writeFileSync(inTempDir('huge'), '');
    truncateSync(inTempDir('huge'), 2 ** 32);
    const entry = hostFile('huge', statSync(inTempDir('huge')).size);
    expect(failToPack([entry])).toMatchInlineSnapshot(`
      "out.cpio: cannot add TMP/huge: 4294967296 bytes, but a file in an initramfs can have at most 4294967295
      hint: omit it, or provide it to the VM on a disk or in a shared directory"
    `);
  });

  it('that shrink, grow or vanish meanwhile are rejected together', () => {
    function* changing(): Generator<CpioEntry> {
      for (const name of ['kept', 'shrunk', 'emptied', 'grown', 'from-nothing', 'gone']) {
        writeFileSync(inTempDir(name), name === 'from-nothing' ? '' : 'a content');
      }
      mkdirSync(inTempDir('sub'));
      yield hostFile('kept', 9);
      writeFileSync(inTempDir('shrunk'), 'a cont');
      yield hostFile('shrunk', 9);
      writeFileSync(inTempDir('emptied'), '');
      yield hostFile('emptied', 9);
      appendFileSync(inTempDir('grown'), '!');
      yield hostFile('grown', 9);
      appendFileSync(inTempDir('from-nothing'), '!');
      yield hostFile('from-nothing', 0);
      rmSync(inTempDir('gone'));
      yield hostFile('gone', 9);
      yield hostFile('kept/below', 9);
      yield hostFile('sub', 9);
    }
    expect(failToPack(changing())).toMatchInlineSnapshot(`
      "out.cpio: cannot add 7 files
      - TMP/shrunk: it shrank while it was being added; before, it had 9 bytes
      - TMP/emptied: it shrank while it was being added; before, it had 9 bytes
      - TMP/grown: it grew while it was being added; before, it had 9 bytes
      - TMP/from-nothing: it grew while it was being added; before, it had 0 bytes
      - TMP/gone: it no longer exists
      - TMP/kept/below: it no longer exists
      - TMP/sub: it is now a directory
      hint: another process is changing these files: try again when it has finished"
    `);
  });

  it('that grow by more than a buffer are rejected', () => {
    writeFileSync(inTempDir('log'), Buffer.alloc(bufferBytes * 2 + 1));
    expect(failToPack([hostFile('log', bufferBytes * 2)])).toMatchInlineSnapshot(`
      "out.cpio: cannot add TMP/log: it grew while it was being added; before, it had 2097152 bytes
      hint: another process is changing these files: try again when it has finished"
    `);
  });

  it('that claim to be empty but are not, as in /proc, are rejected', () => {
    const entry = { path: 'version', mode: FILE | 0o444, file: '/proc/version', size: 0 };
    expect(failToPack([entry])).toMatchInlineSnapshot(`
      "out.cpio: cannot add /proc/version: it grew while it was being added; before, it had 0 bytes
      hint: another process is changing these files: try again when it has finished"
    `);
  });

  it('that cannot be read are rejected', () => {
    writeFileSync(inTempDir('secret'), 'x', { mode: 0 });
    const fd = openSync(inTempDir('out.cpio'), 'w');
    const entries = [hostFile('secret', 1)];
    const explained = asNobody(() =>
      explainFailure(() => writeCpio(fd, entries, { outputName: 'out.cpio' })),
    );
    closeSync(fd);
    expect(explained.replaceAll(inTempDir(), 'TMP')).toMatchInlineSnapshot(`
      "out.cpio: cannot add TMP/secret: you are not allowed to read it
      hint: make it readable, or omit it"
    `);
  });

  it('are closed in every case', () => {
    writeFileSync(inTempDir('host'), 'x');
    const before = readdirSync('/proc/self/fd').length;
    pack(Array.from({ length: 50 }, () => hostFile('host', 1)));
    failToPack(Array.from({ length: 9 }, () => hostFile('host', 2)));
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });
});

describe('rejects entries that the kernel would drop or misread', () => {
  const longest = `${'d/'.repeat(2047)}f`;
  it.each<[string, string | Buffer, string]>([
    ['an empty path', '', '"": the path is empty'],
    [
      'an absolute path',
      '/etc/passwd',
      '/etc/passwd: the path is absolute, but must be relative to the root of the image',
    ],
    ['a path out of the root', 'a/../../etc', 'a/../../etc: the path contains ".."'],
    ['a path that ends in ..', 'a/..', 'a/..: the path contains ".."'],
    ['a trailing slash', 'a/', 'a/: the path has an empty component'],
    ['a doubled slash', 'a//b', 'a//b: the path has an empty component'],
    ['a NUL', 'a\0b', '"a\\u0000b": the path contains a NUL byte'],
    [
      'a NUL in bytes',
      Buffer.from('a\0\xff', 'latin1'),
      '"a\\x00\\xff": the path contains a NUL byte',
    ],
    [
      'half a surrogate pair',
      'a\ud800',
      '"a\\ud800": the path contains an unpaired surrogate, which UTF-8 cannot encode: pass it as bytes',
    ],
    [
      'the name of the trailer',
      'TRAILER!!!',
      'TRAILER!!!: the path is reserved for the trailer of a cpio archive',
    ],
    [
      '4096 bytes',
      `${longest}f`,
      `${'d/'.repeat(70)}…${'d/'.repeat(69)}ff: the path is longer than 4095 bytes`,
    ],
    [
      'a component of 256 bytes',
      `a/${'b'.repeat(256)}/c`,
      `a/${'b'.repeat(256)}/c: the path has a component longer than 255 bytes`,
    ],
  ])('a path: %s', (_, path, explained) => {
    const linked: CpioEntry = { path: 'ok', mode: FILE, data: '', hardLinks: [path] };
    expect(failToPack([{ path, mode: 0o40755 }])).toBe(`out.cpio: cannot add ${explained}`);
    expect(failToPack([linked])).toBe(`out.cpio: cannot add ${explained}`);
  });

  it.each([
    ['empty', '', 'is empty'],
    ['a NUL', 'a\0b', 'contains a NUL byte'],
    ['4096 bytes', 't'.repeat(4096), 'is longer than 4095 bytes'],
  ])('a symlink target: %s', (_, target, explained) => {
    expect(failToPack([{ path: 'link', mode: 0o120777, target }])).toBe(
      `out.cpio: cannot add link: the target of the symlink ${explained}`,
    );
  });

  it('accepts what only looks like them', () => {
    const paths = ['.', './a', '..a', 'a..', '...', 'a/...', ' ', 'TRAILER!!!!', 'a/TRAILER!!!'];
    paths.push(longest, 'ü'.repeat(127), `${'b'.repeat(255)}/c`);
    const entries = paths.map((path) => ({ path, mode: 0o40755 }));
    expect(listMembers(pack(entries)).map((member) => `${member.path}`)).toEqual(paths);
    const target = 't'.repeat(4095);
    expect(`${listMembers(pack([{ path: 'l', mode: 0o120777, target }]))[0]!.target}`).toBe(target);
  });

  it('reports at most 20 at a time', () => {
    const entries = Array.from({ length: 30 }, (_, index) => ({
      path: `/${index}`,
      mode: 0o40755,
    }));
    const lines = failToPack(entries).split('\n');
    expect(lines).toHaveLength(21);
    expect(lines[0]).toBe('out.cpio: cannot add 20 or more files');
  });
});

describe('entries that contradict themselves are a bug of the caller', () => {
  it.each<[string, CpioEntry]>([
    ['a directory with data', { path: 'x', mode: 0o40755, data: '' }],
    ['a file with nothing', { path: 'x', mode: FILE }],
    ['a file with a target', { path: 'x', mode: FILE, target: 'y' }],
    ['a file with two contents', { path: 'x', mode: FILE, data: '', file: '/y', size: 0 }],
    ['a host file without a size', { path: 'x', mode: FILE, file: '/y' } as CpioEntry],
    ['a symlink with data', { path: 'x', mode: 0o120777, data: 'y' }],
    ['a fifo with a device number', { path: 'x', mode: 0o10644, rdev: { major: 1, minor: 3 } }],
    ['a device without a number', { path: 'x', mode: 0o20644 }],
    ['a mode without a type', { path: 'x', mode: 0o644, data: '' }],
    ['a directory with hard links', { path: 'x', mode: 0o40755, hardLinks: ['y'] }],
    ['a symlink with hard links', { path: 'x', mode: 0o120777, target: 'z', hardLinks: ['y'] }],
    ['a negative uid', { path: 'x', mode: 0o40755, uid: -1 }],
    ['a gid of 33 bits', { path: 'x', mode: 0o40755, gid: 2 ** 32 }],
    ['a time that is not a number', { path: 'x', mode: 0o40755, mtime: Number.NaN }],
  ])('%s', (_, entry) => {
    expect(() => pack([entry])).toThrow(TypeError);
    expect(() => pack([entry])).toThrow(/^cpio entry (x|\/y): /);
  });
});

describe('an output that cannot be written', () => {
  it('because the disk is full is named', () => {
    const fd = openSync('/dev/full', 'w');
    const explained = explainFailure(() => writeCpio(fd, [], { outputName: 'images/xfs.cpio' }));
    closeSync(fd);
    expect(explained).toMatchInlineSnapshot(`
      "images/xfs.cpio: no space left on its filesystem
      hint: free some space there"
    `);
  });

  it('is reported at once, however much input is left', () => {
    const fd = openSync('/dev/full', 'w');
    let taken = 0;
    function* endless(): Generator<CpioEntry> {
      for (;;) {
        taken += 1;
        yield { path: `${taken}`, mode: FILE, data: Buffer.alloc(100_000) };
      }
    }
    const explained = explainFailure(() => writeCpio(fd, endless(), { outputName: 'out.cpio' }));
    closeSync(fd);
    expect(explained).toMatch('no space left');
    expect(taken).toBeLessThan(20);
  });

  it('for a reason that the user did not cause stays a system error', () => {
    const fd = openSync(inTempDir('out.cpio'), 'w');
    closeSync(fd);
    const readOnly = openSync(inTempDir('out.cpio'), 'r');
    expect(() => writeCpio(readOnly, [], { outputName: 'out.cpio' })).toThrow('EBADF');
    closeSync(readOnly);
  });
});

function failToPack(entries: Iterable<CpioEntry>): string {
  return explainFailure(() => pack(entries)).replaceAll(inTempDir(), 'TMP');
}

/** Calls `action` without root's right to read anything. */
function asNobody<T>(action: () => T): T {
  const user = process.geteuid!();
  if (user !== 0) return action();
  process.seteuid!(65534);
  try {
    return action();
  } finally {
    process.seteuid!(user);
  }
}

/** A pipe to write to, and the last bytes that went through it, once it is closed. */
function openTail(length: number): { fd: number; end: Promise<Buffer> } {
  const fifo = inTempDir('fifo');
  runProgram('mkfifo', [fifo]);
  const child = spawn('tail', ['-c', `${length}`, fifo], { stdio: ['ignore', 'pipe', 'inherit'] });
  expect(child.pid).toBeDefined();
  return { fd: openSync(fifo, 'w'), end: buffer(child.stdout) };
}
