import { createHash } from 'node:crypto';
import { signatureOf } from '../sys/file-signature.ts';
import type { DirectoryLinks } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';
import { anyRacy, type TreesRecipe, writeTrees } from './trees-layer.ts';
import type { WalkedTree } from './walked-tree.ts';

/** The record of a changes layer. */
export interface ChangesRecord {
  /** ID of the trees layer to which it belongs. */
  base: string;
  /** Over the names and signatures of the files in it. */
  digest: string;
  /** Digest of the whole trees, from `startListing`; undefined if a file changed while it was read. */
  listing?: string | undefined;
}

/**
 * A layer with the files that changed since the trees layer was made. Its archive follows that of the trees layer.
 * @param base ID of the trees layer
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
      if (record.base !== base) return 'the trees layer was rebuilt';
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
