import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { maskDracutConf } from '../../src/image/dracut-conf.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

test("an empty file masks each configuration file beside dracut's script", () => {
  const directory = makeTemporaryDirectory();
  const masks = join(directory, 'masks');
  mkdirSync(masks);
  mkdirSync(join(directory, 'dracut.conf.d'));
  for (const name of ['10-debian.conf', 'README']) {
    writeFileSync(join(directory, 'dracut.conf.d', name), 'hostonly=yes\n');
  }
  writeFileSync(join(directory, 'dracut.sh'), '');
  maskDracutConf({ dracut: join(directory, 'dracut.sh'), local: true }, masks);
  expect(readdirSync(masks)).toContain('10-debian.conf');
  expect(readdirSync(masks)).not.toContain('README');
  expect(readFileSync(join(masks, '10-debian.conf'), 'utf8')).toBe('');
});

const isRoot = process.getuid?.() === 0;
test.skipIf(!isRoot)('so it does for the running system (only root can make such a file)', () => {
  const name = `zz-rapido-test-${process.pid}.conf`;
  const path = join('/run/initramfs/dracut.conf.d', name);
  const made = mkdirSync('/run/initramfs/dracut.conf.d', { recursive: true });
  onTestFinished(() => rmSync(made ?? path, { recursive: true }));
  writeFileSync(path, 'hostonly=yes\n');
  const directory = makeTemporaryDirectory();
  maskDracutConf({ dracut: '/usr/bin/dracut', local: false }, directory);
  expect(readFileSync(join(directory, name), 'utf8')).toBe('');
});
