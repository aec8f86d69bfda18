import type { ElfFile } from '../../../src/formats/elf/elf.ts';

export type MadeUpElf = Partial<ElfFile>;

export const X86_64 = { class: 64, endian: 'little', machine: 62 } as const;

/** Address of the file in memory; not 0, so that mistaking an address for an offset is noticed. */
const BASE = 0x400000;

/** The smallest file with these headers: ELF header, program headers, dynamic section, strings. */
export function buildElf(made: MadeUpElf = {}): Buffer {
  const elf = { ...X86_64, type: 3, interpreter: undefined, soname: undefined, ...made };
  const wide = elf.class === 64;
  const word = wide ? 8 : 4;
  const strings = stringTable();
  const list = (directories: string[] | undefined, tag: number): [number, number][] =>
    directories?.length ? [[tag, strings.add(directories.join(':'))]] : [];
  const dynamic: [number, number][] = [
    ...(elf.needed ?? []).map((name): [number, number] => [1, strings.add(name)]),
    ...(elf.soname === undefined ? [] : [[14, strings.add(elf.soname)] as [number, number]]),
    ...list(elf.rpath, 15),
    ...list(elf.runpath, 29),
    ...(elf.noDefaultLibraries ? [[0x6ffffffb, 0x800] as [number, number]] : []),
  ];
  const interpreterAt = elf.interpreter === undefined ? 0 : strings.add(elf.interpreter);
  const isDynamic = dynamic.length > 0;
  const headerSize = wide ? 64 : 52;
  const segmentSize = wide ? 56 : 32;
  const segmentCount = 1 + Number(isDynamic) + Number(elf.interpreter !== undefined);
  const dynamicAt = headerSize + segmentCount * segmentSize;
  const dynamicSize = isDynamic ? (dynamic.length + 2) * 2 * word : 0;
  const stringsAt = dynamicAt + dynamicSize;
  const file = Buffer.alloc(stringsAt + strings.bytes().length);

  const put = (at: number, value: number, size: number): void => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    const part = bytes.subarray(0, size);
    (elf.endian === 'big' ? part.reverse() : part).copy(file, at);
  };
  file.write('\x7fELF', 0, 'latin1');
  file.set([wide ? 2 : 1, elf.endian === 'big' ? 2 : 1, 1], 4);
  put(16, elf.type, 2);
  put(18, elf.machine, 2);
  put(wide ? 32 : 28, headerSize, word);
  put(wide ? 54 : 42, segmentSize, 2);
  put(wide ? 56 : 44, segmentCount, 2);
  let at = headerSize;
  const putSegment = (type: number, offset: number, size: number): void => {
    put(at, type, 4);
    put(at + (wide ? 8 : 4), offset, word);
    put(at + (wide ? 16 : 8), BASE + offset, word);
    put(at + (wide ? 32 : 16), size, word);
    at += segmentSize;
  };
  putSegment(1, 0, file.length);
  if (isDynamic) putSegment(2, dynamicAt, dynamicSize);
  if (elf.interpreter !== undefined) putSegment(3, stringsAt + interpreterAt, 0);
  if (isDynamic) {
    for (const [entry, [tag, value]] of [...dynamic, [5, BASE + stringsAt] as const].entries()) {
      put(dynamicAt + entry * 2 * word, tag, word);
      put(dynamicAt + (entry * 2 + 1) * word, value, word);
    }
  }
  strings.bytes().copy(file, stringsAt);
  return file;
}

function stringTable(): { add: (text: string) => number; bytes: () => Buffer } {
  let table = Buffer.from('\0');
  return {
    add: (text) => {
      const offset = table.length;
      table = Buffer.concat([table, Buffer.from(`${text}\0`)]);
      return offset;
    },
    bytes: () => table,
  };
}
