import type { DirectoryLinks } from './guest-path.ts';
import type { LayerRecipe } from './layer-cache.ts';
import { digestOf, digestUnlessRacy, RACY, type TreesRecipe, writeTrees } from './trees-layer.ts';

/** What is noted of a changes layer. */
export interface ChangesRecord {
  /** Id of the trees layer that it is for. */
  base: string;
  /** Of all files of the trees, as they are with it. */
  digest: string;
}

/**
 * The files that changed since the trees layer was made, in an archive that comes after it.
 * @param base id of the trees layer
 */
export function changesLayer(
  trees: TreesRecipe,
  base: string,
  links: DirectoryLinks,
): LayerRecipe<ChangesRecord> {
  return {
    kind: 'changes',
    ingredients: trees.ingredients,
    findChange: async (record) => {
      if (record.base !== base) return 'the trees were made anew';
      const { trees: now } = await trees.walk();
      return digestOf(now) === record.digest ? undefined : 'files changed';
    },
    make: async (path) => {
      writeTrees(path, trees.changes(), links);
      return { base, digest: digestUnlessRacy(await trees.walk()) ?? RACY };
    },
  };
}
