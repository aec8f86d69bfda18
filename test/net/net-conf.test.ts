import { describe, expect, test } from 'vitest';
import type { Conf } from '../../src/conf/conf.ts';
import { planGuestNetworks } from '../../src/net/guest-network.ts';
import { digestNetConf, type NetConf, withNetConf } from '../../src/net/net-conf.ts';
import { readNetConf } from '../../src/net/read-net-conf.ts';
import { networkParameters, planVmNetwork, type VmNetwork } from '../../src/net/vm-network.ts';
import { problemsOf, readConf } from '../conf/read-conf.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const LAN = '[Match]\nMACAddress=b8:ac:24:45:c5:01\n[Network]\nAddress=192.168.155.50/24\n';

/** A conf whose VM_NET_CONF has these files; its path is shown as NET. */
function given(
  files: Readonly<Record<string, string>>,
  sections = '',
): { conf: Conf; net: string } {
  const net = makeTemporaryDirectory();
  writeFiles(net, files);
  return { conf: readConf(`VM_NET_CONF = "${net}"\n${sections}`), net };
}

function read(
  files: Readonly<Record<string, string>>,
  sections = '',
): { conf: Conf; netConf: NetConf } {
  const { conf } = given(files, sections);
  const netConf = readNetConf(conf);
  return { conf: withNetConf(conf, netConf), netConf };
}

function refusalOf(files: Readonly<Record<string, string>>): string {
  const { conf, net } = given(files);
  return problemsOf(() => readNetConf(conf))
    .join('\n')
    .replaceAll(net, 'NET');
}

function plan(number: number, sources: { conf: Conf; netConf: NetConf }): VmNetwork | undefined {
  const request = { kind: 'tap', number, hostId: 'host', servers: [1], vhost: false } as const;
  return planVmNetwork({ ...request, ...sources });
}

describe('a VM with network files', () => {
  test('has its card’s MAC from them, and others know its address; init sets up nothing', () => {
    const sources = read({
      'vm1/lan.network': LAN,
      'vm2/hostname': 'client\n',
      'vm2/rapido-tap2.network': '[Network]\nAddress=192.168.155.60/24\nDNS=10.0.0.53\n',
    });
    const [first, second] = [plan(1, sources), plan(2, sources)];
    expect(first?.nics).toMatchObject([
      {
        mac: 'b8:ac:24:45:c5:01',
        backend: { tap: 'rapido-tap1' },
        addresses: [],
        networkFile: 'lan.network',
      },
    ]);
    expect(first?.hosts).toEqual(second?.hosts);
    expect(second === undefined ? [] : networkParameters(second)).toMatchInlineSnapshot(`
      [
        "rapido.nic0=72:0a:3a:dc:00:02,file=rapido-tap2.network",
        "rapido.hosts=192.168.155.50/rapido1/rapido-server,192.168.155.60/client/rapido2,192.168.155.1/rapido-host",
        "rapido.dns=10.0.0.53",
        "rapido.networkd=1",
        "systemd.machine_id=36f252bfe0aa59a004b84ef8dd8f77fe",
        "net.ifnames=0",
      ]
    `);
  });

  test('does not affect the others, and its section takes precedence', () => {
    const sources = read(
      { 'vm1/lan.network': LAN },
      '[vm1]\nADDRESS = 192.168.155.51/24\nMAC = b8:ac:24:45:c5:09\nHOSTNAME = server\n[vm2]\n',
    );
    expect(plan(1, sources)?.nics).toMatchObject([{ mac: 'b8:ac:24:45:c5:09' }]);
    expect(plan(1, sources)?.hosts[0]).toEqual({
      addresses: ['192.168.155.51'],
      names: ['server', 'rapido1', 'rapido-server'],
    });
    const other = plan(2, sources);
    expect(other?.networkd).toBeUndefined();
    expect(other?.nics).toMatchObject([{ addresses: ['192.168.155.12/24'] }]);
  });

  test('has a tap for each file without [Match], with its name; other files belong to the first', () => {
    const { conf } = read({
      'vm3/rapido-tap3.network': '[Network]\nDHCP=yes\n',
      'vm3/rapido-tap4.network': '[Network]\nAddress=10.0.0.4/24\n',
      'vm3/bond.network': '[Match]\nName=bond0\n[Network]\nAddress=10.1.0.4/24\n',
    });
    expect(conf.vmNumbers).toEqual([3]);
    expect(planGuestNetworks(conf, [3], 'host')[0]?.nics).toMatchObject([
      { tap: 'rapido-tap3', addresses: ['10.1.0.4/24'], dhcp: true },
      { tap: 'rapido-tap4', addresses: ['10.0.0.4/24'], dhcp: false },
    ]);
  });

  test('with a MAC in each, has the taps of its section, in the order of the file names', () => {
    const files = {
      'vm1/10-lan.network': LAN,
      'vm1/20-wan.network': '[Match]\nMACAddress=b8:ac:24:45:c5:02\n',
    };
    const { conf } = read(files, '[vm1]\nTAP = "rapido-tap1, wan1"\n');
    expect(planGuestNetworks(conf, [1], 'host')[0]?.nics).toMatchObject([
      { tap: 'rapido-tap1', mac: 'b8:ac:24:45:c5:01', addresses: ['192.168.155.50/24'] },
      { tap: 'wan1', mac: 'b8:ac:24:45:c5:02', addresses: [] },
    ]);
    expect(() => read(files)).toThrow('20-wan.network: VM 1 has no tap for this file');
  });

  test('cannot share a MAC or an address with another', () => {
    const { conf } = given({ 'vm1/a.network': LAN, 'vm2/b.network': LAN });
    expect(problemsOf(() => withNetConf(conf, readNetConf(conf)))).toEqual([
      'ADDRESS of [vm2]: 192.168.155.50 is already used by [vm1]. Give each VM its own',
      'MAC of [vm2]: b8:ac:24:45:c5:01 is already used by [vm1]. Give each VM its own',
    ]);
  });

  test('the digest depends on contents and names of the files that systemd reads', () => {
    const digest = (files: Record<string, string>): string | undefined => {
      const vm = read(files).netConf.get(1);
      return vm && digestNetConf(vm);
    };
    const first = digest({ 'vm1/lan.network': LAN });
    expect(digest({ 'vm1/lan.network': LAN, 'vm1/README': 'x', 'vm1/hostname': 'x' })).toBe(first);
    expect(digest({ 'vm1/lan.network': `${LAN}#` })).not.toBe(first);
    expect(digest({ 'vm1/lan.network': LAN, 'vm1/lan.network.d/a.conf': '' })).not.toBe(first);
  });
});

describe('rejects, all at once, with the name of the file', () => {
  test('a directory that does not exist or has nothing for any VM', () => {
    const conf = readConf('VM_NET_CONF = /does/not/exist\n');
    expect(problemsOf(() => readNetConf(conf))).toEqual(['/does/not/exist does not exist']);
    expect(refusalOf({ README: '' })).toBe('NET: contains no directory vm1, vm2 …');
  });

  test('invalid files', () => {
    const text = refusalOf({
      'vm1/lan.network': '[Match]\nMACAddress=nonsense\n',
      'vm1/a name.network': LAN,
      'vm1/hostname': 'not a name\n',
      'vm2/only.link': '[Match]\n',
      'vm3/much-too-long-for-a-tap.network': '[Network]\n',
      vm4: 'a file',
    });
    expect(text).toMatchInlineSnapshot(`
      "NET/vm1/a name.network: the name may contain only letters, digits, ".", "_" and "-"
      NET/vm1/lan.network:2: MACAddress=nonsense is not a valid MAC address for a card
      NET/vm1/hostname: "not a name" is not a hostname
      NET/vm2: contains no *.network file
      NET/vm3/much-too-long-for-a-tap.network: without [Match], it must have the name of its tap, such as rapido-tap1.network
      NET/vm4 is not a directory"
    `);
  });

  test('one that cannot be read', () => {
    expect(refusalOf({ 'vm1/lan.network/': '' })).toBe(
      'NET/vm1/lan.network cannot be read (EISDIR)',
    );
  });
});
