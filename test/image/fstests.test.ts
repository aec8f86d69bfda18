import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace } from '../support/workspace.ts';
import { makeXfstestsTree } from '../support/xfstests-tree.ts';

/** What `rapido cut --dry-run` says of a cut, with a made-up tree. */
async function planCut(name: string, env: Record<string, string> = {}) {
  const home = createWorkspace();
  const tree = makeXfstestsTree(join(home.directory, 'tree'), [
    { name: 'generic/001', script: 'true' },
  ]);
  const { status, stdout, stderr } = await home.rapido(['cut', name, '--dry-run'], {
    env: { FSTESTS_SRC: tree, ...env },
  });
  const modules = /^# modules layer, from [^:]+: (.*)$/m.exec(stdout)?.[1]?.split(' ') ?? [];
  return { status, stdout, stderr, modules, tree };
}

test('fstests-local adds XFS, its programs and its module, with only FSTESTS_SRC set', async () => {
  const { status, stdout, modules, tree } = await planCut('fstests-local');
  expect(status).toBe(0);
  expect(modules).toEqual(expect.arrayContaining(['zram', 'xfs']));
  expect(stdout).toMatch(/\/mkfs\.xfs\b/);
  expect(stdout).toContain(`# trees layer: ${tree}\n`);
});

test('fstests-local adds what FSTESTS_FSTYP names', async () => {
  const { status, stdout, modules } = await planCut('fstests-local', { FSTESTS_FSTYP: 'ext4' });
  expect(status).toBe(0);
  expect(modules).toContain('ext4');
  expect(modules).not.toContain('xfs');
  expect(stdout).toMatch(/\/mkfs\.ext4\b/);
});

test('has zram devices of the size FSTESTS_ZRAM_SIZE, on Btrfs a pool of them', async () => {
  const devicesOf = async (name: string, env: Record<string, string> = {}) => {
    const { stdout } = await planCut(name, env);
    return [...stdout.matchAll(/^# zram device (.*)$/gm)].map(([, device]) => device);
  };
  expect(await devicesOf('fstests-local')).toEqual(['TEST_DEV: 1G', 'SCRATCH_DEV: 1G']);
  const btrfs = ['TEST_DEV', 'SCRATCH_DEV', ...[2, 3, 4, 5].map((n) => `SCRATCH_DEV_POOL${n}`)];
  const large = { FSTESTS_ZRAM_SIZE: '3G' };
  const all = btrfs.map((name) => `${name}: 3G`);
  expect(await devicesOf('fstests-btrfs', large)).toEqual(all);
  expect(await devicesOf('fstests-local', { ...large, FSTESTS_FSTYP: 'btrfs' })).toEqual(all);
  expect(await devicesOf('fstests-ext4', { FSTESTS_ZRAM_SIZE: '0' })).toEqual([]);
  expect(await devicesOf('fstests-tmpfs')).toEqual([]);
});

test('fstests-ovl-xfs adds overlayfs and the filesystem below it', async () => {
  const { modules } = await planCut('fstests-ovl-xfs');
  expect(modules).toEqual(expect.arrayContaining(['overlay', 'xfs']));
});

describe('is rejected before anything is built', () => {
  test('without FSTESTS_SRC, with the meaning of the key', async () => {
    const { status, stderr } = await planCut('fstests-xfs', { FSTESTS_SRC: '' });
    expect(status).toBe(1);
    expect(stderr).toContain('FSTESTS_SRC is not set in rapido.conf: A built tree of ');
    // The cut names the key in three of its fields.
    expect(stderr.match(/^ {2}- /gm)).toHaveLength(1);
    expect(stderr).toMatch(/hint: add to .+rapido\.conf, for example: FSTESTS_SRC="[^"…]+"$/m);
  });

  test.each([
    ['no tree', '', 'FSTESTS_SRC is not set'],
    ['a directory that is not a built tree', '/etc', '/etc does not contain check, ltp/fsstress ('],
  ])('with %s, and stops a bisection', async (_, FSTESTS_SRC, problem) => {
    const home = createWorkspace();
    const words = ['run', 'fstests-xfs', '--bisect', '--', 'generic/001'];
    const { status, stderr } = await home.rapido(words, { env: { FSTESTS_SRC } });
    expect(stderr).toContain(problem);
    expect(status).toBe(128);
  });

  test('for a filesystem that fstests-local does not support', async () => {
    const { status, stderr } = await planCut('fstests-local', { FSTESTS_FSTYP: 'zfs' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('FSTESTS_FSTYP: "zfs"');
  });
});

test("contains the kernel's configuration where tests search for it", async () => {
  const home = createWorkspace();
  const tree = makeXfstestsTree(join(home.directory, 'tree'), []);
  const linux = join(home.directory, 'linux');
  const kernel = makeKernelTree(linux, { drivers: [...CHANNEL_MODULES, 'zram', 'xfs'] });
  const { status, stdout } = await home.rapido(['cut', 'fstests-xfs', '--dry-run'], {
    env: { FSTESTS_SRC: tree, KERNEL_SRC: linux },
  });
  expect(status).toBe(0);
  const [, target] = /^# trees layer: .*\/linux\/\.config to (.*)$/m.exec(stdout) ?? [];
  expect(target).toBe(`/boot/config-${kernel.release}`);
});
