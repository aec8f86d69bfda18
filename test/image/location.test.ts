import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { imagePath, pruneRunImages, runImagePath } from '../../src/image/location.ts';
import { readConf } from '../conf/read-conf.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

const conf = (text = '') => readConf(`IMAGE_DIR="/images"\n${text}`);

describe('the path of an image', () => {
  test('of a run: beside others, named after all that is in it', () => {
    const fingerprint = '0123456789abcdef0123456789abcdef';
    expect(runImagePath(conf(), 'fstests-xfs', fingerprint)).toBe(
      '/images/run/fstests-xfs-0123456789abcdef.img',
    );
  });

  test('of a run is not DRACUT_OUT, which is for one image only', () => {
    const one = conf('DRACUT_OUT="/tmp/one.img"\n');
    expect(imagePath(one, 'small')).toBe('/tmp/one.img');
    expect(runImagePath(one, 'small', 'f'.repeat(64))).toBe(
      `/images/run/small-${'f'.repeat(16)}.img`,
    );
  });
});

describe('old images of runs', () => {
  let directory: string;
  beforeEach(() => {
    directory = makeTemporaryDirectory();
  });

  /** Makes an image that was made or used so many minutes ago. */
  function make(name: string, minutesAgo: number): string {
    const path = join(directory, name);
    writeFileSync(path, '');
    const then = new Date(Date.now() - minutesAgo * 60_000);
    utimesSync(path, then, then);
    return path;
  }

  const names = (): string[] => readdirSync(directory).sort();

  test('the six newest stay, whatever their cut', () => {
    for (let age = 2; age <= 9; age++) make(`cut${age % 2}-${age}.img`, age);
    pruneRunImages(make('new.img', 0));
    expect(names()).toEqual([
      'cut0-2.img',
      'cut0-4.img',
      'cut0-6.img',
      'cut1-3.img',
      'cut1-5.img',
      'new.img',
    ]);
  });

  test('one that is used again counts as new', () => {
    for (let age = 2; age <= 9; age++) make(`${age}.img`, age);
    pruneRunImages(join(directory, '9.img'));
    expect(names()).toEqual(['2.img', '3.img', '4.img', '5.img', '6.img', '9.img']);
  });

  test('those that a QEMU may still read stay, whatever their number', () => {
    for (let count = 0; count < 20; count++) make(`${count}.img`, 0.5);
    make('old.img', 2);
    pruneRunImages(make('new.img', 0));
    expect(names()).toHaveLength(21);
    expect(names()).not.toContain('old.img');
  });

  test('files that are not images stay: incomplete ones, notes', () => {
    for (let age = 2; age <= 9; age++) make(`${age}.img`, age);
    for (const name of ['.a.img.1-2-0123abcd.tmp', 'notes.txt', 'image']) make(name, 1000);
    pruneRunImages(join(directory, '2.img'));
    expect(names()).toEqual(
      expect.arrayContaining(['.a.img.1-2-0123abcd.tmp', 'image', 'notes.txt']),
    );
  });

  test('a few images all stay, however old', () => {
    for (let age = 1; age <= 5; age++) make(`${age}.img`, age * 100_000);
    pruneRunImages(make('new.img', 0));
    expect(names()).toHaveLength(6);
  });
});
