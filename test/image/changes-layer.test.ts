import { closeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ChangesRecord, changesLayer } from '../../src/image/changes-layer.ts';
import { findLayer, obtainLayer } from '../../src/image/layer-cache.ts';
import { treesLayer } from '../../src/image/trees-layer.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

/** Times of files are those of the last tick of a clock. */
const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

/** A tree of three files, and a cache for the layers that are made of it. */
function makeBench() {
  const source = makeTemporaryDirectory();
  const cache = makeTemporaryDirectory();
  writeFiles(source, { a: '1', b: '1', 'sub/c': '1' });
  const ingredients = { trees: [{ source, target: '/tests', exclude: [] }], links: {} };
  /** Obtains both layers as a cut does. */
  const cut = async (rebuild = false) => {
    const before = findLayer<ChangesRecord>(cache, { kind: 'changes', ingredients });
    const recipe = treesLayer(ingredients, { changesBefore: before?.record });
    const trees = await obtainLayer(cache, recipe, { rebuild });
    const changes = recipe.changes();
    const opened = [before?.fd, trees.fd];
    let made: string | undefined;
    if (changes !== 'as before' && changes.length > 0) {
      const layer = await obtainLayer(
        cache,
        changesLayer(recipe, changes, trees.id, ingredients.links),
      );
      opened.push(layer.fd);
      made = layer.madeBecause;
    }
    for (const fd of opened) if (fd !== undefined) closeSync(fd);
    return {
      trees: trees.madeBecause ?? 'reused',
      changes:
        changes === 'as before'
          ? changes
          : changes.flatMap(({ files }) => files.map(({ name }) => name)),
      changesLayer: made,
    };
  };
  const write = (name: string, content: string): void => writeFileSync(join(source, name), content);
  return { cut, write };
}

test('changes since the trees layer was built are found once, and then known', async () => {
  const { cut, write } = makeBench();
  await tick();
  expect(await cut()).toEqual({ trees: 'not built before', changes: [] });
  expect(await cut()).toEqual({ trees: 'reused', changes: [] });
  write('a', '22');
  await tick();
  expect(await cut()).toEqual({
    trees: 'reused',
    changes: ['a'],
    changesLayer: 'not built before',
  });
  expect(await cut()).toEqual({ trees: 'reused', changes: 'as before' });
  write('sub/c', '22');
  await tick();
  expect(await cut()).toEqual({
    trees: 'reused',
    changes: ['a', 'sub/c'],
    changesLayer: 'files changed',
  });
  expect(await cut()).toEqual({ trees: 'reused', changes: 'as before' });
});

test('changes of other trees layers are not used', async () => {
  const { cut, write } = makeBench();
  await tick();
  await cut();
  write('a', '22');
  await tick();
  await cut();
  expect(await cut(true)).toEqual({ trees: 'rebuild requested', changes: [] });
  expect(await cut()).toEqual({ trees: 'reused', changes: [] });
  write('b', '22');
  await tick();
  expect(await cut()).toEqual({
    trees: 'reused',
    changes: ['b'],
    changesLayer: 'the trees layer was rebuilt',
  });
});

test('checks a file again that changed just now', async () => {
  const { cut, write } = makeBench();
  await tick();
  await cut();
  write('a', '22');
  expect(await cut()).toMatchObject({ changes: ['a'] });
  await tick();
  const again = { trees: 'reused', changes: ['a'], changesLayer: 'files changed' };
  expect(await cut()).toEqual(again);
  expect(await cut()).toEqual({ trees: 'reused', changes: 'as before' });
});
