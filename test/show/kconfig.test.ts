import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace } from '../support/workspace.ts';

function removeOptions(directory: string, options: readonly string[]): void {
  const path = join(directory, '.config');
  const lines = readFileSync(path, 'utf8').split('\n');
  const kept = lines.filter((line) => !options.some((name) => line.startsWith(`${name}=`)));
  writeFileSync(path, kept.join('\n'));
}

test('kconfig prints what a cut needs, and --check what the kernel lacks of it', async () => {
  const home = createWorkspace();
  const name = addCut(home, 'locks', { kernelOptions: { CONFIG_MY_LOCKS: 'my locks' } });
  const printed = await home.rapido(['kconfig', name]);
  expect(printed).toMatchObject({ status: 0, stderr: '' });
  expect(printed.stdout).toContain('\n# locks\n# MY_LOCKS: my locks\nCONFIG_MY_LOCKS=y\n');

  const tree = join(home.directory, 'linux');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  removeOptions(tree, ['CONFIG_9P_FS', 'CONFIG_NETWORK_FILESYSTEMS']);
  const check = await home.rapido(['kconfig', '--check', name], { cwd: tree });
  expect(check.status).toBe(1);
  expect(check.stdout).toBe(`Results: recommended
  - CONFIG_9P_FS is not set (nor CONFIG_NETWORK_FILESYSTEMS, on which it depends); it provides results of tests on the host, and VIRTFS_SHARE_PATH
locks: required
  - CONFIG_MY_LOCKS is not set; it provides my locks
`);
  const others = await home.rapido(['kconfig', '--check'], { cwd: tree });
  expect(others).toMatchObject({ status: 0 });
});

test('a kernel that lacks options is refused by cut and boot, with all of them', async () => {
  const home = createWorkspace();
  const name = addCut(home, 'plain', { binaries: ['cat'] });
  const tree = join(home.directory, 'linux');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  expect(await home.rapido(['cut', name, '--kernel', tree])).toMatchObject({ status: 0 });

  removeOptions(tree, ['CONFIG_DEVTMPFS', 'CONFIG_BINFMT_SCRIPT']);
  const lacks = `the kernel ${hostKernel()?.release}: `;
  const reasons = [
    'CONFIG_BINFMT_SCRIPT is not set; it provides scripts, such as init',
    'CONFIG_DEVTMPFS is not set; it provides device files in /dev',
  ];
  const hint = `  hint: rapido kconfig ${name} prints the options, for scripts/kconfig/merge_config.sh\n`;
  const cut = await home.rapido(['cut', name], { cwd: tree });
  expect(cut.status).toBe(1);
  expect(cut.stderr).toContain(
    `plain cannot be cut: 2 things are missing\n${reasons.map((text) => `  - ${lacks}${text}\n`).join('')}${hint}`,
  );
  const boot = await home.rapido(['boot', name, '--dry-run'], { cwd: tree });
  expect(boot.status).toBe(1);
  expect(boot.stderr).toContain(`${reasons.map((text) => `  - ${text}\n`).join('')}${hint}`);
});
