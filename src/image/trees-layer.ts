import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { type CpioEntry, writeCpio } from '../cpio/write.ts';
import { findLibraries } from '../elf/libraries.ts';
import {
  type FileSignatures,
  findChangedFile,
  isRacy,
  signatureOf,
  signFiles,
} from '../sys/file-signature.ts';
import { type DirectoryLinks, directoryMaker, resolveGuestPath } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';
import { type HostPath, type TreeFile, toHostPath, walkTree } from './tree-walk.ts';
import { canDracutInstall } from './userspace-layer.ts';

/** A host directory or file that goes into the image as it is. */
export interface PlannedTree {
  source: string;
  /** Guest path. */
  target: string;
  exclude: readonly string[];
}

/** What is noted of a trees layer. */
export interface TreesRecord {
  /** Over names and signatures of all files. */
  digest: string;
  files: number;
  /** Host paths of the libraries and interpreters that ELF files in the trees need. */
  libraries: string[];
  /** Libraries that were not found, by who needs them. */
  unresolved: string[];
  /** What the first lines of executable scripts name: a path, or a bare name from `env`. */
  interpreters: { program: string; usedBy: string }[];
  /** The libraries, and what the search for them went by. */
  searched: FileSignatures;
}

const LINKER_CACHE = '/etc/ld.so.cache';

export function treesLayer(
  trees: readonly PlannedTree[],
  links: DirectoryLinks,
): LayerRecipe<TreesRecord> {
  // Walking costs time: one walk serves both the check and, if need be, the making.
  let walked: { startedMs: number; trees: WalkedTree[] } | undefined;
  const walk = (): NonNullable<typeof walked> => {
    walked ??= { startedMs: Date.now(), trees: walkAll(trees) };
    return walked;
  };
  return {
    kind: 'trees',
    ingredients: { trees, links },
    findChange: (record) => {
      const changed = findChangedFile(record.searched);
      if (changed !== undefined) return `${changed} changed`;
      // What was not to be found may be there by now.
      if (record.unresolved.length > 0) return 'libraries were missing';
      return digestOf(walk().trees) === record.digest ? undefined : 'files in it changed';
    },
    make: (path) => {
      const { startedMs, trees: found } = walk();
      const needs = findLibrariesOf(found);
      // dracut brings the others.
      const own = needs.libraries.filter((library) => !canDracutInstall(library));
      const all = [...found, ...walkAll(own.map(asTree))];
      const fd = openSync(path, 'wx', 0o600);
      try {
        writeCpio(fd, treeEntries(all, links), { outputName: path });
      } finally {
        closeSync(fd);
      }
      const racy = found.some((tree) => tree.files.some(({ stats }) => isRacy(stats, startedMs)));
      return {
        digest: racy ? 'changed while it was read' : digestOf(found),
        files: found.reduce((sum, tree) => sum + tree.files.length, 0),
        ...needs,
        searched: signFiles([LINKER_CACHE, ...needs.libraries], startedMs),
      };
    },
  };
}

function asTree(path: string): PlannedTree {
  return { source: path, target: path, exclude: [] };
}

interface WalkedTree {
  target: string;
  files: TreeFile[];
}

function walkAll(trees: readonly PlannedTree[]): WalkedTree[] {
  return trees.map((tree) => ({
    target: tree.target,
    files: walkTree(tree.source, tree.exclude),
  }));
}

function digestOf(trees: readonly WalkedTree[]): string {
  const hash = createHash('sha256');
  for (const tree of trees) {
    hash.update(`${tree.target}\0`);
    for (const file of tree.files) hash.update(`${file.name}\0${signatureOf(file.stats)}\0`);
  }
  return hash.digest('hex');
}

/** Archive members, each directory before what is in it. */
function* treeEntries(
  trees: readonly WalkedTree[],
  links: DirectoryLinks,
): Generator<CpioEntry, void, undefined> {
  const makeDirectories = directoryMaker(links);
  for (const tree of trees) {
    const target = resolveGuestPath(tree.target, links);
    yield* makeDirectories(target);
    yield* entriesOf(tree, Buffer.from(target).toString('latin1'));
  }
}

function* entriesOf(tree: WalkedTree, target: string): Generator<CpioEntry, void, undefined> {
  const linked = groupHardLinks(tree.files);
  for (const file of tree.files) {
    const { stats } = file;
    const path = guestPathOf(target, file);
    const metadata = { path, mode: stats.mode, mtime: Math.floor(stats.mtimeMs / 1000) };
    if (file.target !== undefined) yield { ...metadata, target: file.target };
    else if (stats.isFile()) {
      const group = linked.get(inodeOf(file));
      if (group !== undefined && group[0] !== file) continue; // Written with the first of them.
      const hardLinks = (group ?? []).slice(1).map((other) => guestPathOf(target, other));
      yield { ...metadata, file: file.host, size: stats.size, ...(group && { hardLinks }) };
    } else if (stats.isBlockDevice() || stats.isCharacterDevice()) {
      yield { ...metadata, rdev: splitDeviceNumber(stats.rdev) };
    } else yield metadata;
  }
}

function guestPathOf(target: string, file: TreeFile): HostPath {
  return toHostPath(file.name === '' ? target : `${target}/${file.name}`);
}

/** Files with several names in the tree, by inode. */
function groupHardLinks(files: readonly TreeFile[]): Map<string, TreeFile[]> {
  const groups = new Map<string, TreeFile[]>();
  for (const file of files) {
    if (file.stats.nlink < 2 || !file.stats.isFile()) continue;
    const inode = inodeOf(file);
    const group = groups.get(inode);
    if (group === undefined) groups.set(inode, [file]);
    else group.push(file);
  }
  return groups;
}

function inodeOf(file: TreeFile): string {
  return `${file.stats.dev}:${file.stats.ino}`;
}

/** Linux's huge dev_t as stat(2) gives it, makedev(3). */
function splitDeviceNumber(device: number): { major: number; minor: number } {
  return {
    major: (device >>> 8) & 0xfff,
    minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
  };
}

function findLibrariesOf(
  trees: readonly WalkedTree[],
): Pick<TreesRecord, 'libraries' | 'unresolved' | 'interpreters'> {
  const executables = trees.flatMap((tree) =>
    tree.files.filter(({ stats }) => stats.isFile()).map((file) => file.host),
  );
  const { libraries, interpreters, unresolved, scripts } = findLibraries(executables);
  const inTrees = new Set(
    trees.flatMap(({ target, files }) => files.map(({ name }) => `${target}/${name}`)),
  );
  return {
    libraries: [...libraries, ...interpreters],
    unresolved: unresolved.map(({ name, neededBy }) => `${name}, which ${neededBy} needs`),
    interpreters: scripts
      .filter(({ program }) => !inTrees.has(program))
      .map(({ program, usedBy }) => ({ program, usedBy })),
  };
}
