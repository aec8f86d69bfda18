import {
  type ElfHeader,
  fieldsOf,
  MalformedElf,
  parseHeader,
  parseProgramHeaders,
  type ReadBytes,
  readElf,
  readExactly,
  readSome,
  type Segment,
} from './headers.ts';

/**
 * The parts of an ELF file that the dynamic linker uses. Formats and constants: System V gABI chapters
 * 4 and 5, elf(5).
 */
export interface ElfFile {
  class: 32 | 64;
  endian: 'little' | 'big';
  /** e_machine: 62 is x86-64, 183 AArch64. */
  machine: number;
  /** e_type: 1 relocatable, 2 executable, 3 shared object or position-independent executable, 4 core. */
  type: number;
  /** Path of the dynamic linker, which the kernel starts. */
  interpreter: string | undefined;
  /** Names of the libraries that it is linked with, in order. */
  needed: string[];
  /** Directories as in the file, with tokens such as `$ORIGIN`. */
  rpath: string[];
  runpath: string[];
  soname: string | undefined;
  /** DF_1_NODEFLIB: the linker does not search the cache and the default directories. */
  noDefaultLibraries: boolean;
}

/** The longest path or name that is read. */
const STRING_MAX = 4096;
/** More dynamic entries than any real file has. */
const DYNAMIC_MAX = 16384;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;

const DT = {
  end: 0,
  needed: 1,
  stringTable: 5,
  soname: 14,
  rpath: 15,
  runpath: 29,
  flags1: 0x6ffffffb,
} as const;

const DF_1_NODEFLIB = 0x800;

/**
 * Parses the headers and the dynamic section, in a few bounded reads.
 * @returns undefined if it is not an ELF file, or is truncated
 */
export function parseElf(source: Buffer | ReadBytes): ElfFile | undefined {
  return readElf(source, parseElfParts);
}

function parseElfParts(read: ReadBytes): ElfFile {
  const header = parseHeader(read);
  const segments = parseProgramHeaders(read, header);
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = parseDynamic(read, header, segments);
  const strings = dynamic.length === 0 ? () => '' : stringsOf(read, dynamic, segments);
  const valuesOf = (tag: number): number[] =>
    dynamic.filter((entry) => entry.tag === tag).map(({ value }) => value);
  const listsOf = (tag: number): string[] =>
    valuesOf(tag).flatMap((offset) => strings(offset).split(':'));
  const soname = valuesOf(DT.soname)[0];
  return {
    class: header.class,
    endian: header.endian,
    machine: header.machine,
    type: header.type,
    interpreter: interpreter === undefined ? undefined : readString(read, interpreter.offset),
    needed: valuesOf(DT.needed).map(strings),
    rpath: listsOf(DT.rpath),
    runpath: listsOf(DT.runpath),
    soname: soname === undefined ? undefined : strings(soname),
    noDefaultLibraries: ((valuesOf(DT.flags1)[0] ?? 0) & DF_1_NODEFLIB) !== 0,
  };
}

interface DynamicEntry {
  tag: number;
  value: number;
}

function parseDynamic(
  read: ReadBytes,
  header: ElfHeader,
  segments: readonly Segment[],
): DynamicEntry[] {
  const segment = segments.find(({ type }) => type === PT_DYNAMIC);
  if (segment === undefined) return [];
  const wide = header.class === 64;
  const size = wide ? 16 : 8;
  const count = Math.min(Math.floor(segment.fileSize / size), DYNAMIC_MAX);
  const fields = fieldsOf(readExactly(read, segment.offset, count * size), header.endian, wide);
  const entries: DynamicEntry[] = [];
  for (let at = 0; at < count; at += 1) {
    const tag = fields.address(at * size);
    if (tag === DT.end) break;
    entries.push({ tag, value: fields.address(at * size + size / 2) });
  }
  return entries;
}

/** Reads strings of the dynamic string table by their offset in it. */
function stringsOf(
  read: ReadBytes,
  dynamic: readonly DynamicEntry[],
  segments: readonly Segment[],
): (offset: number) => string {
  const address = dynamic.find(({ tag }) => tag === DT.stringTable)?.value;
  if (address === undefined) return () => '';
  // The dynamic section contains virtual addresses, which the segments map to offsets in the file.
  const segment = segments.find(
    ({ type, address: start, fileSize }) =>
      type === PT_LOAD && start <= address && address < start + fileSize,
  );
  if (segment === undefined) throw new MalformedElf();
  const table = segment.offset + (address - segment.address);
  return (offset) => readString(read, table + offset);
}

function readString(read: ReadBytes, offset: number): string {
  for (const length of [128, STRING_MAX]) {
    const bytes = readSome(read, offset, length);
    const end = bytes.indexOf(0);
    if (end !== -1) return bytes.toString('utf8', 0, end);
  }
  throw new MalformedElf();
}

/** The first line of a script. */
export interface Shebang {
  /** The program that the kernel starts. */
  interpreter: string;
  /** The rest of the line, which the kernel passes as one argument. */
  argument: string | undefined;
  /** The program that finally runs the script: the one that env(1) runs, else the interpreter. */
  program: string;
}

/** The kernel reads only this much of the first line (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h). */
export const SHEBANG_MAX = 256;

/**
 * @param head the first SHEBANG_MAX bytes of a file, or fewer if it is shorter
 * @returns undefined if the file is not a script
 */
export function parseShebang(head: Buffer): Shebang | undefined {
  if (head[0] !== 0x23 || head[1] !== 0x21) return undefined;
  const line = /^[^\n\0]*/.exec(head.toString('utf8', 2, SHEBANG_MAX))?.[0] ?? '';
  const [, interpreter, argument] = /^[ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  if (interpreter === undefined) return undefined;
  const isEnv = interpreter === 'env' || interpreter.endsWith('/env');
  const program = isEnv ? programOfEnv(argument ?? '') : undefined;
  return { interpreter, argument: argument || undefined, program: program ?? interpreter };
}

/** The program that `env ARGUMENT` runs: the first word after options and assignments. */
function programOfEnv(argument: string): string | undefined {
  const split = /^(?:-[a-zA-Z]*S|--split-string[= ])(.*)$/.exec(argument);
  const words = (split?.[1] ?? argument).split(/[ \t]+/).filter((word) => word !== '');
  const at = words.findIndex((word, position) => {
    const takenByOption = /^(-[uC]|--unset|--chdir)$/.test(words[position - 1] ?? '');
    return !takenByOption && !word.startsWith('-') && !/^[^=]+=/.test(word);
  });
  return words[at];
}
