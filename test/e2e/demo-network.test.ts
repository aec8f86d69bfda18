import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { breakModule } from '../support/broken-module.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { readModuleFile } from '../support/module-file.ts';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';

const canServe = ['smbd', 'mount.cifs'].every(
  (name) => findProgram(name, programSearchPath(process.env.PATH)) !== undefined,
);

/** Where the module with the bug is. */
const MODULE = 'kernel/drivers/net/dummy.ko';
const canBreak = process.arch === 'x64';

/** What the client loads; `dummy` is the module with the bug. */
const DRIVERS = [
  ...CHANNEL_MODULES,
  '9p',
  '9pnet_virtio',
  'virtio_rng',
  'virtio_net',
  'af_packet',
  'ipv6',
  'cifs',
  'ccm',
  'gcm',
  'ctr',
  'ghash-generic',
  'cmac',
  'dummy',
];

/** A day's work with two VMs. The test itself is on the share, where the server's side can see it. */
describe.runIf(canMakeNetworks && canServe && canBreak)('a kernel bug', () => {
  const pair = createNetworkPair();

  it('panics a client at its prompt in a share; its trace is kept, and the fix passes the test', async () => {
    const tree = join(pair.home.directory, 'linux');
    const { modules, release } = makeKernelTree(tree, { drivers: DRIVERS });
    const env = { CIFS_PW: 'between us', SHARE_SIZE: '512M' };
    const ofTree = { ...env, KERNEL_SRC: tree };

    const server = await pair.serve(['samba-xfs'], { env });
    await server.exec(`echo 'echo started > log; sync; modprobe dummy && echo passed >> log' |
      tee /srv/scratch/test.sh`);

    writeFileSync(join(modules ?? '', MODULE), breakModule('reads through a null pointer'));
    const cut = await pair.rapido(['cut', 'cifs', '--driver', 'dummy'], { env: ofTree });
    expect(cut, cut.stderr).toMatchObject({ status: 0 });
    const terminal = pair.terminal(['boot'], {
      ...ofTree,
      QEMU_EXTRA_KERNEL_PARAMS: 'oops=panic',
    });
    await terminal.waitFor(/rapido2:\/mnt\/cifs# $/);
    terminal.type('ls; bash test.sh\r');
    await terminal.waitFor(/^test\.sh\r?$/m);
    await terminal.waitFor(/Kernel panic - not syncing: Fatal exception/);
    expect(await terminal.ended).toBe(1);
    const console = join(pair.home.directory, '.local/state/rapido/vm2/console.log');
    expect(readFileSync(console, 'utf8')).toMatch(
      /BUG: kernel NULL pointer dereference[\s\S]*\[dummy[\s\S]*Call Trace:/,
    );
    expect(await server.exec('cat /srv/scratch/log')).toBe('started\n');

    writeFileSync(
      join(modules ?? '', MODULE),
      readModuleFile(join(hostKernel()?.modules ?? '', MODULE)),
    );
    const fixed = await pair.run(
      ['cifs', '--driver', 'dummy', '--timeout', '2m', '--', 'bash', 'test.sh'],
      { env: ofTree },
    );
    expect(fixed.result, fixed.stderr).toMatchObject({ verdict: 'pass', kernel: { release } });
    expect(await server.exec('cat /srv/scratch/log')).toBe('started\npassed\n');
  });
});
