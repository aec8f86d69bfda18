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

/** What decides the content of trees, bar their files. */
export interface TreesIngredients {
  trees: readonly PlannedTree[];
  links: DirectoryLinks;
}

/** What is noted of a trees layer. */
export interface TreesRecord {
  /** Of `startListing`; not there: a file changed while it was read. */
  listing?: string | undefined;
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

/** A trees layer, and what changed since it was made, where it serves all the same. */
export interface TreesRecipe extends LayerRecipe<TreesRecord> {
  list: () => Promise<Listing>;
  /**
   * The files that changed, known once the layer was found to hold; none if nothing did.
   * 'as before': the changes layer that was there holds, too.
   */
  changes: () => WalkedTree[] | 'as before';
}

/** What find(1) tells of the trees. */
interface Listing {
  /** Before it began: what changes from then on is racy. */
  startedMs: number;
  listing: string | undefined;
}

export interface TreesHints {
  /** A listing that was begun beforehand; of use if it is of the same trees. */
  listed?: StartedListing | undefined;
  /** Of the changes layer that is there: id of its trees layer, and their listing with it. */
  changesBefore?: { base: string; listing?: string | undefined } | undefined;
}

export function treesLayer(
  ingredients: TreesIngredients,
  { listed, changesBefore }: TreesHints = {},
): TreesRecipe {
  const { trees, links } = ingredients;
  // They cost time: each is done once, for the check and, if need be, for the making.
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
      // What was not to be found may be there by now.
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
      if (found === undefined) return 'files in it changed';
      changes = found;
      return undefined;
    },
    make: async (path) => {
      const { startedMs, listing } = await list();
      const found = await walk();
      const { kinds, ...needs } = findLibrariesOf(found);
      manifest = writeManifest(found, kinds, startedMs);
      // dracut brings the others.
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
    unresolved: unresolved.map(({ name, neededBy }) => `${name}, which ${neededBy} needs`),
    interpreters: scripts
      .filter(({ program }) => !inTrees.has(program))
      .map(({ program, usedBy }) => ({ program, usedBy })),
    kinds,
  };
}
