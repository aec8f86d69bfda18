import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { createWorkspace } from '../support/workspace.ts';

/** scripts/setup --dev installs it. */
const hasNetworkd = spawnSync('networkctl', ['--version']).status === 0;

describe('the image of a cut with a network, and VM_NET_CONF', () => {
  const home = createWorkspace(afterAll);
  const env = { RAPIDO_CONF: home.write('rapido.conf', 'VM_NET_CONF = net-conf\n') };
  const dryRun = async (...args: string[]): Promise<string> => {
    const { stdout } = await home.rapido(['cut', ...args, '--dry-run'], { env });
    return stdout;
  };

  it('is rejected if the files are missing or invalid', async () => {
    const cut = () => home.rapido(['cut', 'simple-network'], { env });
    const missing = await cut();
    expect(missing.status).toBe(1);
    expect(missing.stderr.replaceAll(home.directory, '~')).toContain(
      'VM_NET_CONF: ~/net-conf does not exist\n',
    );
    home.write('net-conf/vm1/lan.network', '[Match]\nMACAddress=1\n');
    expect((await cut()).stderr).toContain(
      '/vm1/lan.network:2: MACAddress=1 is not a valid MAC address',
    );
  });

  it.runIf(hasNetworkd)(
    'has systemd, networkd, and drivers for the devices of its files',
    async () => {
      home.write('net-conf/vm1/lan.network', '[Match]\nMACAddress=b8:ac:24:45:c5:01\n');
      home.write('net-conf/vm1/bond.netdev', '[NetDev]\nName=bond0\nKind=bond\n');
      const plan = await dryRun('simple-network');
      expect(plan).toMatch(/--modules 'bash systemd systemd-journald systemd-udevd /);
      expect(plan).toMatch(/\/systemd-networkd .*\/systemd-networkd-wait-online/);
      expect(plan).toMatch(/^# modules layer.* bonding/m);
    },
  );

  it('has none of that if no VM is on the bridge, or the cut has no network', async () => {
    for (const args of [['simple-network', '--net', 'user'], ['simple-example']]) {
      expect(await dryRun(...args)).toMatch(/--modules bash /);
    }
  });
});
