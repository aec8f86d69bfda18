import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { writeCpio } from '../cpio/write.ts';
import { findLibraries, type LibraryNeeds } from '../elf/libraries.ts';
import {
  type FileSignatures,
  findChangedFile,
  isRacy,
  signatureOf,
  signFiles,
} from '../sys/file-signature.ts';
import type { DirectoryLinks } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';
import { findChanges, writeManifest } from './tree-manifest.ts';
import { canDracutInstall } from './userspace-layer.ts';
import { type PlannedTree, treeEntries, type WalkedTree, walkAll } from './walked-tree.ts';

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

/** A trees layer, and the files that changed since it was made, where it serves with them. */
export interface TreesRecipe extends LayerRecipe<TreesRecord> {
  /** What the trees hold now. */
  walk: () => Walk;
  /** Known once the layer was found to hold; none if nothing changed. */
  changes: () => WalkedTree[];
}

/** The trees, found at one time. */
export interface Walk {
  startedMs: number;
  trees: WalkedTree[];
}

export function treesLayer(trees: readonly PlannedTree[], links: DirectoryLinks): TreesRecipe {
  // Walking costs time: one walk serves both the check and, if need be, the making.
  let walked: Walk | undefined;
  const walk = (): Walk => {
    walked ??= { startedMs: Date.now(), trees: walkAll(trees) };
    return walked;
  };
  let changes: WalkedTree[] = [];
  let manifest: Buffer = Buffer.alloc(0);
  return {
    kind: 'trees',
    ingredients: { trees, links },
    walk,
    changes: () => changes,
    findChange: (record, attachment) => {
      const changed = findChangedFile(record.searched);
      if (changed !== undefined) return `${changed} changed`;
      // What was not to be found may be there by now.
      if (record.unresolved.length > 0) return 'libraries were missing';
      if (digestOf(walk().trees) === record.digest) return undefined;
      const found = findChanges(attachment(), walk().trees);
      if (found === undefined) return 'files in it changed';
      changes = found;
      return undefined;
    },
    make: (path) => {
      const { startedMs, trees: found } = walk();
      const { kinds, ...needs } = findLibrariesOf(found);
      manifest = writeManifest(found, kinds, startedMs);
      // dracut brings the others.
      const own = needs.libraries.filter((library) => !canDracutInstall(library));
      writeTrees(path, [...found, ...walkAll(own.map(asTree))], links);
      return {
        digest: digestUnlessRacy(walk()),
        files: found.reduce((sum, tree) => sum + tree.files.length, 0),
        ...needs,
        searched: signFiles([LINKER_CACHE, ...needs.libraries], startedMs),
      };
    },
    attach: () => manifest,
  };
}

/** Writes the archive of these files. */
export function writeTrees(
  path: string,
  trees: readonly WalkedTree[],
  links: DirectoryLinks,
): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeCpio(fd, treeEntries(trees, links), { outputName: path });
  } finally {
    closeSync(fd);
  }
}

function asTree(path: string): PlannedTree {
  return { source: path, target: path, exclude: [] };
}

/** One of files that changed while they were read is never found again. */
export function digestUnlessRacy({ startedMs, trees }: Walk): string {
  const racy = trees.some((tree) => tree.files.some(({ stats }) => isRacy(stats, startedMs)));
  return racy ? 'changed while it was read' : digestOf(trees);
}

export function digestOf(trees: readonly WalkedTree[]): string {
  const hash = createHash('sha256');
  for (const tree of trees) {
    hash.update(`${tree.target}\0`);
    for (const file of tree.files) hash.update(`${file.name}\0${signatureOf(file.stats)}\0`);
  }
  return hash.digest('hex');
}

function findLibrariesOf(
  trees: readonly WalkedTree[],
): Pick<TreesRecord, 'libraries' | 'unresolved' | 'interpreters'> & Pick<LibraryNeeds, 'kinds'> {
  const executables = trees.flatMap((tree) =>
    tree.files.filter(({ stats }) => stats.isFile()).map((file) => file.host),
  );
  const { libraries, interpreters, unresolved, scripts, kinds } = findLibraries(executables);
  const inTrees = new Set(
    trees.flatMap(({ target, files }) => files.map(({ name }) => `${target}/${name}`)),
  );
  return {
    libraries: [...libraries, ...interpreters],
    unresolved: unresolved.map(({ name, neededBy }) => `${name}, which ${neededBy} needs`),
    interpreters: scripts
      .filter(({ program }) => !inTrees.has(program))
      .map(({ program, usedBy }) => ({ program, usedBy })),
    kinds,
  };
}
