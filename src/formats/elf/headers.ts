/**
 * The headers of an ELF file. Files are read in a few bounded reads, each of which may return less than
 * requested. Formats and constants: System V gABI chapters 4 and 5, elf(5).
 */

/** Returns the bytes at an offset: fewer than `length` at the end of the file, none beyond it. */
export type ReadBytes = (offset: number, length: number) => Buffer;

/** More program headers than any real file has. */
const SEGMENTS_MAX = 16384;

/** The headers are invalid, or point beyond the end of the file. `readElf` catches it. */
export class MalformedElf extends Error {}

/**
 * Parses a part of an ELF file.
 * @returns undefined if it is not an ELF file, or is truncated
 */
export function readElf<Part>(
  source: Buffer | ReadBytes,
  parse: (read: ReadBytes) => Part,
): Part | undefined {
  const read = Buffer.isBuffer(source) ? readFrom(source) : source;
  if (!isElf(read(0, 4))) return undefined;
  try {
    return parse(read);
  } catch (error) {
    if (error instanceof MalformedElf) return undefined;
    throw error;
  }
}

export function isElf(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === 0x7f454c46;
}

function readFrom(buffer: Buffer): ReadBytes {
  return (offset, length) => buffer.subarray(offset, offset + length);
}

export interface ElfHeader {
  class: 32 | 64;
  endian: 'little' | 'big';
  machine: number;
  type: number;
  /** Offset, number and size of the program headers. */
  segments: { offset: number; count: number; size: number };
}

export function parseHeader(read: ReadBytes): ElfHeader {
  const ident = readExactly(read, 0, 16);
  const elfClass = ident[4] === 1 ? 32 : ident[4] === 2 ? 64 : undefined;
  const endian = ident[5] === 1 ? 'little' : ident[5] === 2 ? 'big' : undefined;
  if (elfClass === undefined || endian === undefined) throw new MalformedElf();
  const wide = elfClass === 64;
  const fields = fieldsOf(readExactly(read, 0, wide ? 64 : 52), endian, wide);
  return {
    class: elfClass,
    endian,
    type: fields.half(16),
    machine: fields.half(18),
    segments: {
      offset: fields.address(wide ? 32 : 28),
      size: fields.half(wide ? 54 : 42),
      count: fields.half(wide ? 56 : 44),
    },
  };
}

export interface Segment {
  type: number;
  offset: number;
  /** Virtual address. */
  address: number;
  fileSize: number;
}

export function parseProgramHeaders(read: ReadBytes, header: ElfHeader): Segment[] {
  const { offset, count, size } = header.segments;
  if (count === 0) return [];
  const wide = header.class === 64;
  if (count > SEGMENTS_MAX || size < (wide ? 56 : 32)) throw new MalformedElf();
  const table = readExactly(read, offset, count * size);
  return Array.from({ length: count }, (_, at) => {
    const fields = fieldsOf(table.subarray(at * size), header.endian, wide);
    return {
      type: fields.word(0),
      offset: fields.address(wide ? 8 : 4),
      address: fields.address(wide ? 16 : 8),
      fileSize: fields.address(wide ? 32 : 16),
    };
  });
}

export function readExactly(read: ReadBytes, offset: number, length: number): Buffer {
  const bytes = readSome(read, offset, length);
  if (bytes.length !== length) throw new MalformedElf();
  return bytes;
}

/** @throws MalformedElf for offsets that are not safe integers: a file may contain any up to 2^64 */
export function readSome(read: ReadBytes, offset: number, length: number): Buffer {
  if (!Number.isSafeInteger(offset + length)) throw new MalformedElf();
  return read(offset, length);
}

/** Unsigned numbers at byte offsets; an address is a word, or a double word in a 64-bit file. */
interface Fields {
  half: (at: number) => number;
  word: (at: number) => number;
  address: (at: number) => number;
}

/** @param bytes at least as long as the fields that are read from it */
export function fieldsOf(bytes: Buffer, endian: 'little' | 'big', wide: boolean): Fields {
  const little = endian === 'little';
  const half = (at: number): number => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const word = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const double = (at: number): number =>
    word(little ? at + 4 : at) * 0x1_0000_0000 + word(little ? at : at + 4);
  return { half, word, address: wide ? double : word };
}
