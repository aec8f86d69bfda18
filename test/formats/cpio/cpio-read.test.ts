import { closeSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CpioMember, readCpio, readCpioData } from '../../../src/formats/cpio/read.ts';
import type { CpioEntry } from '../../../src/formats/cpio/write.ts';
import { explainFailure, listMembers, packTo, useTempDir } from './cpio-fixtures.ts';

const inTempDir = useTempDir();
const pack = (entries: Iterable<CpioEntry>) => packTo(inTempDir('in.cpio'), entries);
const failToRead = (archive: Uint8Array) => explainFailure(() => listMembers(archive));
const names = (members: CpioMember[]) => members.map((member) => `${member.path}`);

const HELLO: CpioEntry = { path: 'hello', mode: 0o100644, data: 'Hello, world!' };
const LINK: CpioEntry = { path: 'link', mode: 0o120777, target: 'hello' };

function describeMember(member: CpioMember): string {
  const { path, target, ...rest } = member;
  const numbers = JSON.stringify(rest).replaceAll('"', '').slice(1, -1);
  return `${path}${target === undefined ? '' : ` -> ${target}`} ${numbers}`;
}

/** A member as bytes, in which only the given fields are right. */
function craftMember(name: string, fields: Record<number, string> = {}, data = ''): Buffer {
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  const numbers = Array.from({ length: 13 }, (_, index) => fields[index] ?? hex(0));
  numbers[6] = fields[6] ?? hex(data.length);
  numbers[11] = fields[11] ?? hex(name.length + 1);
  const head = pad(`${fields[-1] ?? '070701'}${numbers.join('')}${name}\0`);
  return Buffer.from(pad(head + data), 'latin1');
}

const pad = (text: string) => text + '\0'.repeat((4 - (text.length % 4)) % 4);
const TRAILER = craftMember('TRAILER!!!');

describe('a member', () => {
  it('is read with all fields', () => {
    const archive = pack([
      { ...HELLO, uid: 1, gid: 2, mtime: 3, hardLinks: ['hallo'] },
      LINK,
      { path: 'null', mode: 0o20666, rdev: { major: 1, minor: 3 } },
    ]);
    expect(listMembers(archive).map(describeMember).join('\n')).toMatchInlineSnapshot(`
      "hello mode:33188,uid:1,gid:2,mtime:3,nlink:2,ino:1,dev:{major:0,minor:0},rdev:{major:0,minor:0},size:0,archive:0,headerOffset:0,dataOffset:116
      hallo mode:33188,uid:1,gid:2,mtime:3,nlink:2,ino:1,dev:{major:0,minor:0},rdev:{major:0,minor:0},size:13,archive:0,headerOffset:116,dataOffset:232
      link -> hello mode:41471,uid:0,gid:0,mtime:0,nlink:1,ino:2,dev:{major:0,minor:0},rdev:{major:0,minor:0},size:5,archive:0,headerOffset:248,dataOffset:364
      null mode:8630,uid:0,gid:0,mtime:0,nlink:1,ino:3,dev:{major:0,minor:0},rdev:{major:1,minor:3},size:0,archive:0,headerOffset:372,dataOffset:488"
    `);
  });

  it('returns its data, from bytes and from a file', () => {
    const archive = pack([LINK, HELLO, { path: 'empty', mode: 0o100644, data: '' }]);
    const fd = openSync(inTempDir('in.cpio'), 'r');
    for (const source of [archive, new Uint8Array(archive), fd]) {
      const data = listMembers(source).map((member) => `${readCpioData(source, member)}`);
      expect(data).toEqual(['hello', 'Hello, world!', '']);
    }
    closeSync(fd);
  });

  it('does not move the position of the file', () => {
    pack([HELLO]);
    const fd = openSync(inTempDir('in.cpio'), 'r');
    for (const member of readCpio(fd)) readCpioData(fd, member);
    const start = Buffer.alloc(6);
    readSync(fd, start);
    closeSync(fd);
    expect(`${start}`).toBe('070701');
  });

  it('may have an uppercase or lowercase header', () => {
    const upper = craftMember('f', { 2: 'ABCDEF01', 3: 'FFFFFFFF' });
    const lower = craftMember('f', { 2: 'abcdef01', 3: 'ffffffff' });
    const found = [upper, lower].map((member) => listMembers(Buffer.concat([member, TRAILER]))[0]);
    expect(found[0]).toMatchObject({ uid: 0xabcdef01, gid: 0xffffffff });
    expect(found[1]).toEqual(found[0]);
  });

  it('may have NULs after its name as padding', () => {
    const archive = Buffer.concat([craftMember(`big${'\0'.repeat(394)}`, {}, 'data'), TRAILER]);
    const [member] = listMembers(archive);
    expect(member).toMatchObject({ path: Buffer.from('big'), dataOffset: 508, size: 4 });
    expect(`${readCpioData(archive, member!)}`).toBe('data');
  });

  it('that is a symlink may have a NUL after its target', () => {
    const link = craftMember('l', { 1: '0000a1ff' }, 'target\0');
    expect(`${listMembers(Buffer.concat([link, TRAILER]))[0]!.target}`).toBe('target');
  });

  it('of the crc kind is verified', () => {
    const sum = { '-1': '070702', 1: '000081a4', 12: (0x61 + 0x62).toString(16).padStart(8, '0') };
    const archive = Buffer.concat([craftMember('ab', sum, 'ab'), TRAILER]);
    const [member] = listMembers(archive);
    expect(member).toMatchObject({ checksum: 0xc3, size: 2 });
    expect(`${readCpioData(archive, member!)}`).toBe('ab');
    archive.write('b', member!.dataOffset);
    expect(
      explainFailure(() => readCpioData(archive, member!, { inputName: 'in.cpio' })),
    ).toMatchInlineSnapshot(`"in.cpio: at offset 116: wrong checksum for the data of ab"`);
  });

  it('larger than 2 GiB is skipped, not read', () => {
    const size = 0xffff_ff00;
    const head = craftMember('huge', { 6: size.toString(16) });
    const fd = openSync(inTempDir('sparse.cpio'), 'w+');
    writeFileSync(fd, head);
    truncateSync(inTempDir('sparse.cpio'), head.length + size);
    writeFileSync(inTempDir('sparse.cpio'), Buffer.concat([craftMember('after'), TRAILER]), {
      flag: 'a',
    });
    const [huge, after] = listMembers(fd);
    closeSync(fd);
    expect(huge).toMatchObject({ size, dataOffset: head.length });
    expect(after).toMatchObject({ path: Buffer.from('after'), headerOffset: head.length + size });
  });
});

describe('an initramfs', () => {
  it('may consist of several archives with padding between them', () => {
    const one = pack([{ path: 'a', mode: 0o40755 }, HELLO]);
    const two = pack([{ path: 'b', mode: 0o40755 }]);
    const padding = Buffer.alloc(200_000);
    const initramfs = Buffer.concat([padding, one, padding, two, one, padding]);
    const found = listMembers(initramfs);
    expect(
      found.map((member) => `${member.archive} ${member.path} ${member.ino}`),
    ).toMatchInlineSnapshot(`
      [
        "0 a 1",
        "0 hello 2",
        "1 b 1",
        "2 a 1",
        "2 hello 2",
      ]
    `);
    writeFileSync(inTempDir('initramfs'), initramfs);
    const fd = openSync(inTempDir('initramfs'), 'r');
    expect(listMembers(fd)).toEqual(found);
    closeSync(fd);
  });

  it('may have padding between members', () => {
    const gap = Buffer.alloc(4096);
    const archive = Buffer.concat([craftMember('a'), gap, craftMember('b'), gap, TRAILER]);
    expect(names(listMembers(archive))).toEqual(['a', 'b']);
  });

  it('is read alike from memory and from a file, across all block borders', () => {
    const entries = Array.from({ length: 3000 }, (_, index) => ({
      path: `${'long/'.repeat(index % 40)}${index}`,
      mode: 0o100644,
      data: 'x'.repeat((index * 7919) % 200),
    }));
    entries.push({ path: 'big', mode: 0o100644, data: 'y'.repeat(300_000) }, { ...entries[1]! });
    const archive = pack(entries);
    const fd = openSync(inTempDir('in.cpio'), 'r');
    const fromFile = listMembers(fd);
    closeSync(fd);
    expect(fromFile).toEqual(listMembers(archive));
    expect(names(fromFile)).toEqual(entries.map((entry) => entry.path));
  });

  it('is listed up to the damage', () => {
    const reader = readCpio(Buffer.concat([craftMember('good'), Buffer.from('0707 and no more')]));
    expect(`${(reader.next().value as CpioMember).path}`).toBe('good');
    expect(() => reader.next()).toThrow('cpio archive: at offset 116: ');
  });
});

describe('rejects what is not an initramfs', () => {
  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), '0: no cpio archive'],
    ['only NULs', Buffer.alloc(1024), '0: no cpio archive'],
    ['text', Buffer.from('#!/bin/sh\n'), '0: expected a newc header, found #!/bin'],
    ['a single byte', Buffer.from('x'), '0: expected a newc header, found x'],
    [
      'an odc archive',
      Buffer.from(`070707${'0'.repeat(200)}`),
      '0: expected a newc header, found an odc archive: create it with cpio -H newc',
    ],
    [
      'gzip',
      Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
      '0: expected a newc header, found gzip data',
    ],
    [
      'zstd after an archive',
      Buffer.concat([TRAILER, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])]),
      '124: expected a newc header, found zstd data',
    ],
    [
      'a misaligned archive',
      Buffer.concat([TRAILER, Buffer.alloc(5), TRAILER]),
      '129: the offset of a header must be a multiple of 4',
    ],
    [
      'an invalid number',
      craftMember('a', { 5: '0000x000' }),
      '0: the mtime in the header is not a number: 0000x000',
    ],
    [
      'a number with a sign',
      craftMember('a', { 0: '-0000001' }),
      '0: the ino in the header is not a number: -0000001',
    ],
    ['no name', craftMember('a', { 11: '00000000' }), '0: the name is empty'],
    ['an empty name', craftMember(''), '0: the name is empty'],
    [
      'a name without its NUL',
      craftMember('abc', { 11: '00000003' }),
      '0: the name does not end with a NUL',
    ],
    [
      'a name that is too long',
      craftMember('a'.repeat(4096)),
      '0: the name is too long: 4097 bytes, at most 4096',
    ],
    [
      'a target that is too long',
      craftMember('l', { 1: '0000a1ff' }, 't'.repeat(4097)),
      '112: the target of the symlink l is too long: 4097 bytes, at most 4096',
    ],
  ])('%s', (_, archive, explained) => {
    expect(failToRead(archive)).toBe(`in.cpio: at offset ${explained}`);
  });
});

describe('rejects a truncated archive', () => {
  it('at every length', () => {
    const archive = pack([HELLO, LINK, { path: 'dir', mode: 0o40755 }]);
    const trailerEnd = archive.indexOf('TRAILER!!!') + 'TRAILER!!!\0'.length;
    expect(names(listMembers(archive.subarray(0, trailerEnd)))).toEqual(['hello', 'link', 'dir']);
    for (let length = 0; length < trailerEnd; length += 1) {
      const explained = failToRead(archive.subarray(0, length));
      expect(explained).toMatch(/truncated|cut off|no cpio archive/);
    }
  });

  it('if the file shrinks while it is read', () => {
    const archive = pack([HELLO, { path: 'big', mode: 0o100644, data: Buffer.alloc(100_000) }]);
    const fd = openSync(inTempDir('in.cpio'), 'r');
    const reader = readCpio(fd, { inputName: 'in.cpio' });
    reader.next();
    const big = reader.next().value as CpioMember;
    truncateSync(inTempDir('in.cpio'), 1000);
    expect(explainFailure(() => reader.next())).toMatch(/^in.cpio: at offset \d+: truncated/);
    expect(explainFailure(() => readCpioData(fd, big))).toMatch('truncated');
    closeSync(fd);
    expect(archive.length).toBeGreaterThan(100_000);
  });
});
