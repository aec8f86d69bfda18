import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { describeReadError, errorCode, UserError } from '../../errors.ts';
import { runTool } from '../../sys/exec.ts';
import type { ReadBytes } from '../elf/headers.ts';
import { exportedSymbols, findMisfits } from './module-check.ts';
import { parseModuleFile } from './module-file.ts';
import {
  type ChosenModule,
  chooseModules,
  createModuleIndex,
  type MissingModule,
  type ModuleIndex,
} from './resolve.ts';
import { formatIndexFiles } from './subset.ts';

/** The modules of a kernel on this host. */
export interface ModuleTree {
  /** As `uname -r` prints it. */
  release: string;
  /** Absolute path of `…/lib/modules/RELEASE`, or of a build directory without modules. */
  directory: string;
  index: ModuleIndex;
}

/** The content of the modules layer: plain data, computed on every cut. */
export interface ModulesPlan {
  release: string;
  directory: string;
  modules: ChosenModule[];
  /** Requested names that are built into the kernel. */
  builtin: string[];
  /** Requested names that the kernel does not have; the caller reports them. */
  missing: MissingModule[];
  /**
   * Absolute paths of the host files that the layer depends on: if one has changed, the layer is stale.
   * Index files that do not exist are included, because they may be created later.
   */
  dependsOn: string[];
  /** Where the lists of the kernel's exported symbols are, if they exist: see `symbolListsOf`. */
  symbolLists: SymbolListPaths;
}

/** Absolute paths of files that need not exist; see `SymbolLists`. */
export interface SymbolListPaths {
  all: string;
  kernel: string;
}

/** A regular file of the image, with its content or the host file to copy. */
export type LayerFile = {
  /** Without a leading slash. */
  path: string;
  /** Type and permission bits. */
  mode: number;
} & ({ data: Buffer } | { file: string; size: number });

const FILE_MODE = constants.S_IFREG | 0o644;

/** The files of a module directory that are read if they exist. */
const INDEX_FILES = [
  'modules.dep',
  'modules.alias',
  'modules.alias.bin',
  'modules.softdep',
  'modules.weakdep',
  'modules.devname',
  'modules.builtin',
  'modules.builtin.modinfo',
];

/**
 * Reads the index files of a directory that `make modules_install` made.
 * @param directory `…/lib/modules/RELEASE`
 * @throws UserError if it is missing, or depmod was not run on it
 */
export function readModuleTree(directory: string): ModuleTree {
  const absolute = resolve(directory);
  const release = basename(absolute);
  if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UserError(`no modules for kernel ${release}: ${absolute} is not a directory`, {
      dependsOn: 'kernel',
      hint: 'in the kernel tree: make && INSTALL_MOD_PATH=./mods make modules_install',
    });
  }
  const dep = readIndexFile(absolute, 'modules.dep');
  if (dep === undefined) {
    throw new UserError(`${join(absolute, 'modules.dep')} does not exist (depmod not run?)`, {
      dependsOn: 'kernel',
      hint: depmodCommand(absolute),
    });
  }
  return { release, directory: absolute, index: indexDirectory(absolute, dep) };
}

/**
 * Does the same for a kernel without loadable modules, of which only built-in ones are known.
 * @param buildTree build directory, with the modules.builtin that `make` wrote
 */
export function readBuiltinTree(buildTree: string, release: string): ModuleTree {
  const directory = resolve(buildTree);
  return { release, directory, index: indexDirectory(directory, '') };
}

function indexDirectory(directory: string, dep: string): ModuleIndex {
  const read = (name: string): string => readIndexFile(directory, name) ?? '';
  return createModuleIndex({
    dep,
    softdep: read('modules.softdep'),
    weakdep: read('modules.weakdep'),
    builtin: read('modules.builtin'),
    readAliasBinary: () => readIfPresent(join(directory, 'modules.alias.bin')),
    readAlias: () => read('modules.alias'),
    readBuiltinModinfo: () => read('modules.builtin.modinfo'),
  });
}

/** Latin-1 preserves every byte and takes one byte per character. */
function readIndexFile(directory: string, name: string): string | undefined {
  return readIfPresent(join(directory, name))?.toString('latin1');
}

function readIfPresent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UserError(describeReadError(path, error), { cause: error });
  }
}

/** "/x/mods/lib/modules/6.1.0" to "depmod -b /x/mods 6.1.0". */
function depmodCommand(directory: string): string {
  const [, base, release] = /^(.*?)(?:\/usr)?\/lib\/modules\/([^/]+)$/.exec(directory) ?? [];
  if (base === undefined || release === undefined) {
    return 'install depmod (package kmod), then run in the kernel tree: make modules_install';
  }
  return base === '' ? `sudo depmod ${release}` : `depmod -b ${base} ${release}`;
}

/** @param buildTree build directory; for a distribution's kernel, that of its headers package is the default */
function symbolListsOf(directory: string, buildTree: string | undefined): SymbolListPaths {
  const tree = buildTree ?? join(directory, 'build');
  return { all: join(tree, 'Module.symvers'), kernel: join(tree, 'vmlinux.symvers') };
}

/** Chooses the modules of the layer. Fast. Missing modules are no error: see `missing`. */
export function planModules(
  tree: ModuleTree,
  wanted: readonly string[],
  buildTree?: string,
): ModulesPlan {
  const { release, directory, index } = tree;
  const { modules, builtin, missing } = chooseModules(index, wanted);
  const indexFiles = INDEX_FILES.map((name) => join(directory, name));
  const moduleFiles = modules.map(({ source }) => resolve(directory, source));
  return {
    release,
    directory,
    modules,
    builtin,
    missing,
    dependsOn: [...indexFiles, ...moduleFiles.flatMap(withLinkTarget)],
    symbolLists: symbolListsOf(directory, buildTree),
  };
}

/** Modules may be symbolic links, as in Red Hat's weak-updates/: their targets may change too. */
function withLinkTarget(path: string): string[] {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && statSync(path, { throwIfNoEntry: false }) !== undefined
    ? [path, realpathSync(path)]
    : [path];
}

/**
 * Builds the content of the layer: the modules, uncompressed, because the guest's modprobe may not support
 * their compression, and an index of these modules.
 * @throws UserError if a module cannot be read or decompressed, or the kernel would reject it
 */
export async function buildModulesLayer(tree: ModuleTree, plan: ModulesPlan): Promise<LayerFile[]> {
  const root = `lib/modules/${plan.release}`;
  const modules = await readModules(plan);
  rejectMisfits(plan, modules);
  const indexFiles = formatIndexFiles(tree.index, plan.modules, {
    alias: readIndexFile(plan.directory, 'modules.alias') ?? '',
    softdep: readIndexFile(plan.directory, 'modules.softdep') ?? '',
    devname: readIndexFile(plan.directory, 'modules.devname') ?? '',
    builtin: readIndexFile(plan.directory, 'modules.builtin') ?? '',
  });
  const modinfo = readIfPresent(join(plan.directory, 'modules.builtin.modinfo'));
  return [
    ...plan.modules.map(({ path }, at) => ({
      path: path.startsWith('/') ? path.slice(1) : `${root}/${path}`,
      mode: FILE_MODE,
      ...modules[at]!,
    })),
    ...indexFiles.map(({ name, data }) => ({ path: `${root}/${name}`, mode: FILE_MODE, data })),
    // For modinfo(8) in the guest; modprobe uses modules.builtin.alias.bin.
    ...(modinfo === undefined
      ? []
      : [{ path: `${root}/modules.builtin.modinfo`, mode: FILE_MODE, data: modinfo }]),
  ];
}

type Content = { data: Buffer } | { file: string; size: number };

/** The contents of the plan's modules, in the same order. */
async function readModules(plan: ModulesPlan): Promise<Content[]> {
  const files = plan.modules.map(({ source }) => resolve(plan.directory, source));
  const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size);
  const absent = files.filter((_, at) => sizes[at] === undefined);
  if (absent.length > 0) {
    throw new UserError(`modules.dep in ${plan.directory} names modules that do not exist`, {
      dependsOn: 'kernel',
      problems: absent,
      hint: depmodCommand(plan.directory),
    });
  }
  const unpacked = await decompress(files.filter((file) => compressionOf(file) !== undefined));
  return files.map((file, at) => {
    const data = unpacked.get(file);
    return data === undefined ? { file, size: sizes[at] ?? 0 } : { data };
  });
}

/** @throws UserError for modules that the kernel would reject: see `findMisfits` */
function rejectMisfits(plan: ModulesPlan, contents: readonly Content[]): void {
  const { all, kernel } = plan.symbolLists;
  const read = (path: string): string | undefined => readIfPresent(path)?.toString('latin1');
  const opened: number[] = [];
  try {
    const modules = plan.modules.flatMap(({ name }, at) => {
      const file = parseModuleFile(sourceOf(contents[at]!, opened));
      return file === undefined ? [] : [{ name, ...file }];
    });
    const exported = exportedSymbols({ all: read(all), kernel: read(kernel) });
    const misfits = findMisfits(modules, plan.release, exported);
    if (misfits.length === 0) return;
    throw new UserError(
      `kernel ${plan.release} would reject modules in ${plan.directory}, which belong to another build`,
      {
        problems: misfits,
        hint: 'install the modules of this build: make modules && make modules_install',
        dependsOn: 'kernel',
      },
    );
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** Reads only the requested parts of a file. */
function sourceOf(content: Content, opened: number[]): Buffer | ReadBytes {
  if ('data' in content) return content.data;
  const fd = openSync(content.file, 'r');
  opened.push(fd);
  return (offset, length) => {
    const buffer = Buffer.allocUnsafe(Math.min(length, Math.max(0, content.size - offset)));
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, offset));
  };
}

type Compression = 'gz' | 'xz' | 'zst';

function compressionOf(file: string): Compression | undefined {
  return /\.ko\.(gz|xz|zst)$/.exec(file)?.[1] as Compression | undefined;
}

/** @returns the contents by path */
async function decompress(files: readonly string[]): Promise<Map<string, Buffer>> {
  const ofKind = (kind: Compression): string[] =>
    files.filter((file) => compressionOf(file) === kind);
  const parts = await Promise.all([
    decompressHere(ofKind('gz'), promisify<Buffer, Buffer>(zlib.gunzip)),
    zstdOfNode === undefined
      ? decompressWith(ZSTD, ofKind('zst'))
      : decompressHere(ofKind('zst'), promisify(zstdOfNode)),
    decompressWith(XZ, ofKind('xz')),
  ]);
  return new Map(parts.flatMap((part) => [...part]));
}

type NodeDecompressor = (
  packed: Buffer,
  callback: (error: Error | null, data: Buffer) => void,
) => void;

/** Node supports zstd since 22.15. */
const zstdOfNode = (zlib as { zstdDecompress?: NodeDecompressor }).zstdDecompress;

/** Decompresses in Node, whose thread pool limits how many run at a time. */
async function decompressHere(
  files: readonly string[],
  decompressBuffer: (packed: Buffer) => Promise<Buffer>,
): Promise<Map<string, Buffer>> {
  const contents = files.map(async (file): Promise<[string, Buffer]> => {
    const packed = await readFile(file);
    try {
      return [file, await decompressBuffer(packed)];
    } catch (error) {
      throw new UserError(`cannot decompress ${file}: ${(error as Error).message}`, {
        dependsOn: 'kernel',
        hint: 'install the modules again: make modules_install',
        cause: error,
      });
    }
  });
  return new Map(await Promise.all(contents));
}

/** A program that replaces files by decompressed ones. */
interface Decompressor {
  argv: readonly [string, ...string[]];
  installHint: string;
}

const XZ: Decompressor = {
  // `--force` makes xz follow symbolic links. Without `--no-warn`, its exit status would report a failure if it
  // cannot set the group of the file.
  argv: ['xz', '--decompress', '--force', '--no-warn', '--'],
  installHint: 'install xz: package xz-utils (Debian, Ubuntu) or xz (Fedora, openSUSE)',
};

const ZSTD: Decompressor = {
  argv: ['zstd', '--decompress', '--force', '--quiet', '--rm', '--'],
  installHint: 'install zstd: package zstd',
};

/** The number of processes at a time; each needs about one core. */
const PARALLEL = 4;

/**
 * Runs a program on links to the files in a temporary directory. It starts a process for each of `PARALLEL`
 * groups of files, not for each file, because a test suite may have a hundred modules.
 */
async function decompressWith(
  { argv, installHint }: Decompressor,
  files: readonly string[],
): Promise<Map<string, Buffer>> {
  if (files.length === 0) return new Map();
  const directory = mkdtempSync(join(tmpdir(), 'rapido-modules-'));
  try {
    // Modules in different directories may have the same name; the number makes links unique.
    const links = files.map((file, at) => join(directory, `${at}-${basename(file)}`));
    for (const [at, link] of links.entries()) symlinkSync(files[at]!, link);
    const groups = Array.from({ length: PARALLEL }, (_, group) =>
      links.filter((_link, at) => at % PARALLEL === group),
    );
    const run = { purpose: 'decompressing kernel modules', installHint };
    // All must have ended before their directory is removed.
    const ends = await Promise.allSettled(
      groups.filter((group) => group.length > 0).map((group) => runTool([...argv, ...group], run)),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    const contents = links.map((link) => readFileSync(link.replace(/\.[^.]+$/, '')));
    return new Map(files.map((file, at) => [file, contents[at]!]));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
