import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/host/kernel.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

describe('the kernel of a run', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const tree = join(home.directory, 'linux');
  let kernel: Kernel;

  beforeAll(() => {
    kernel = makeKernelTree(tree, { drivers: [...CHANNEL_MODULES, 'zram'] });
  });

  it('is that of the tree in the current directory, without any conf', async () => {
    const ran = await run(['simple-example', '--driver', 'zram', '--', 'uname', '-r'], {
      cwd: tree,
    });
    expect(ran).toMatchObject({ status: 0, stdout: `${kernel.release}\n` });
    expect(ran.stderr).toContain(
      `kernel: Linux ${kernel.release}, ${tree} (the current directory)\n`,
    );
    expect(ran.result?.kernel?.image).toBe(kernel.image);
  });

  it('is that of --kernel, with more parameters and arguments of QEMU', async () => {
    const image = join(home.directory, 'unpacked/boot', `vmlinuz-${kernel.release}`);
    mkdirSync(join(home.directory, 'unpacked/boot'), { recursive: true });
    copyFileSync(kernel.image, image);
    // A package that is unpacked with `dpkg -x` or rpm2cpio has its modules beside boot/.
    const modules = join(home.directory, 'unpacked/usr/lib/modules');
    mkdirSync(modules, { recursive: true });
    cpSync(join(tree, 'mods/lib/modules'), modules, { recursive: true });
    const text = 'grep -o my.word=1 /proc/cmdline; cat /sys/class/dmi/id/product_name';
    const ran = await run(
      // biome-ignore format: an option and its value in one line
      [
        'simple-example', '--kernel', join(home.directory, 'unpacked'), '--append', 'my.word=1',
        '--qemu-arg=-smbios', '--qemu-arg', 'type=1,product=mine', '-x', text,
      ],
    );
    expect(ran).toMatchObject({ status: 0, stdout: 'my.word=1\nmine\n' });
    expect(ran.result?.kernel?.image).toBe(image);
  });
});
