import { closeSync, constants, openSync } from 'node:fs';
import { type CpioWritten, writeCpio } from '../formats/cpio/write.ts';
import { findLibraries, type LibraryNeeds } from '../formats/elf/libraries.ts';
import { type FileSignatures, findChangedFile, isRacy, signFiles } from '../sys/file-signature.ts';
import type { DirectoryLinks } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';
import { type StartedListing, startListing } from './tree-listing.ts';
import { findChanges, writeManifest } from './tree-manifest.ts';
import { typeOf } from './tree-walk.ts';
import { canDracutInstall } from './userspace-layer.ts';
import { type PlannedTree, treeEntries, type WalkedTree, walkAll } from './walked-tree.ts';

/** What determines the content of a trees layer, except the files. */
export interface TreesIngredients {
  trees: readonly PlannedTree[];
  links: DirectoryLinks;
}

/** The record of a trees layer. */
export interface TreesRecord {
  /** Digest from `startListing`; undefined if a file changed while it was read. */
  listing?: string | undefined;
  files: number;
  /** Host paths of the libraries and interpreters that ELF files in the trees need. */
  libraries: string[];
  /** Libraries that were not found, each with the file that needs it. */
  unresolved: string[];
  /** Interpreters in the first lines of executable scripts: a path, or a bare name after `env`. */
  interpreters: { program: string; usedBy: string }[];
  /** The libraries, and the cache of the linker, by which they were found. */
  searched: FileSignatures;
}

const LINKER_CACHE = '/etc/ld.so.cache';

/** A trees layer, and the changes since it was made, if it can still be used. */
export interface TreesRecipe extends LayerRecipe<TreesRecord> {
  list: () => Promise<Listing>;
  /**
   * The changed files, known after `findChange` accepted the layer; empty if nothing changed.
   * 'as before': the existing changes layer is up to date, too.
   */
  changes: () => WalkedTree[] | 'as before';
}

/** The listing of the trees by find(1). */
interface Listing {
  /** Time before it started. Files that change after that are racy. */
  startedMs: number;
  listing: string | undefined;
}

export interface TreesHints {
  /** A listing that was started earlier. It is used if it is for the same trees. */
  listed?: StartedListing | undefined;
  /** The existing changes layer: ID of its trees layer, and the listing that includes the changes. */
  changesBefore?: { base: string; listing?: string | undefined } | undefined;
}

export function treesLayer(
  ingredients: TreesIngredients,
  { listed, changesBefore }: TreesHints = {},
): TreesRecipe {
  const { trees, links } = ingredients;
  // Both are expensive, so the check and the build share their results.
  const list = once(async () => {
    const isOfThese = JSON.stringify(listed?.trees) === JSON.stringify(trees);
    const { startedMs, digest } = isOfThese && listed ? listed : startListing(trees);
    return { startedMs, listing: await digest };
  });
  const walk = once(async () => {
    await list();
    return walkAll(trees);
  });
  let changes: WalkedTree[] | 'as before' = [];
  let manifest: Buffer = Buffer.alloc(0);
  return {
    kind: 'trees',
    ingredients,
    list,
    changes: () => changes,
    findChange: async ({ id, record, attachment }) => {
      const changed = findChangedFile(record.searched);
      if (changed !== undefined) return `${changed} changed`;
      // The missing libraries may exist now.
      if (record.unresolved.length > 0) return 'libraries were missing';
      const { listing } = await list();
      if (listing !== undefined) {
        if (listing === record.listing) return undefined;
        if (changesBefore?.base === id && listing === changesBefore.listing) {
          changes = 'as before';
          return undefined;
        }
      }
      const found = findChanges(attachment(), await walk());
      if (found === undefined) return 'files changed';
      changes = found;
      return undefined;
    },
    make: async (path) => {
      const { startedMs, listing } = await list();
      const found = await walk();
      const { kinds, ...needs } = findLibrariesOf(found);
      manifest = writeManifest(found, kinds, startedMs);
      // dracut installs the others.
      const own = needs.libraries.filter((library) => !canDracutInstall(library));
      const { unpacked } = writeTrees(path, [...found, ...walkAll(own.map(asTree))], links);
      const record = {
        listing: anyRacy(found, startedMs) ? undefined : listing,
        files: found.reduce((sum, tree) => sum + tree.files.length, 0),
        ...needs,
        searched: signFiles([LINKER_CACHE, ...needs.libraries], startedMs),
      };
      return { record, unpacked };
    },
    attach: () => manifest,
  };
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Writes the archive of these files. */
export function writeTrees(
  path: string,
  trees: readonly WalkedTree[],
  links: DirectoryLinks,
): CpioWritten {
  const fd = openSync(path, 'wx', 0o600);
  try {
    return writeCpio(fd, treeEntries(trees, links), { outputName: path });
  } finally {
    closeSync(fd);
  }
}

function asTree(path: string): PlannedTree {
  return { source: path, target: path, exclude: [] };
}

/** Whether files changed while they were read. */
export function anyRacy(trees: readonly WalkedTree[], startedMs: number): boolean {
  return trees.some(({ files }) => files.some(({ stats }) => isRacy(stats, startedMs)));
}

function findLibrariesOf(
  trees: readonly WalkedTree[],
): Pick<TreesRecord, 'libraries' | 'unresolved' | 'interpreters'> & Pick<LibraryNeeds, 'kinds'> {
  const executables = trees.flatMap((tree) =>
    tree.files.filter(({ stats }) => typeOf(stats) === constants.S_IFREG).map((file) => file.host),
  );
  const { libraries, interpreters, unresolved, scripts, kinds } = findLibraries(executables);
  const inTrees = new Set(
    trees.flatMap(({ target, files }) => files.map(({ name }) => `${target}/${name}`)),
  );
  return {
    libraries: [...libraries, ...interpreters],
    unresolved: unresolved.map(({ name, neededBy }) => `${name}, needed by ${neededBy}`),
    interpreters: scripts
      .filter(({ program }) => !inTrees.has(program))
      .map(({ program, usedBy }) => ({ program, usedBy })),
    kinds,
  };
}
