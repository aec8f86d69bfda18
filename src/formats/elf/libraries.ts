import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type ElfFile, parseElf, parseShebang, SHEBANG_MAX, type Shebang } from './elf.ts';
import { isElf } from './headers.ts';
import { parseLdSoCache } from './ld-so-cache.ts';

/** What a set of files needs to run, apart from the files themselves. */
export interface LibraryNeeds {
  /** Host paths of shared libraries, sorted, as the dynamic linker finds them; may be symbolic links. */
  libraries: string[];
  /** Host paths of dynamic linkers, sorted. */
  interpreters: string[];
  /** Libraries and dynamic linkers that were not found. */
  unresolved: UnresolvedLibrary[];
  /** The programs that run the scripts among the files, one entry for each program. */
  scripts: ScriptProgram[];
  /** The kinds of ELF files and scripts, by path. */
  kinds: Map<string, FileKind>;
}

/** `elf`, or the first line of an executable script; empty if the file needs nothing. */
export type FileKind = string;

export interface UnresolvedLibrary {
  /** The name in the file: "libaio.so.1", or the path of a dynamic linker. */
  name: string;
  /** The file that names it: a given file, or a library that one needs. */
  neededBy: string;
}

/** A program that the first line of executable scripts names. */
export interface ScriptProgram extends Shebang {
  /** One of the scripts. */
  usedBy: string;
}

/** Where libraries are searched. Tests use other directories. */
export interface LibrarySearch {
  /** Path of the cache of ldconfig(8). */
  cache: string;
  /** Directories that are searched last, for any architecture. */
  directories: readonly string[];
  /** Format of this machine's programs. */
  native: Pick<ElfFile, 'class' | 'endian' | 'machine'>;
}

/** Directory names and `$PLATFORM` of an architecture, by e_machine. */
const ARCHITECTURES: Readonly<Record<number, { multiarch: string; platform: string }>> = {
  3: { multiarch: 'i386-linux-gnu', platform: 'i686' },
  22: { multiarch: 's390x-linux-gnu', platform: 's390x' },
  40: { multiarch: 'arm-linux-gnueabihf', platform: 'v7l' },
  21: { multiarch: 'powerpc64le-linux-gnu', platform: 'powerpc64le' },
  62: { multiarch: 'x86_64-linux-gnu', platform: 'x86_64' },
  183: { multiarch: 'aarch64-linux-gnu', platform: 'aarch64' },
  243: { multiarch: 'riscv64-linux-gnu', platform: 'riscv64' },
};

/** 32-bit machines whose programs a 64-bit kernel also runs: x86 on x86-64, ARM on AArch64. */
const COMPATIBLE: Readonly<Record<number, number>> = { 62: 3, 183: 40 };

function hostLibrarySearch(): LibrarySearch {
  const own = readElf(process.execPath);
  if (own === undefined) throw new Error(`${process.execPath} is not an ELF file`);
  const multiarch = Object.values(ARCHITECTURES).map((architecture) => architecture.multiarch);
  return {
    cache: '/etc/ld.so.cache',
    directories: [
      ...multiarch.flatMap((name) => [`/lib/${name}`, `/usr/lib/${name}`]),
      '/lib64',
      '/usr/lib64',
      '/lib',
      '/usr/lib',
    ],
    native: own,
  };
}

/** A dynamically linked program, or a library. */
interface LoadedObject {
  path: string;
  elf: ElfFile;
  /** The value of `$ORIGIN`. */
  origin: () => string;
}

/** Caches for one call of `findLibraries`. */
interface Resolver {
  search: LibrarySearch;
  /** Paths by library name. */
  cache: ReadonlyMap<string, readonly string[]>;
  objects: Map<string, ElfFile | undefined>;
  found: Map<string, string | undefined>;
}

/**
 * Finds the libraries that ELF files are linked with, directly and indirectly, as ld.so(8) does, without running
 * a program. Other files, statically linked programs and programs of another architecture need none. For
 * programs of a compatible architecture (x86 on x86-64), libraries that the host lacks are not reported.
 * Environment variables are ignored, because the guest has others.
 *
 * @param files host paths. Of a file that is not ELF, only the first bytes are read. Files that cannot be read
 *   are skipped: the error is reported when they are copied.
 */
export function findLibraries(
  files: Iterable<string | Buffer>,
  search: LibrarySearch = hostLibrarySearch(),
): LibraryNeeds {
  const resolver: Resolver = {
    search,
    cache: readCache(search.cache),
    objects: new Map(),
    found: new Map(),
  };
  const given = new Set<string>();
  const needs: NeedSets = { libraries: new Set(), interpreters: new Set(), unresolved: new Map() };
  const scripts = new Map<string, ScriptProgram>();
  const kinds: LibraryNeeds['kinds'] = new Map();
  for (const file of files) {
    const path = file.toString();
    given.add(path);
    const content = inspectFile(file);
    if (content === undefined) continue;
    kinds.set(path, describeContent(content));
    if ('elf' in content) resolveProgram(resolver, loadProgram(path, content.elf), needs);
    else if (content.executable) {
      const { interpreter, program } = content.shebang;
      const key = `${interpreter}\0${program}`;
      if (!scripts.has(key)) scripts.set(key, { ...content.shebang, usedBy: path });
    }
  }
  const others = (paths: Set<string>): string[] =>
    [...paths].filter((path) => !given.has(path)).sort();
  return {
    libraries: others(needs.libraries),
    interpreters: others(needs.interpreters),
    unresolved: [...needs.unresolved.values()],
    scripts: [...scripts.values()],
    kinds,
  };
}

/** The kind of one file, as in `LibraryNeeds`. */
export function kindOf(path: string): FileKind {
  return describeContent(inspectFile(path));
}

function describeContent(content: FileContent | undefined): FileKind {
  if (content === undefined) return '';
  if ('elf' in content) return 'elf';
  const { interpreter, argument = '' } = content.shebang;
  return content.executable ? `${interpreter} ${argument}` : '';
}

interface NeedSets {
  libraries: Set<string>;
  interpreters: Set<string>;
  /** By name and the file that needs it. */
  unresolved: Map<string, UnresolvedLibrary>;
}

/** Searches breadth-first, as ld.so does: a loaded library also satisfies later needs for its name. */
function resolveProgram(resolver: Resolver, program: LoadedObject, needs: NeedSets): void {
  const { elf } = program;
  if (!canRunHere(resolver.search.native, elf)) return;
  const loaded = new Set<string>();
  const report = (name: string, neededBy: string): void => {
    // A compatible program without its libraries does not run on the host either, so it is not a mistake.
    if (!isSameArchitecture(resolver.search.native, elf)) return;
    needs.unresolved.set(`${name}\0${neededBy}`, { name, neededBy });
  };
  if (elf.interpreter !== undefined) {
    const linker = openObject(resolver, elf.interpreter);
    if (linker === undefined) report(elf.interpreter, program.path);
    else needs.interpreters.add(elf.interpreter);
    loaded.add(linker?.soname ?? basename(elf.interpreter));
  }
  const queue: { object: LoadedObject; inherited: readonly string[] }[] = [
    { object: program, inherited: [] },
  ];
  for (const { object, inherited } of queue) {
    const rpath = [...rpathOf(object), ...inherited];
    for (const name of object.elf.needed) {
      if (name === '' || loaded.has(name)) continue;
      loaded.add(name);
      const library = findLibrary(resolver, name, object, rpath);
      if (library === undefined) {
        report(name, object.path);
        continue;
      }
      needs.libraries.add(library.path);
      loaded.add(library.elf.soname ?? name);
      queue.push({ object: library, inherited: rpath });
    }
  }
}

/** Whether a kernel of this machine runs the file, or programs of this machine load it. */
function canRunHere(native: LibrarySearch['native'], elf: ElfFile): boolean {
  const isLinked = elf.type === 2 || elf.type === 3;
  const isMachine = elf.machine === native.machine || elf.machine === COMPATIBLE[native.machine];
  return isLinked && isMachine && elf.endian === native.endian;
}

function isSameArchitecture(a: LibrarySearch['native'], b: LibrarySearch['native']): boolean {
  return a.class === b.class && a.endian === b.endian && a.machine === b.machine;
}

/** DT_RPATH, which also applies to indirect libraries, is ignored if there is a DT_RUNPATH. */
function rpathOf(object: LoadedObject): string[] {
  return object.elf.runpath.length > 0 ? [] : expandDirectories(object, object.elf.rpath);
}

/** @param rpath of the object and of the objects that load it, expanded */
function findLibrary(
  resolver: Resolver,
  name: string,
  object: LoadedObject,
  rpath: readonly string[],
): LoadedObject | undefined {
  const { elf } = object;
  const directories = elf.runpath.length > 0 ? expandDirectories(object, elf.runpath) : [...rpath];
  const context = [elf.class, elf.machine, elf.noDefaultLibraries, ...directories];
  const key = [name, ...context].join('\0');
  if (!resolver.found.has(key)) {
    const path = candidates(resolver, name, elf, directories).find((candidate) => {
      const library = openObject(resolver, candidate);
      return library !== undefined && isSameArchitecture(library, elf);
    });
    resolver.found.set(key, path);
  }
  const path = resolver.found.get(key);
  const library = path === undefined ? undefined : openObject(resolver, path);
  if (path === undefined || library === undefined) return undefined;
  return { path, elf: library, origin: () => dirname(path) };
}

/** The paths at which ld.so searches for a library, in its order. */
function candidates(
  resolver: Resolver,
  name: string,
  elf: ElfFile,
  directories: readonly string[],
): string[] {
  if (name.includes('/')) return name.startsWith('/') ? [name] : [];
  const inDirectories = directories.map((directory) => join(directory, name));
  if (elf.noDefaultLibraries) return inDirectories;
  return [
    ...inDirectories,
    ...(resolver.cache.get(name) ?? []),
    ...resolver.search.directories.map((directory) => join(directory, name)),
  ];
}

/**
 * Replaces `$ORIGIN`, `$LIB` and `$PLATFORM`. Omits relative directories, which depend on where a program is
 * started.
 */
function expandDirectories(
  { elf, origin }: LoadedObject,
  directories: readonly string[],
): string[] {
  const architecture = ARCHITECTURES[elf.machine];
  // The value of $LIB was chosen when glibc was built.
  const lib = [`lib/${architecture?.multiarch}`, elf.class === 64 ? 'lib64' : 'lib32', 'lib'];
  return directories
    .flatMap((directory) =>
      /\$(LIB\b|\{LIB\})/.test(directory)
        ? lib.map((name) => replaceToken(directory, 'LIB', () => name))
        : [directory],
    )
    .map((directory) => replaceToken(directory, 'PLATFORM', () => architecture?.platform ?? ''))
    .map((directory) => replaceToken(directory, 'ORIGIN', origin))
    .filter((directory) => directory.startsWith('/'))
    .map(withoutParentSteps);
}

function replaceToken(text: string, token: string, value: () => string): string {
  return text.replace(new RegExp(`\\$(?:${token}\\b|\\{${token}\\})`, 'g'), value);
}

/** $ORIGIN of a program is without symbolic links, because the kernel resolves them; of a library it is not. */
function loadProgram(path: string, elf: ElfFile): LoadedObject {
  return { path, elf, origin: () => dirname(realpathIfPossible(path)) };
}

/** With symbolic links, "/opt/x/bin/../lib" may be another directory than "/opt/x/lib", so it is resolved. */
function withoutParentSteps(directory: string): string {
  return directory.includes('/..') ? realpathIfPossible(directory) : directory;
}

function realpathIfPossible(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function openObject(resolver: Resolver, path: string): ElfFile | undefined {
  if (!resolver.objects.has(path)) resolver.objects.set(path, readElf(path));
  return resolver.objects.get(path);
}

function readCache(path: string): Map<string, string[]> {
  try {
    return parseLdSoCache(readFileSync(path)) ?? new Map();
  } catch {
    return new Map(); // musl has no cache. The default directories are searched anyway.
  }
}

/** What a file contains that its start needs. */
export type FileContent = { elf: ElfFile } | { shebang: Shebang; executable: boolean };

/** Long enough for magic numbers and for most first lines. */
const HEAD_SIZE = 64;
/** Contains the headers and the interpreter of nearly every ELF file. */
const PAGE_SIZE = 4096;

const head = Buffer.alloc(HEAD_SIZE);

/** @returns undefined for data, and for files that cannot be read */
function inspectFile(path: string | Buffer): FileContent | undefined {
  let fd: number | undefined;
  try {
    // O_NONBLOCK: does not wait for a writer if it is a FIFO.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    return inspectOpenFile(fd);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function inspectOpenFile(fd: number): FileContent | undefined {
  const start = head.subarray(0, readSync(fd, head, 0, HEAD_SIZE, 0));
  if (isElf(start)) {
    const elf = parseElf(readFrom(fd));
    return elf === undefined ? undefined : { elf };
  }
  const shebang = parseShebang(start);
  if (shebang === undefined) return undefined;
  const executable = (fstatSync(fd).mode & 0o111) !== 0;
  const isWhole = start.includes('\n') || start.length < HEAD_SIZE;
  const line = isWhole ? shebang : parseShebang(readFrom(fd)(0, SHEBANG_MAX));
  return line === undefined ? undefined : { shebang: line, executable };
}

/** @returns the interpreter of a script; undefined for other files */
export function readShebang(path: string | Buffer): Shebang | undefined {
  const content = inspectFile(path);
  return content !== undefined && 'shebang' in content ? content.shebang : undefined;
}

/** @returns undefined if it is not an ELF file or cannot be read */
function readElf(path: string | Buffer): ElfFile | undefined {
  const content = inspectFile(path);
  return content !== undefined && 'elf' in content ? content.elf : undefined;
}

function readFrom(fd: number): (offset: number, length: number) => Buffer {
  const page = pread(fd, 0, PAGE_SIZE);
  return (offset, length) =>
    offset + length <= page.length
      ? page.subarray(offset, offset + length)
      : pread(fd, offset, length);
}

function pread(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}
