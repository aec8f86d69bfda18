import { closeSync, openSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileTypeOf, formatPath } from '../../../src/formats/cpio/format.ts';
import { type CpioMember, readCpioData } from '../../../src/formats/cpio/read.ts';
import type { CpioEntry } from '../../../src/formats/cpio/write.ts';
import { listMembers, packTo, useTempDir, writeArchive } from './cpio-fixtures.ts';

const inTempDir = useTempDir();

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const isComponent = (bytes: Uint8Array) => !/^\.{1,2}$/.test(Buffer.from(bytes).toString('latin1'));
/** Any bytes that a file name may contain, including spaces, newlines and invalid UTF-8. */
const component = fc
  .uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 255 })
  .map((bytes) => bytes.map((byte) => (byte === 0x2f ? 0x20 : byte)))
  .filter(isComponent);
const path = fc
  .array(component, { minLength: 1, maxLength: 15 })
  .map((parts) =>
    Buffer.from(parts.map((part) => Buffer.from(part).toString('latin1')).join('/'), 'latin1'),
  )
  .filter((bytes) => !bytes.equals(Buffer.from('TRAILER!!!')));
const textPath = fc.constantFrom('etc/passwd', 'a b', 'new\nline', 'ünï/¢ödé', '日本', '-rf', '*');
const metadata = {
  path: fc.oneof(path, textPath),
  uid: fc.option(uint32, { nil: undefined }),
  gid: fc.option(uint32, { nil: undefined }),
  mtime: fc.option(uint32, { nil: undefined }),
};
/** Setuid, setgid and sticky bits included. */
const modeOf = (type: number) => fc.integer({ min: 0, max: 0o7777 }).map((bits) => type | bits);
const links = fc.option(fc.array(fc.oneof(path, textPath), { maxLength: 3 }), { nil: undefined });
const bytes = fc.uint8Array({ maxLength: 5000 });
const rdev = fc.record({ major: uint32, minor: uint32 });
const target = fc.oneof(
  path,
  fc.constantFrom('/', '..', 't', 'x'.repeat(4095), '/usr/lib/../lib64'),
);

/** A host file is first made of its `content`. */
type ModelEntry = CpioEntry & { content?: Uint8Array };
const modelEntry: fc.Arbitrary<ModelEntry> = fc.oneof(
  fc.record({ ...metadata, mode: modeOf(0o100000), hardLinks: links, data: bytes }),
  fc.record({ ...metadata, mode: modeOf(0o100000), hardLinks: links, data: fc.string() }),
  fc
    .record({ ...metadata, mode: modeOf(0o100000), hardLinks: links, content: bytes })
    .map((entry) => ({ ...entry, file: '', size: entry.content.length })),
  fc.record({ ...metadata, mode: modeOf(0o40000) }),
  fc.record({ ...metadata, mode: modeOf(0o120000), target }),
  fc.record({ ...metadata, mode: modeOf(0o60000), hardLinks: links, rdev }),
  fc.record({ ...metadata, mode: modeOf(0o20000), hardLinks: links, rdev }),
  fc.record({ ...metadata, mode: modeOf(0o10000), hardLinks: links }),
  fc.record({ ...metadata, mode: modeOf(0o140000), hardLinks: links }),
);

/** Puts the content of host files in place. */
function placeHostFiles(entries: ModelEntry[]): ModelEntry[] {
  return entries.map((entry, index) => {
    if (entry.content === undefined) return entry;
    writeFileSync(inTempDir(`host-${index}`), entry.content);
    return { ...entry, file: inTempDir(`host-${index}`) };
  });
}

/** The members that an entry should be found as, data aside. */
function expectMembers(entry: ModelEntry, ino: number): Partial<CpioMember>[] {
  const paths = [entry.path, ...(entry.hardLinks ?? [])].map((name) => Buffer.from(name));
  const content = expectContent(entry);
  return paths.map((name, index) => ({
    path: name,
    ino,
    mode: entry.mode,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    mtime: entry.mtime ?? 0,
    nlink: fileTypeOf(entry.mode) === 'directory' ? 2 : paths.length,
    rdev: 'rdev' in entry ? entry.rdev : { major: 0, minor: 0 },
    target: 'target' in entry ? Buffer.from(entry.target) : undefined,
    size: index === paths.length - 1 ? content.length : 0,
  }));
}

function expectContent(entry: ModelEntry): Buffer {
  if (entry.content !== undefined) return Buffer.from(entry.content);
  if ('data' in entry) return Buffer.from(entry.data);
  return 'target' in entry ? Buffer.from(entry.target) : Buffer.alloc(0);
}

describe('any entries', () => {
  const anyEntries = fc.array(modelEntry, { maxLength: 12 });

  it('are read as they were written', () => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const archive = packTo(inTempDir('a.cpio'), placeHostFiles(entries));
        const members = listMembers(archive);
        expect(members).toMatchObject(
          entries.flatMap((entry, index) => expectMembers(entry, index + 1)),
        );
        const contents = members
          .filter((member, index) => member.ino !== members[index + 1]?.ino)
          .map((member) => readCpioData(archive, member));
        expect(Buffer.concat(contents)).toEqual(Buffer.concat(entries.map(expectContent)));
      }),
      { numRuns: 200 },
    );
  });

  it('give members at multiples of 4, padded with NULs, and a multiple of 512 bytes', () => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const archive = packTo(inTempDir('a.cpio'), placeHostFiles(entries));
        const members = listMembers(archive);
        expect(archive.length % 512).toBe(0);
        const ends = members.map((member) => member.dataOffset + member.size);
        const starts = [
          ...members.map((member) => member.headerOffset),
          archive.indexOf('07070100000000'),
        ];
        expect(starts[0]).toBe(0);
        for (const [index, member] of members.entries()) {
          expect([member.headerOffset % 4, member.dataOffset % 4]).toEqual([0, 0]);
          expect(starts[index + 1]).toBe(Math.ceil(ends[index]! / 4) * 4);
          const nameEnd = member.headerOffset + 110 + member.path.length;
          const paddings = [
            archive.subarray(nameEnd, member.dataOffset),
            archive.subarray(ends[index], starts[index + 1]),
          ];
          expect(paddings[0]!.length).toBeLessThanOrEqual(4);
          expect(Buffer.concat(paddings).every((byte) => byte === 0)).toBe(true);
        }
      }),
    );
  });

  it('give the same bytes each time', () => {
    fc.assert(
      fc.property(anyEntries, (entries) => {
        const placed = placeHostFiles(entries);
        const once = packTo(inTempDir('a.cpio'), placed);
        expect(packTo(inTempDir('b.cpio'), placed).equals(once)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('are read alike from concatenated archives', () => {
    fc.assert(
      fc.property(anyEntries, anyEntries, fc.nat(3000), (first, second, gap) => {
        const one = packTo(inTempDir('a.cpio'), placeHostFiles(first));
        const two = packTo(inTempDir('b.cpio'), placeHostFiles(second));
        const padding = Buffer.alloc(gap * 4);
        writeFileSync(inTempDir('both'), Buffer.concat([one, padding, two]));
        const offset = one.length + padding.length;
        const fd = openSync(inTempDir('both'), 'r');
        const members = listMembers(fd);
        closeSync(fd);
        expect(members).toEqual([
          ...listMembers(one),
          ...listMembers(two).map((member) => ({
            ...member,
            archive: 1,
            headerOffset: member.headerOffset + offset,
            dataOffset: member.dataOffset + offset,
          })),
        ]);
      }),
      { numRuns: 50 },
    );
  });
});

it('writes and reads 100,000 members without keeping them in memory', () => {
  const count = 100_000;
  function* entries(): Generator<CpioEntry> {
    for (let index = 0; index < count; index += 1) {
      yield { path: `d/${index}`, mode: 0o100644, data: `${index}` };
    }
  }
  expect(writeArchive(inTempDir('many.cpio'), entries()).entries).toBe(count);
  const fd = openSync(inTempDir('many.cpio'), 'r');
  const members = listMembers(fd);
  expect(members).toHaveLength(count);
  expect(`${readCpioData(fd, members[77_777]!)}`).toBe('77777');
  closeSync(fd);
});

describe('a path in a message', () => {
  it.each<[string | Uint8Array, string]>([
    ['etc/passwd', 'etc/passwd'],
    [Buffer.from('größe'), 'größe'],
    ['with space', 'with space'],
    ['new\nline', '"new\\nline"'],
    ['a"quote', '"a\\"quote"'],
    ['\x1b[31mred', '"\\u001b[31mred"'],
    ['\x9b31mred', '"\\x9b31mred"'],
    [Buffer.from([0x61, 0xff, 0x0a, 0x22]), '"a\\xff\\x0a\\x22"'],
    ['', '""'],
    ['x'.repeat(300), 'x'.repeat(300)],
    [`${'x'.repeat(300)}y`, `${'x'.repeat(140)}…${'x'.repeat(139)}y`],
  ])('%j', (given, shown) => {
    expect(formatPath(given)).toBe(shown);
  });
});
