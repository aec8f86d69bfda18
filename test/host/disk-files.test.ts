import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { probeDiskFile } from '../../src/host/disk-files.ts';
import { withoutRoot } from '../support/ordinary-user.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let directory: string;
beforeEach(() => {
  directory = makeTemporaryDirectory();
});

const probe = (path: string, readonly = false) => probeDiskFile(path, { readonly, headBytes: 8 });

function makeFile(name: string, content = 'a disk with some content'): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

test('a file: its first bytes, and one identity under all its names', () => {
  const path = makeFile('disk.img');
  linkSync(path, join(directory, 'hard'));
  symlinkSync(path, join(directory, 'soft'));
  const found = probe(path);
  expect(found).toMatchObject({ isBlockDevice: false, head: Buffer.from('a disk w') });
  expect(probe(join(directory, 'hard'))).toEqual(found);
  expect(probe(join(directory, 'soft'))).toEqual(found);
  expect(probe(makeFile('other.img'))).not.toMatchObject({
    identity: (found as { identity: string }).identity,
  });
  expect(readFileSync(path, 'utf8')).toBe('a disk with some content');
});

test('says why something is no disk', () => {
  expect(probe(join(directory, 'nothing'))).toBe(`${directory}/nothing does not exist`);
  expect(probe(directory)).toBe(`${directory} is a directory, not a disk`);
  expect(probe('/dev/null')).toBe('/dev/null is neither a file nor a block device');
  execFileSync('mkfifo', [join(directory, 'fifo')]);
  expect(probe(join(directory, 'fifo'))).toContain('is neither a file nor a block device');
  expect(probe(makeFile('empty', ''))).toContain('/empty is empty; give it a size');
});

test('a file that this user can only read is a disk with readonly', async () => {
  chmodSync(directory, 0o755);
  const path = makeFile('disk.img');
  chmodSync(path, 0o444);
  await withoutRoot(() => {
    expect(probe(path)).toBe(`cannot write ${path}: permission denied; chmod, or add readonly`);
    expect(probe(path, true)).toMatchObject({ isBlockDevice: false });
  });
  chmodSync(path, 0o000);
  await withoutRoot(() => {
    expect(probe(path, true)).toBe(`cannot read ${path}: permission denied; chmod`);
  });
});

/** Whether this is root, with loop devices. */
const canLoop = process.getuid?.() === 0 && spawnSync('losetup', ['--find']).status === 0;

describe.runIf(canLoop)('a block device', () => {
  let loop: string;
  let file: string;
  beforeEach(() => {
    file = makeFile('loop.img');
    execFileSync('truncate', ['--size', '8M', file]);
    execFileSync('mkfs.ext4', ['-q', file]);
    loop = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
    onTestFinished(() => {
      execFileSync('losetup', ['--detach', loop]);
    });
  });

  test('is accepted if the host does not use it', () => {
    expect(probe(loop)).toMatchObject({
      isBlockDevice: true,
      identity: `7:${loop.replace('/dev/loop', '')}`,
    });
  });

  test('is rejected while it is mounted, with the mount point', () => {
    const mountPoint = join(directory, 'mount point');
    execFileSync('mkdir', [mountPoint]);
    execFileSync('mount', [loop, mountPoint]);
    try {
      const why = `${loop} is mounted on this host at ${mountPoint}: umount ${mountPoint}`;
      expect(probe(loop)).toBe(why);
      expect(probe(loop, true)).toBe(why);
    } finally {
      execFileSync('umount', [mountPoint]);
    }
    expect(probe(loop)).toMatchObject({ isBlockDevice: true });
  });

  test('the file behind a used one is rejected', () => {
    expect(probe(file)).toBe(`${file} is in use on this host as ${loop}: losetup --detach ${loop}`);
  });
});
