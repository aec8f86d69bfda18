import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace } from '../support/workspace.ts';

describe.skipIf(hostKernel() === undefined)('disks of a VM', () => {
  const home = createWorkspace(afterAll);
  const scratch = join(home.directory, '.cache/rapido/scratch');
  const inHome = (text: string): string => text.replaceAll(home.directory, 'HOME');
  const boot = (...args: string[]) => home.rapido(['boot', '--dry-run', ...args]);

  beforeAll(async () => {
    makeKernelTree(join(home.directory, 'linux'), { drivers: [...CHANNEL_MODULES, 'virtio_blk'] });
    home.write(
      'rapido.conf',
      'KERNEL_SRC = linux\n\n[vm1]\nDISKS = deep/a.img,serial=A, size:1G,serial=B\n',
    );
    home.write('deep/a.img', 'not empty');
    const { status, stderr } = await home.rapido(['cut', addCut(home, 'tiny', {})]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
  });

  test('--dry-run shows those of the conf and of the command line, and creates none', async () => {
    const { status, stdout, stderr } = await boot('--disk', 'size:2G,serial=B');
    expect(status).toBe(0);
    expect(inHome(stderr)).toMatchInlineSnapshot(`
      "kernel: Linux 6.1.0-56-amd64, HOME/linux (KERNEL_SRC)
      # disk: HOME/deep/a.img (raw, virtio, serial A)
      # disk: a scratch disk of 2G (virtio, serial B)
      # rapido holds the other ends of fd 3 (QMP) and fd 4 (guest events)
      "
    `);
    expect(stdout).toContain('rapido.disks=virtio/A,virtio/B');
    expect(existsSync(scratch)).toBe(false);
  });

  test('rejects one for which the kernel has no driver, with an alternative', async () => {
    const { status, stderr } = await boot('--disk', 'size:1G,bus=nvme,serial=N');
    expect(status).toBe(1);
    expect(
      stderr.replace(/^kernel: .*\n/, '').replace(/kernel \S+/, 'kernel RELEASE'),
    ).toMatchInlineSnapshot(`
      "rapido: error: kernel RELEASE has no driver for disk N (CONFIG_BLK_DEV_NVME)
        hint: use bus=virtio, for which this kernel has a driver
      "
    `);
  });

  test('a mistake in the conf names the line', async () => {
    const conf = home.write('wrong.conf', 'KERNEL_SRC = linux\n[vm1]\nDISKS = b.img,serail=A\n');
    const { status, stderr } = await boot('--conf', conf);
    expect(status).toBe(2);
    expect(inHome(stderr)).toContain(
      'wrong.conf:3: DISKS in [vm1]: b.img,serail=A: unknown option serail (did you mean serial?)',
    );
  });

  test('a run rejects them before it builds or cuts anything', async () => {
    const mark = join(home.directory, 'built');
    const { status, stderr } = await home.rapido([
      'run',
      'tiny',
      '--build',
      `touch '${mark}'`,
      '--disk',
      'b.img',
      '--',
      'true',
    ]);
    expect(status).toBe(125);
    expect(stderr).toContain('b.img does not exist');
    expect(existsSync(mark)).toBe(false);
  });

  test('reports all missing files at once', async () => {
    const { status, stderr } = await boot('--disk', 'b.img', '--disk', '/dev/null');
    expect(status).toBe(2);
    expect(inHome(stderr)).toMatchInlineSnapshot(`
      "kernel: Linux 6.1.0-56-amd64, HOME/linux (KERNEL_SRC)
      rapido: error: 2 bad disks or disk options
        - --disk: HOME/b.img does not exist
        - --disk: /dev/null is neither a file nor a block device
      "
    `);
  });
});
