import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
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
import { type StartedListing, startListing } from './tree-listing.ts';
import { findChanges, writeManifest } from './tree-manifest.ts';
import { typeOf } from './tree-walk.ts';
import { canDracutInstall } from './userspace-layer.ts';
import { type PlannedTree, treeEntries, type WalkedTree, walkAll } from './walked-tree.ts';

/** What is noted of a trees layer. */
export interface TreesRecord {
  /** Over names and signatures of all files. */
  digest: string;
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

/** A trees layer, and the files that changed since it was made, where it serves with them. */
export interface TreesRecipe extends LayerRecipe<TreesRecord> {
  /** What the trees hold now. */
  walk: () => Promise<Walk>;
  /** Known once the layer was found to hold; none if nothing changed. */
  changes: () => WalkedTree[];
}

/** The trees, found at one time. */
export interface Walk {
  /** Before their listing, which is older than the walk: what changes in between is racy. */
  startedMs: number;
  trees: WalkedTree[];
}

/** @param listed a listing that was begun beforehand; of use if it is of the same trees */
export function treesLayer(
  trees: readonly PlannedTree[],
  links: DirectoryLinks,
  listed?: StartedListing,
): TreesRecipe {
  // They cost time: each is done once, for the check and, if need be, for the making.
  const list = once(async () => {
    const isOfThese = JSON.stringify(listed?.trees) === JSON.stringify(trees);
    const { startedMs, digest } = isOfThese && listed ? listed : startListing(trees);
    return { startedMs, listing: await digest };
  });
  const walk = once(async () => {
    const { startedMs } = await list();
    return { startedMs, trees: walkAll(trees) };
  });
  let changes: WalkedTree[] = [];
  let manifest: Buffer = Buffer.alloc(0);
  return {
    kind: 'trees',
    ingredients: { trees, links },
    walk,
    changes: () => changes,
    findChange: async (record, attachment) => {
      const changed = findChangedFile(record.searched);
      if (changed !== undefined) return `${changed} changed`;
      // What was not to be found may be there by now.
      if (record.unresolved.length > 0) return 'libraries were missing';
      const { listing } = await list();
      if (listing !== undefined && listing === record.listing) return undefined;
      const { trees: now } = await walk();
      if (digestOf(now) === record.digest) return undefined;
      const found = findChanges(attachment(), now);
      if (found === undefined) return 'files in it changed';
      changes = found;
      return undefined;
    },
    make: async (path) => {
      const { startedMs, trees: found } = await walk();
      const digest = digestUnlessRacy({ startedMs, trees: found });
      const { kinds, ...needs } = findLibrariesOf(found);
      manifest = writeManifest(found, kinds, startedMs);
      // dracut brings the others.
      const own = needs.libraries.filter((library) => !canDracutInstall(library));
      writeTrees(path, [...found, ...walkAll(own.map(asTree))], links);
      return {
        digest: digest ?? RACY,
        listing: digest && (await list()).listing,
        files: found.reduce((sum, tree) => sum + tree.files.length, 0),
        ...needs,
        searched: signFiles([LINKER_CACHE, ...needs.libraries], startedMs),
      };
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

/** The digest of files that changed while they were read: none ever have it. */
export const RACY = 'changed while it was read';

/** @returns undefined where files changed while they were read */
export function digestUnlessRacy({ startedMs, trees }: Walk): string | undefined {
  const racy = trees.some((tree) => tree.files.some(({ stats }) => isRacy(stats, startedMs)));
  return racy ? undefined : digestOf(trees);
}

/** Characters that are hashed at once: a call for each file takes longer than the hashing. */
const CHUNK = 32 * 1024;

export function digestOf(trees: readonly WalkedTree[]): string {
  const hash = createHash('sha256');
  let text = '';
  for (const tree of trees) {
    text += `${tree.target}\0`;
    for (const { name, stats } of tree.files) {
      text += `${name}\0${signatureOf(stats)}\0`;
      if (text.length < CHUNK) continue;
      hash.update(text);
      text = '';
    }
  }
  return hash.update(text).digest('hex');
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
