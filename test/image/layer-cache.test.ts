import { closeSync, existsSync, readdirSync, readSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Layer,
  type LayerRecipe,
  obtainLayer,
  pruneLayers,
} from '../../src/image/layer-cache.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

/** A layer whose record says whether it is stale. */
const recipe = (content: string, ingredients = 'some'): LayerRecipe<{ stale?: string }> => ({
  kind: 'trees',
  ingredients,
  findChange: ({ record }) => record.stale,
  make: (path) => {
    writeFileSync(path, content);
    return { record: {}, unpacked: 4096 };
  },
});

const read = (layer: Layer): string => {
  const buffer = Buffer.alloc(layer.bytes);
  readSync(layer.fd, buffer, 0, layer.bytes, 0);
  closeSync(layer.fd);
  return buffer.toString();
};

describe('obtainLayer', () => {
  it('makes a layer once and reuses it while it is valid', async () => {
    const directory = makeTemporaryDirectory();
    const first = await obtainLayer(directory, recipe('one'), false);
    expect(first.madeBecause).toBe('not built before');
    expect(read(first)).toBe('one');
    const second = await obtainLayer(directory, recipe('two'), false);
    expect(second.madeBecause).toBeUndefined();
    expect(second.id).toBe(first.id);
    expect([first.unpacked, second.unpacked]).toEqual([4096, 4096]);
    expect(read(second)).toBe('one');
  });

  it('rebuilds it for other ingredients, if it is stale, and on request', async () => {
    const directory = makeTemporaryDirectory();
    const stale = {
      ...recipe('one'),
      make: (path: string) => {
        writeFileSync(path, '1');
        return { record: { stale: 'it is old' }, unpacked: 4096 };
      },
    };
    read(await obtainLayer(directory, stale, false));
    const remade = await obtainLayer(directory, recipe('two'), false);
    expect(remade.madeBecause).toBe('it is old');
    expect(read(remade)).toBe('two');
    const other = await obtainLayer(directory, recipe('three', 'others'), false);
    expect(other.madeBecause).toBe('not built before');
    closeSync(other.fd);
    const asked = await obtainLayer(directory, recipe('four'), true);
    expect(asked.madeBecause).toBe('rebuild requested');
    closeSync(asked.fd);
  });

  it('keeps the old layer and leaves no temporary files if making fails', async () => {
    const directory = makeTemporaryDirectory();
    read(await obtainLayer(directory, recipe('one'), false));
    const failing: LayerRecipe<object> = {
      ...recipe(''),
      make: (path) => {
        writeFileSync(path, 'half');
        throw new Error('disk on fire');
      },
    };
    await expect(obtainLayer(directory, failing, true)).rejects.toThrow('disk on fire');
    expect(readdirSync(directory)).toHaveLength(1);
    expect(read(await obtainLayer(directory, recipe('two'), false))).toBe('one');
  });

  it.each([
    ['empty', ''],
    ['cut short', 'x'.repeat(20)],
    ['a footer that is too large', '9'.repeat(16)],
    ['no JSON before the footer', `not json${'8'.padStart(16)}`],
    ['a record of another version', `{"version":9}${'13'.padStart(16)}`],
  ])('rebuilds a layer whose file is damaged: %s', async (_, damage) => {
    const directory = makeTemporaryDirectory();
    closeSync((await obtainLayer(directory, recipe('one'), false)).fd);
    const [file = ''] = readdirSync(directory);
    writeFileSync(join(directory, file), damage);
    const again = await obtainLayer(directory, recipe('two'), false);
    expect(again.madeBecause).toBe('not built before');
    expect(read(again)).toBe('two');
  });

  it('lets a reader keep the layer that it opened, although another process replaces it', async () => {
    const directory = makeTemporaryDirectory();
    const opened = await obtainLayer(directory, recipe('one'), false);
    closeSync((await obtainLayer(directory, recipe('two'), true)).fd);
    expect(read(opened)).toBe('one');
  });
});

it('prunes layers that were not used for two weeks', async () => {
  const directory = makeTemporaryDirectory();
  closeSync((await obtainLayer(directory, recipe('old', 'old'), false)).fd);
  const [old = ''] = readdirSync(directory);
  closeSync((await obtainLayer(directory, recipe('new', 'new'), false)).fd);
  const now = Date.now();
  utimesSync(join(directory, old), now / 1000, now / 1000 - 15 * 86400);
  pruneLayers(directory, now);
  expect(existsSync(join(directory, old))).toBe(false);
  expect(readdirSync(directory)).toHaveLength(1);
});
