import { fstatSync, readSync } from 'node:fs';
import { UserError } from '../../errors.ts';
import {
  CPIO_FIELDS,
  CPIO_MAGIC,
  type CpioHeader,
  FIELD_BYTES,
  fileTypeOf,
  formatPath,
  HEADER_BYTES,
  MAGIC_BYTES,
  PATH_MAX,
  paddingAfter,
  TRAILER_NAME,
} from './format.ts';

/** Bytes in memory, or an open file that can be read at any offset (its position does not change). */
export type CpioSource = Uint8Array | number;

export interface CpioReadOptions {
  /** The name of the source in messages. */
  inputName?: string;
}

/** One member of an archive. */
export interface CpioMember {
  /** As in the archive, up to the first NUL; any bytes except NUL. */
  path: Buffer;
  /** Type and permission bits, as returned by lstat. */
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970. */
  mtime: number;
  /** If it is more than 1 and not a directory, members with equal `archive`, `dev` and `ino` are hard links. */
  nlink: number;
  ino: number;
  /** The filesystem it came from. */
  dev: { major: number; minor: number };
  /** The device numbers of a block or character device. */
  rdev: { major: number; minor: number };
  /** Bytes of data. One member of a group of hard links has the data, the others have 0 bytes. */
  size: number;
  /** The target of a symlink, up to the first NUL; undefined for other types. */
  target: Buffer | undefined;
  /** The 32-bit sum of a regular file's bytes, in `070702` archives. */
  checksum: number | undefined;
  /** The index of its archive in the source, from 0: a trailer ends each archive. */
  archive: number;
  /** Offset of its header in the source. */
  headerOffset: number;
  /** Offset of its data in the source. */
  dataOffset: number;
}

/**
 * Lists the members of an initramfs: one or more newc archives in sequence, with any number of NULs between
 * them. Trailers are not listed. Data is skipped, so memory does not grow with the source.
 *
 * Unlike the kernel, it requires that the last archive ends with a trailer, because nothing else shows that a
 * file was truncated between two members.
 *
 * @throws UserError with the offset and the cause: another format, compressed data, a truncated file, a name
 *   longer than PATH_MAX
 */
export function* readCpio(
  source: CpioSource,
  options: CpioReadOptions = {},
): Generator<CpioMember, void, undefined> {
  const input = openInput(source, options);
  let archive = 0;
  let unfinished = false;
  let offset = skipZeros(input, 0);
  while (offset < input.size) {
    const member = readMember(input, offset, archive);
    const end = member.dataOffset + member.size;
    if (member.size > 0 && end > input.size) {
      throw truncated(input, member.dataOffset, formatPath(member.path));
    }
    unfinished = !member.path.equals(TRAILER);
    if (unfinished) yield member;
    else archive += 1;
    offset = skipZeros(input, end + paddingAfter(end));
  }
  if (unfinished)
    throw failure(input, input.size, 'the archive has no trailer, so it is truncated');
  if (archive === 0) throw failure(input, 0, 'there is no cpio archive');
}

/**
 * Reads all data of one member into memory.
 * @throws UserError if it is truncated, or its checksum is wrong
 */
export function readCpioData(
  source: CpioSource,
  member: CpioMember,
  options: CpioReadOptions = {},
): Buffer {
  const input = openInput(source, options);
  const name = formatPath(member.path);
  if (member.dataOffset + member.size > input.size) throw truncated(input, member.dataOffset, name);
  const data = Buffer.allocUnsafe(member.size);
  if (input.fetch(data, member.dataOffset) < data.length) {
    throw truncated(input, member.dataOffset, name);
  }
  if (isSummed(member) && sumBytes(data) !== member.checksum) {
    throw failure(input, member.dataOffset, `wrong checksum for the data of ${name}`);
  }
  return data;
}

const TRAILER = Buffer.from(TRAILER_NAME);

function readMember(input: Input, offset: number, archive: number): CpioMember {
  const isCrc = readMagic(input, offset) === CPIO_MAGIC.crc;
  if (offset % 4 !== 0)
    throw failure(input, offset, 'the offset of a header must be a multiple of 4');
  const header = readHeader(input, offset);
  const path = readName(input, offset, header.nameSize);
  const nameEnd = offset + HEADER_BYTES + header.nameSize;
  const dataOffset = nameEnd + paddingAfter(nameEnd);
  return {
    path,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    mtime: header.mtime,
    nlink: header.nlink,
    ino: header.ino,
    dev: { major: header.devMajor, minor: header.devMinor },
    rdev: { major: header.rdevMajor, minor: header.rdevMinor },
    size: header.size,
    target:
      fileTypeOf(header.mode) === 'symlink'
        ? readTarget(input, dataOffset, header.size, path)
        : undefined,
    checksum: isCrc ? header.checksum : undefined,
    archive,
    headerOffset: offset,
    dataOffset,
  };
}

function readMagic(input: Input, offset: number): string {
  const available = Math.min(MAGIC_BYTES, input.size - offset);
  const magic = viewAt(input, offset, available, 'a header').toString('latin1');
  if (magic === CPIO_MAGIC.newc || magic === CPIO_MAGIC.crc) return magic;
  if (CPIO_MAGIC.newc.startsWith(magic)) throw truncated(input, offset, 'a header');
  const other = OTHER_FORMATS.find(([start]) => magic.startsWith(start))?.[1];
  const found = other ?? formatPath(Buffer.from(magic, 'latin1'));
  throw failure(input, offset, `expected a newc header, found ${found}`);
}

/** Other formats that may be found instead of a header, by their first bytes. */
const OTHER_FORMATS: readonly (readonly [start: string, name: string])[] = [
  ['070707', 'an odc archive: create it with cpio -H newc'],
  ['\xc7\x71', 'an old binary cpio archive: create it with cpio -H newc'],
  ['\x71\xc7', 'an old binary cpio archive: create it with cpio -H newc'],
  ['\x1f\x8b', 'gzip data'],
  ['BZh', 'bzip2 data'],
  ['\xfd7zXZ\0', 'xz data'],
  ['\x5d\0\0', 'lzma data'],
  ['\x89LZO', 'lzo data'],
  ['\x02\x21\x4c\x18', 'lz4 data'],
  ['\x04\x22\x4d\x18', 'lz4 data'],
  ['\x28\xb5\x2f\xfd', 'zstd data'],
];

function readHeader(input: Input, offset: number): CpioHeader {
  const bytes = viewAt(input, offset, HEADER_BYTES, 'a header');
  const header: Partial<CpioHeader> = {};
  let at = MAGIC_BYTES;
  for (const field of CPIO_FIELDS) {
    let value = 0;
    let wrong = 0;
    for (const end = at + FIELD_BYTES; at < end; at += 1) {
      const digit = HEX_VALUES[bytes[at]!]!;
      value = (value << 4) | (digit & 0xf);
      wrong |= digit;
    }
    if (wrong < 0) {
      const found = formatPath(bytes.subarray(at - FIELD_BYTES, at));
      throw failure(input, offset, `the ${field} in the header is not a number: ${found}`);
    }
    header[field] = value >>> 0;
  }
  return header as CpioHeader;
}

/** The value of each hexadecimal digit by its character code; -1 for other characters. */
const HEX_VALUES = Int8Array.from({ length: 256 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()),
);

/** The name may end with several NULs, with which some writers align the data. */
function readName(input: Input, offset: number, nameSize: number): Buffer {
  if (nameSize > PATH_MAX) {
    throw failure(input, offset, `the name is too long: ${nameSize} bytes, at most ${PATH_MAX}`);
  }
  const bytes = viewAt(input, offset + HEADER_BYTES, nameSize, 'a name');
  const end = bytes.indexOf(0);
  if (end === 0 || nameSize === 0) throw failure(input, offset, 'the name is empty');
  if (bytes[nameSize - 1] !== 0) throw failure(input, offset, 'the name does not end with a NUL');
  return Buffer.from(bytes.subarray(0, end));
}

/** Some writers include a final NUL in the target. */
function readTarget(input: Input, dataOffset: number, size: number, path: Buffer): Buffer {
  const link = `the target of the symlink ${formatPath(path)}`;
  if (size > PATH_MAX) {
    throw failure(input, dataOffset, `${link} is too long: ${size} bytes, at most ${PATH_MAX}`);
  }
  const bytes = viewAt(input, dataOffset, size, link);
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end));
}

/** Only regular files with data have sums: GNU cpio writes, and the kernel checks, no others. */
function isSummed(member: CpioMember): boolean {
  return member.checksum !== undefined && member.size > 0 && fileTypeOf(member.mode) === 'file';
}

function sumBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) >>> 0;
  return sum;
}

/** A source that can be read at any offset. */
interface Input {
  name: string;
  size: number;
  /** Reads bytes at `offset` into `target`. @returns the number of bytes, fewer than requested at the end */
  fetch(target: Buffer, offset: number): number;
  /** The buffer for blocks, allocated on first use. */
  buffer: Buffer | undefined;
  /** The current block and its offset. */
  block: { bytes: Buffer; offset: number };
}

/** Large enough for any header, but small, because a block is read for each member with much data. */
const BLOCK_BYTES = 64 * 1024;

/** The most bytes that one readSync() reads: its length is a signed 32-bit number. */
const READ_MAX = 1024 * 1024 * 1024;

function openInput(source: CpioSource, options: CpioReadOptions): Input {
  const name = options.inputName ?? 'cpio archive';
  if (typeof source === 'number') {
    const fetch = (target: Buffer, offset: number) => readAt(source, target, offset);
    const block = { bytes: Buffer.alloc(0), offset: 0 };
    return { name, size: fstatSync(source).size, fetch, buffer: undefined, block };
  }
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  const fetch = (target: Buffer, offset: number) => bytes.copy(target, 0, offset);
  return { name, size: bytes.length, fetch, buffer: undefined, block: { bytes, offset: 0 } };
}

function readAt(fd: number, target: Buffer, offset: number): number {
  let done = 0;
  while (done < target.length) {
    const length = Math.min(target.length - done, READ_MAX);
    const got = readSync(fd, target, done, length, offset + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/**
 * @param length up to PATH_MAX
 * @param what the bytes are part of, for messages
 * @returns the bytes, valid until the next call
 */
function viewAt(input: Input, offset: number, length: number, what: string): Buffer {
  if (offset + length > input.size) throw truncated(input, offset, what);
  const rest = restOfBlock(input, offset, length);
  if (rest.length < length) throw truncated(input, offset, what);
  return rest.subarray(0, length);
}

/** The bytes of a block from `offset` on: at least `length`, unless the input has shrunk. */
function restOfBlock(input: Input, offset: number, length: number): Buffer {
  const { block } = input;
  const start = offset - block.offset;
  if (start >= 0 && start + length <= block.bytes.length) return block.bytes.subarray(start);
  input.buffer ??= Buffer.allocUnsafe(BLOCK_BYTES);
  const bytes = input.buffer.subarray(0, input.fetch(input.buffer, offset));
  input.block = { bytes, offset };
  return bytes;
}

/** The offset of the next byte that is not NUL, or the size of the input. */
function skipZeros(input: Input, offset: number): number {
  for (let at = offset; at < input.size; ) {
    const bytes = restOfBlock(input, at, 1);
    const found = bytes.findIndex((byte) => byte !== 0);
    if (found !== -1) return at + found;
    if (bytes.length === 0) throw truncated(input, at, 'padding');
    at += bytes.length;
  }
  return input.size;
}

function truncated(input: Input, offset: number, what: string): UserError {
  return failure(input, offset, `truncated: the file ends within ${what}, at ${input.size}`);
}

function failure(input: Input, offset: number, what: string): UserError {
  return new UserError(`${input.name}: at offset ${offset}: ${what}`);
}
