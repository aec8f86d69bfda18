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
    const first = await obtainLayer(directory, recipe('one'));
    expect(first.madeBecause).toBe('not built before');
    expect(read(first)).toBe('one');
    const second = await obtainLayer(directory, recipe('two'));
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
    read(await obtainLayer(directory, stale));
    const remade = await obtainLayer(directory, recipe('two'));
    expect(remade.madeBecause).toBe('it is old');
    expect(read(remade)).toBe('two');
    const other = await obtainLayer(directory, recipe('three', 'others'));
    expect(other.madeBecause).toBe('not built before');
    closeSync(other.fd);
    const asked = await obtainLayer(directory, recipe('four'), { rebuild: true });
    expect(asked.madeBecause).toBe('rebuild requested');
    closeSync(asked.fd);
  });

  it('keeps the old layer and leaves no temporary files if making fails', async () => {
    const directory = makeTemporaryDirectory();
    read(await obtainLayer(directory, recipe('one')));
    const failing: LayerRecipe<object> = {
      ...recipe(''),
      make: (path) => {
        writeFileSync(path, 'half');
        throw new Error('disk on fire');
      },
    };
    await expect(obtainLayer(directory, failing, { rebuild: true })).rejects.toThrow(
      'disk on fire',
    );
    expect(readdirSync(directory)).toHaveLength(1);
    expect(read(await obtainLayer(directory, recipe('two')))).toBe('one');
  });

  it.each([
    ['empty', ''],
    ['cut short', 'x'.repeat(20)],
    ['a footer that is too large', '9'.repeat(16)],
    ['no JSON before the footer', `not json${'8'.padStart(16)}`],
    ['a record of another version', `{"version":9}${'13'.padStart(16)}`],
  ])('rebuilds a layer whose file is damaged: %s', async (_, damage) => {
    const directory = makeTemporaryDirectory();
    closeSync((await obtainLayer(directory, recipe('one'))).fd);
    const [file = ''] = readdirSync(directory);
    writeFileSync(join(directory, file), damage);
    const again = await obtainLayer(directory, recipe('two'));
    expect(again.madeBecause).toBe('not built before');
    expect(read(again)).toBe('two');
  });

  it('is made once for all who need it at the same time, and those who wait say so', async () => {
    const directory = makeTemporaryDirectory();
    let made = 0;
    const waited: string[] = [];
    const slow: LayerRecipe<object> = {
      ...recipe(''),
      make: async (path) => {
        made++;
        await new Promise((next) => setTimeout(next, 1500));
        writeFileSync(path, 'slow');
        return { record: {}, unpacked: 4096 };
      },
    };
    const onWait = (kind: string): void => void waited.push(kind);
    const layers = await Promise.all([1, 2, 3].map(() => obtainLayer(directory, slow, { onWait })));
    expect(made).toBe(1);
    expect(layers.map(read)).toEqual(['slow', 'slow', 'slow']);
    expect(layers.filter(({ madeBecause }) => madeBecause !== undefined)).toHaveLength(1);
    expect(waited).toEqual(['trees', 'trees']);
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it('is made by another if the first fails', async () => {
    const directory = makeTemporaryDirectory();
    let made = 0;
    const failing: LayerRecipe<object> = {
      ...recipe('one'),
      make: async (path) => {
        await new Promise((next) => setTimeout(next, 200));
        if (++made === 1) throw new Error('killed');
        return recipe('one').make(path);
      },
    };
    const both = await Promise.allSettled([1, 2].map(() => obtainLayer(directory, failing)));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    for (const each of both) if (each.status === 'fulfilled') closeSync(each.value.fd);
  });

  it('lets a reader keep the layer that it opened, although another process replaces it', async () => {
    const directory = makeTemporaryDirectory();
    const opened = await obtainLayer(directory, recipe('one'));
    closeSync((await obtainLayer(directory, recipe('two'), { rebuild: true })).fd);
    expect(read(opened)).toBe('one');
  });
});

it('prunes layers that were not used for two weeks', async () => {
  const directory = makeTemporaryDirectory();
  closeSync((await obtainLayer(directory, recipe('old', 'old'))).fd);
  const [old = ''] = readdirSync(directory);
  closeSync((await obtainLayer(directory, recipe('new', 'new'))).fd);
  const now = Date.now();
  utimesSync(join(directory, old), now / 1000, now / 1000 - 15 * 86400);
  pruneLayers(directory, now);
  expect(existsSync(join(directory, old))).toBe(false);
  expect(readdirSync(directory)).toHaveLength(1);
});
