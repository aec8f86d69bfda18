import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { canMakeNetworks, makeNetworkNamespace } from '../support/network-namespace.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/** Of a package that scripts/setup --dev brings, which has systemd-networkd, too. */
const hasNetworkd = spawnSync('networkctl', ['--version']).status === 0;

describe.runIf(canMakeNetworks && hasNetworkd)('a VM with network files', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  it('is set up by systemd-networkd, with the MAC and the addresses of the files', async () => {
    addCut(home, 'pinger', { network: true, binaries: ['ping', 'ip', 'cat', 'grep', 'systemctl'] });
    home.write(
      'net-conf/vm1/lan.network',
      '[Match]\nMACAddress=b8:ac:24:45:c5:01\n[Network]\nAddress=192.168.155.77/24\nDNS=192.168.155.1\nLinkLocalAddressing=no\n',
    );
    // As the original tool has them: called after its tap, and without [Match].
    home.write(
      'net-conf/vm1/second-tap.network',
      '[Network]\nAddress=10.0.9.1/24\nLinkLocalAddressing=no\n',
    );
    const env = { RAPIDO_CONF: home.write('rapido.conf', 'VM_NET_CONF=net-conf\nTAP_USER=root\n') };
    const { prefix } = makeNetworkNamespace();
    const setUp = await home.rapido(['setup-network'], { prefix, env });
    expect(setUp.stderr).toContain('created rapido-tap1 for root\ncreated second-tap for root\n');
    const text = `
      cat /proc/1/comm
      systemctl is-active systemd-networkd
      for card in eth0 eth1; do
        echo $(ip -brief link show dev $card | grep -o ' ..:..:..:..:..:..')
        echo $(ip -brief address show dev $card scope global | grep -o ' [0-9].*')
      done
      grep -v localhost /etc/hosts
      cat /etc/resolv.conf
      ping -c 1 -W 5 rapido-host >&2`;
    const ran = await run(['pinger', '-q', '--timeout', '2m', '-x', text], { prefix, env });
    expect(ran).toMatchObject({ status: 0, result: { verdict: 'pass' } });
    const [init, state, mac, address, secondMac, secondAddress, ...names] = ran.stdout.split('\n');
    expect([init, state]).toEqual(['systemd', 'active']);
    expect([mac, address]).toEqual(['b8:ac:24:45:c5:01', '192.168.155.77/24']);
    // Made by rapido, locally administered.
    expect(secondMac).toMatch(/^72:/);
    expect(secondAddress).toBe('10.0.9.1/24');
    expect(names.join('\n')).toBe(
      '192.168.155.77 rapido1 rapido-server\n10.0.9.1 rapido1 rapido-server\n' +
        '192.168.155.1 rapido-host\nnameserver 192.168.155.1\n',
    );
    expect(ran.stderr).toContain('1 received');

    // An image with other files than those that the card is made by does not boot.
    await home.rapido(['cut', 'pinger'], { env });
    home.write('net-conf/vm1/lan.network', '[Match]\nMACAddress=b8:ac:24:45:c5:02\n');
    const booted = await home.rapido(['boot', 'pinger'], { prefix, env });
    expect(booted.status).toBe(1);
    expect(booted.stderr).toContain(
      'the network files for VM 1 (VM_NET_CONF) have changed since this pinger image was cut',
    );
    expect(booted.stderr).toContain('hint: rapido cut pinger');
  });
});
