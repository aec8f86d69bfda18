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
import { errorCode, UserError } from '../../errors.ts';
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

/** The modules of one kernel on this host. */
export interface ModuleTree {
  /** As `uname -r` prints it. */
  release: string;
  /** Absolute path of `…/lib/modules/RELEASE`, or of a build tree that has no modules. */
  directory: string;
  index: ModuleIndex;
}

/** What the modules layer holds: plain data, made on every cut. */
export interface ModulesPlan {
  release: string;
  directory: string;
  modules: ChosenModule[];
  /** Wanted names that are built into the kernel. */
  builtin: string[];
  /** Wanted names that the kernel does not have; the caller says so. */
  missing: MissingModule[];
  /**
   * Absolute paths of the host files that the layer is made of: it is stale when one has changed.
   * An index file that does not exist is among them: it may come.
   */
  dependsOn: string[];
  /** Where the symbols are listed that the kernel exports, if there is such a list: `symbolListsOf`. */
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

/** The files of a module directory that are read where they exist. */
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
 * Reads what a resolution needs of a directory made by `make modules_install`.
 * @param directory `…/lib/modules/RELEASE`
 * @throws UserError when it is missing, or depmod was not run on it
 */
export function readModuleTree(directory: string): ModuleTree {
  const absolute = resolve(directory);
  const release = basename(absolute);
  if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UserError(`${absolute}: no such directory, so no modules for kernel ${release}`, {
      dependsOn: 'kernel',
      hint: 'in the kernel tree: make && INSTALL_MOD_PATH=./mods make modules_install',
    });
  }
  const dep = readIndexFile(absolute, 'modules.dep');
  if (dep === undefined) {
    throw new UserError(`${join(absolute, 'modules.dep')} is missing: depmod was not run`, {
      dependsOn: 'kernel',
      hint: depmodCommand(absolute),
    });
  }
  return { release, directory: absolute, index: indexDirectory(absolute, dep) };
}

/**
 * The same for a kernel without loadable modules: knows what is built in.
 * @param buildTree directory with the modules.builtin that `make` left
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

/** Latin-1, so that every byte survives and the text takes one byte a character. */
function readIndexFile(directory: string, name: string): string | undefined {
  return readIfPresent(join(directory, name))?.toString('latin1');
}

function readIfPresent(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UserError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** "/x/mods/lib/modules/6.1.0" to "depmod -b /x/mods 6.1.0". */
function depmodCommand(directory: string): string {
  const [, base, release] = /^(.*?)(?:\/usr)?\/lib\/modules\/([^/]+)$/.exec(directory) ?? [];
  if (base === undefined || release === undefined) {
    return 'make modules_install in the kernel tree runs depmod, if it is installed (package kmod)';
  }
  return base === '' ? `sudo depmod ${release}` : `depmod -b ${base} ${release}`;
}

/**
 * @param buildTree of the kernel; that of a distribution's is where the package of its headers is
 */
function symbolListsOf(directory: string, buildTree: string | undefined): SymbolListPaths {
  const tree = buildTree ?? join(directory, 'build');
  return { all: join(tree, 'Module.symvers'), kernel: join(tree, 'vmlinux.symvers') };
}

/** Chooses the modules of the layer. Cheap, and nothing of it is an error: see `missing`. */
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

/** Red Hat's weak-updates/ and the like are symbolic links: what they lead to can change too. */
function withLinkTarget(path: string): string[] {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && statSync(path, { throwIfNoEntry: false }) !== undefined
    ? [path, realpathSync(path)]
    : [path];
}

/**
 * Makes the content of the layer: each module uncompressed, whatever the guest's modprobe supports,
 * and an index of just these.
 * @throws UserError when a module cannot be read or decompressed, or the kernel would refuse it
 */
export async function buildModulesLayer(tree: ModuleTree, plan: ModulesPlan): Promise<LayerFile[]> {
  const root = `lib/modules/${plan.release}`;
  const modules = await readModules(plan);
  refuseMisfits(plan, modules);
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
    // For modinfo(8) in the guest; modprobe has what it needs of it in modules.builtin.alias.bin.
    ...(modinfo === undefined
      ? []
      : [{ path: `${root}/modules.builtin.modinfo`, mode: FILE_MODE, data: modinfo }]),
  ];
}

type Content = { data: Buffer } | { file: string; size: number };

/** Content of each module of the plan, in its order. */
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

/** What the kernel would refuse can only look like a fault of what is tested. */
function refuseMisfits(plan: ModulesPlan, contents: readonly Content[]): void {
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
      `the kernel ${plan.release} would refuse modules of ${plan.directory}: they are of another build`,
      {
        problems: misfits,
        hint: 'install those of this build: make modules && make modules_install',
        dependsOn: 'kernel',
      },
    );
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** Of a file, only what is looked at is read. */
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

/** Content by path. */
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

/** Node has zstd since 22.15. */
const zstdOfNode = (zlib as { zstdDecompress?: NodeDecompressor }).zstdDecompress;

/** Node's thread pool sees to it that only a few are at work at a time. */
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

/** A program that replaces the files it is given by decompressed ones. */
interface Decompressor {
  argv: readonly [string, ...string[]];
  installHint: string;
}

const XZ: Decompressor = {
  // `--force` makes it follow symbolic links. A group that the user may not give to a file is worth a warning to
  // it, and would be a failure: it has written all that was packed.
  argv: ['xz', '--decompress', '--force', '--no-warn', '--'],
  installHint: 'install xz: package xz-utils (Debian, Ubuntu) or xz (Fedora, openSUSE)',
};

const ZSTD: Decompressor = {
  argv: ['zstd', '--decompress', '--force', '--quiet', '--rm', '--'],
  installHint: 'install zstd: package zstd',
};

/** As many processes at a time: each takes about a core. */
const PARALLEL = 4;

/**
 * Has a program decompress links to the files in a temporary directory. A process for each of
 * `PARALLEL` shares of the files, not for each file: a test suite has a hundred modules.
 */
async function decompressWith(
  { argv, installHint }: Decompressor,
  files: readonly string[],
): Promise<Map<string, Buffer>> {
  if (files.length === 0) return new Map();
  const directory = mkdtempSync(join(tmpdir(), 'rapido-modules-'));
  try {
    // Modules may have the same name in different directories; a number keeps them apart.
    const links = files.map((file, at) => join(directory, `${at}-${basename(file)}`));
    for (const [at, link] of links.entries()) symlinkSync(files[at]!, link);
    const shares = Array.from({ length: PARALLEL }, (_, share) =>
      links.filter((_link, at) => at % PARALLEL === share),
    );
    const run = { purpose: 'decompressing kernel modules', installHint };
    // All of them must have ended before their directory is removed.
    const ends = await Promise.allSettled(
      shares.filter((share) => share.length > 0).map((share) => runTool([...argv, ...share], run)),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    const contents = links.map((link) => readFileSync(link.replace(/\.[^.]+$/, '')));
    return new Map(files.map((file, at) => [file, contents[at]!]));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
