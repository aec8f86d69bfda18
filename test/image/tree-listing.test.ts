import { appendFileSync, chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startListing } from '../../src/image/tree-listing.ts';
import { withoutRoot } from '../support/ordinary-user.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const EXCLUDE = ['.git', '*.o', 'doc/html', 'doc/*.pdf'];

function makeTree(): string {
  const root = makeTemporaryDirectory();
  writeFiles(root, {
    'tests/001': 'one',
    '.git/HEAD': 'x',
    'sub/.git/HEAD': 'x',
    'lib/a.o': 'x',
    'doc/html/index': 'x',
  });
  return root;
}

const listingOf = (source: string): Promise<string | undefined> =>
  startListing([{ source, target: '/tests', exclude: EXCLUDE }]).digest;

describe('a listing of a tree', () => {
  test.each<[string, (root: string) => void]>([
    ['content', (root) => appendFileSync(join(root, 'tests/001'), 'more')],
    ['permissions', (root) => chmodSync(join(root, 'tests/001'), 0o755)],
    ['its own permissions', (root) => chmodSync(root, 0o700)],
    ['a new file', (root) => writeFileSync(join(root, 'new'), '')],
    ['a new empty directory', (root) => mkdirSync(join(root, 'tests/empty'))],
    ['a removed file', (root) => rmSync(join(root, 'tests/001'))],
    [
      'content with the old size and time',
      (root) => {
        writeFileSync(join(root, 'tests/001'), 'two');
        utimesSync(join(root, 'tests/001'), 1000, 1000);
      },
    ],
  ])('differs after a change of %s', async (_, change) => {
    const root = makeTree();
    utimesSync(join(root, 'tests/001'), 1000, 1000);
    const before = await listingOf(root);
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    expect(await listingOf(root)).toBe(before);
    // Times are those of the last tick of the clock.
    await new Promise((resolve) => setTimeout(resolve, 20));
    change(root);
    expect(await listingOf(root)).not.toBe(before);
  });

  test('skips what is excluded', async () => {
    const root = makeTree();
    const before = await listingOf(root);
    for (const path of ['.git/HEAD', 'sub/.git/new', 'lib/a.o', 'doc/html/index']) {
      writeFileSync(join(root, path), 'changed');
    }
    expect(await listingOf(root)).toBe(before);
  });

  test('includes a tree whose own name matches an exclusion', async () => {
    const root = join(makeTree(), 'tree.o');
    writeFiles(root, { a: '1' });
    const before = await listingOf(root);
    writeFileSync(join(root, 'a'), '22');
    expect(await listingOf(root)).not.toBe(before);
  });

  test('is undefined if something cannot be read or does not exist', async () => {
    const root = makeTree();
    expect(await listingOf(join(root, 'nothing'))).toBeUndefined();
    chmodSync(join(root, 'tests'), 0);
    chmodSync(root, 0o755);
    const listed = await withoutRoot(() => listingOf(root));
    expect(listed).toBeUndefined();
  });
});
