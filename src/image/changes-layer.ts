import { createHash } from 'node:crypto';
import { signatureOf } from '../sys/file-signature.ts';
import type { DirectoryLinks } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';
import { anyRacy, type TreesRecipe, writeTrees } from './trees-layer.ts';
import type { WalkedTree } from './walked-tree.ts';

/** What is noted of a changes layer. */
export interface ChangesRecord {
  /** Id of the trees layer that it is for. */
  base: string;
  /** Over the names and signatures of the files in it. */
  digest: string;
  /** Of the whole trees, by `startListing`; not there: a file changed while it was read. */
  listing?: string | undefined;
}

/**
 * The files that changed since the trees layer was made, in an archive that comes after it.
 * @param base id of the trees layer
 */
export function changesLayer(
  { ingredients, list }: TreesRecipe,
  changes: readonly WalkedTree[],
  base: string,
  links: DirectoryLinks,
): LayerRecipe<ChangesRecord> {
  const digest = digestOf(changes);
  return {
    kind: 'changes',
    ingredients,
    findChange: ({ record }) => {
      if (record.base !== base) return 'the trees were made anew';
      return digest === record.digest ? undefined : 'files changed';
    },
    make: async (path) => {
      const { unpacked } = writeTrees(path, changes, links);
      const { startedMs, listing } = await list();
      const isRacy = anyRacy(changes, startedMs);
      return { record: isRacy ? { base, digest: '' } : { base, digest, listing }, unpacked };
    },
  };
}

function digestOf(trees: readonly WalkedTree[]): string {
  const hash = createHash('sha256');
  for (const { target, files } of trees) {
    hash.update(`${target}\0`);
    for (const { name, stats } of files) hash.update(`${name}\0${signatureOf(stats)}\0`);
  }
  return hash.digest('hex');
}
