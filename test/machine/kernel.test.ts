import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { addCut } from '../support/cuts.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace } from '../support/workspace.ts';

test('in a kernel tree, cut and boot use its kernel; elsewhere, boot refuses the image', async () => {
  const home = createWorkspace();
  const name = addCut(home, 'plain', { binaries: ['cat'] });
  const tree = join(home.directory, 'linux');
  const { release } = makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  const first = `kernel: Linux ${release}, ${tree} (the current directory)\n`;

  const cut = await home.rapido(['cut', name], { cwd: tree });
  expect(cut.status, cut.stderr).toBe(0);
  expect(cut.stderr.startsWith(first), cut.stderr).toBe(true);
  const conf = await home.rapido(['conf', 'KERNEL_SRC'], { cwd: tree });
  expect(conf.stdout).toBe(`KERNEL_SRC = ${tree}  (the current directory)\n`);

  const boot = await home.rapido(
    [
      ...['boot', '--dry-run', '--append', 'quiet a=1', '--append', 'b=2'],
      ...['--qemu-arg', '-device', '--qemu-arg', 'edu,id=my edu', '--', '-s'],
    ],
    {
      cwd: tree,
      env: { QEMU_EXTRA_KERNEL_PARAMS: 'loglevel=7', QEMU_EXTRA_ARGS: '-device virtio-rng-pci' },
    },
  );
  expect(boot.status, boot.stderr).toBe(0);
  expect(boot.stderr.startsWith(first), boot.stderr).toBe(true);
  expect(boot.stdout).toContain(" loglevel=7 quiet a=1 b=2'");
  expect(boot.stdout).toContain(" -device virtio-rng-pci -device 'edu,id=my edu' -s");

  const other = join(home.directory, 'other');
  makeKernelTree(other, { drivers: CHANNEL_MODULES, image: home.write('an image', '') });
  writeFileSync(join(other, 'include/config/kernel.release'), '6.99.0\n');
  home.write('other/mods/lib/modules/6.99.0/modules.dep', '');
  const refused = await home.rapido(['boot'], { env: { KERNEL_SRC: other } });
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain(
    `the kernel to boot is 6.99.0 (KERNEL_SRC in the environment)\n  hint: rapido cut plain, or with that kernel: rapido boot --kernel '${tree}'\n`,
  );
});

test('options for a VM require -b', async () => {
  const home = createWorkspace();
  for (const [option, value] of [
    ['--append', 'quiet'],
    ['--qemu-arg', '-s'],
  ]) {
    const { status, stderr } = await home.rapido([
      'cut',
      'simple-example',
      `${option}`,
      `${value}`,
    ]);
    expect(status).toBe(2);
    expect(stderr).toContain(`rapido cut: ${option} requires -b, because it applies to a VM`);
  }
});

test('the image of a kernel tree is that of the tree, also by its path', async () => {
  const home = createWorkspace();
  const name = addCut(home, 'plain', { binaries: ['cat'] });
  const tree = join(home.directory, 'linux');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  const image = join(tree, architectureOf(process.arch).kernelImage);
  const { status, stdout } = await home.rapido(['cut', name, '--dry-run', '--kernel', image]);
  expect(status).toBe(0);
  expect(stdout).toContain(`# kernel: Linux ${hostKernel()?.release}, ${image} (--kernel)`);
});
