import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace } from '../support/workspace.ts';

test('programs are added if the kernel was built with their option', async () => {
  const home = createWorkspace();
  addCut(home, 'scrubber', {
    kernelBinaries: {
      CONFIG_BUILT_IN: ['tac'],
      CONFIG_AS_MODULE: ['shuf', 'a-program-of-nobody'],
      CONFIG_OFF: ['nl'],
      CONFIG_OFF_TOO: ['fold'],
    },
  });
  const tree = join(home.directory, 'linux');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  appendFileSync(
    join(tree, '.config'),
    'CONFIG_BUILT_IN=y\nCONFIG_AS_MODULE=m\n# CONFIG_OFF is not set\nCONFIG_BUILT_IN_OFF_TOO=y\n',
  );
  const { status, stdout } = await home.rapido(['cut', 'scrubber', '--dry-run'], {
    env: { KERNEL_SRC: tree },
  });
  expect(status).toBe(0);
  const taken = ['tac', 'shuf', 'nl', 'fold'].filter((name) => stdout.includes(`/bin/${name}`));
  expect(taken).toEqual(['tac', 'shuf']);
});
