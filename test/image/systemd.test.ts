import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemdDracutModules } from '../../src/image/systemd.ts';
import { addCut } from '../support/cuts.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { createWorkspace } from '../support/workspace.ts';

describe('the dracut modules of an image with systemd', () => {
  const modulesOf = (names: readonly string[]): string[] => {
    const library = makeTemporaryDirectory();
    writeFiles(library, Object.fromEntries(names.map((name) => [`modules.d/${name}/`, ''])));
    return systemdDracutModules(library);
  };

  it('are all that provide the base of a system, whatever their numbers', () => {
    const of112 = ['10bash', '10systemd', '11systemd-initrd', '11systemd-journald'];
    expect(modulesOf([...of112, '11systemd-sysctl', '11systemd-udevd'])).toEqual([
      'systemd',
      'systemd-journald',
      'systemd-udevd',
      'systemd-sysctl',
    ]);
  });

  it('is the one that an old dracut has', () => {
    expect(modulesOf(['00bash', '00systemd', '98dracut-systemd'])).toEqual(['systemd']);
  });
});

it('a dracut that omits the journal is an error', async () => {
  const home = createWorkspace();
  makeKernelTree(join(home.directory, 'linux'), { drivers: CHANNEL_MODULES });
  home.write('rapido.conf', `KERNEL_SRC="${home.directory}/linux"\n`);
  // Like a dracut whose module `systemd` adds only PID 1.
  home.write(
    'bin/dracut',
    `#!/bin/bash\nfor word; do [[ $word == 'bash systemd'* ]] && word=bash; words+=("$word"); done\n` +
      'exec /usr/bin/dracut "${words[@]}"\n',
    0o755,
  );
  const cut = addCut(home, 'with-systemd', { init: 'systemd' });
  const result = await home.rapido(['cut', cut], {
    env: { PATH: `${home.directory}/bin:${home.env.PATH}` },
  });
  expect(result.status).toBe(1);
  expect(result.stderr).toContain('dracut did not install all requested files');
  expect(result.stderr).toMatch(
    /^ {2}- \/(usr\/)?lib\/systemd\/system\/systemd-journald\.service$/m,
  );
});
