/**
 * Sections and symbols of a relocatable ELF file, such as a kernel module. Formats and constants: System V gABI
 * chapter 4, elf(5).
 */
import { fieldsOf, MalformedElf, type ReadBytes, readElf, readExactly } from './headers.ts';

export interface ElfSection {
  name: string;
  type: number;
  /** Offset of its content in the file. */
  offset: number;
  size: number;
  /** Number of an associated section: for a symbol table, its strings. */
  link: number;
}

/** Selected names of symbols. */
export interface SymbolNames {
  /** Undefined symbols that are not weak. */
  undefined: string[];
  /** Defined symbols whose names begin with the given prefix. */
  defined: string[];
}

export interface RelocatableFile {
  sections: ElfSection[];
  /** The bytes of a section. */
  contentOf: (section: ElfSection) => Buffer;
  /** @param prefix of the defined symbols to return */
  readSymbols: (prefix: string) => SymbolNames;
}

const ELFCLASS64 = 2;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const STB_WEAK = 2;

/** The most sections without extended numbering, which is not supported. */
const SECTIONS_MAX = 0xff00;

/** @returns undefined if it is not a 64-bit ELF file, or is truncated */
export function parseRelocatable(source: Buffer | ReadBytes): RelocatableFile | undefined {
  return readElf(source, (read) => (read(4, 1)[0] === ELFCLASS64 ? parseParts(read) : undefined));
}

function parseParts(read: ReadBytes): RelocatableFile {
  const endian = read(5, 1)[0] === 2 ? 'big' : 'little';
  const header = fieldsOf(readExactly(read, 0, 64), endian, true);
  const [size, count, names] = [header.half(58), header.half(60), header.half(62)];
  if (size < 64 || count > SECTIONS_MAX) throw new MalformedElf();
  const table = readExactly(read, header.address(40), count * size);
  const unnamed = Array.from({ length: count }, (_, at) => {
    const fields = fieldsOf(table.subarray(at * size), endian, true);
    return {
      nameOffset: fields.word(0),
      type: fields.word(4),
      offset: fields.address(24),
      size: fields.address(32),
      link: fields.word(40),
    };
  });
  const contentOf = ({ type, offset, size: length }: Omit<ElfSection, 'name'>): Buffer =>
    type === SHT_NOBITS ? Buffer.alloc(0) : readExactly(read, offset, length);
  const nameTable = unnamed[names] === undefined ? Buffer.alloc(0) : contentOf(unnamed[names]);
  const sections = unnamed.map(({ nameOffset, ...section }) => ({
    name: stringAt(nameTable, nameOffset),
    ...section,
  }));
  const readSymbols = (prefix: string): SymbolNames => {
    const table = sections.find(({ type }) => type === SHT_SYMTAB);
    const strings = sections[table?.link ?? 0];
    return table === undefined || strings === undefined
      ? { undefined: [], defined: [] }
      : selectSymbols(contentOf(table), contentOf(strings), endian, prefix);
  };
  return { sections, contentOf, readSymbols };
}

/** Bytes of an Elf64_Sym. */
const SYMBOL_BYTES = 24;

/** Reads only the names that are needed: this is most of the work for the hundred modules of a test suite. */
function selectSymbols(
  table: Buffer,
  strings: Buffer,
  endian: 'little' | 'big',
  prefix: string,
): SymbolNames {
  const names: SymbolNames = { undefined: [], defined: [] };
  const start = Buffer.from(prefix, 'latin1');
  const nameAt = (at: number): number =>
    endian === 'little' ? table.readUInt32LE(at) : table.readUInt32BE(at);
  for (let at = 0; at + SYMBOL_BYTES <= table.length; at += SYMBOL_BYTES) {
    // The number of the symbol's section: SHN_UNDEF, 0, is the same in either byte order.
    if (table[at + 6] === 0 && table[at + 7] === 0) {
      const isWeak = (table[at + 4] ?? 0) >> 4 === STB_WEAK;
      if (!isWeak) names.undefined.push(stringAt(strings, nameAt(at)));
    } else {
      const name = nameAt(at);
      if (strings[name] !== start[0]) continue;
      const text = stringAt(strings, name);
      if (text.startsWith(prefix)) names.defined.push(text);
    }
  }
  return names;
}

function stringAt(table: Buffer, offset: number): string {
  const end = table.indexOf(0, offset);
  return table.toString('latin1', offset, end === -1 ? table.length : end);
}
