import { describe, expect, it } from 'vitest';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';

describe.runIf(canMakeNetworks)('two VMs on the bridge', () => {
  const pair = createNetworkPair();

  it('simple-network shows its addresses, and reaches another by name', async () => {
    const ran = await pair.run([
      ...['--with', 'simple-network', 'simple-network', '--timeout', '2m'],
      ...['--', 'ping', '-c', '1', '-W', '5', 'rapido-server'],
    ]);
    expect(ran).toMatchObject({ status: 0 });
    expect(ran.stdout).toContain('1 received');
    const console = ran.file('console-vm1-simple-network.log').toString().replaceAll('\r', '');
    expect(console).toContain(
      '\neth0 192.168.155.11/24\nnames:\n  192.168.155.11 rapido1 rapido-server\n',
    );
    expect(console).toContain('\n  192.168.155.12 rapido2\n');
  });
});
