import { describe, expect, test } from 'vitest';
import { parseNetdevKinds, parseNetworkFile } from '../../src/net/networkd-files.ts';

describe('a *.network file', () => {
  test('with a MAC, static addresses and name servers', () => {
    const text = `# comment
[Match]
MACAddress = B8-AC-24-45-C5-01
; another
[Network]
Address=192.168.155.50/24
DHCP=no
DNS=192.168.155.1 fd00:155::1 1.1.1.1#name
[Address]
Label=eth0:1
Address=FD00:155:0::50/64
`;
    expect(parseNetworkFile(text)).toMatchInlineSnapshot(`
      {
        "addresses": [
          "192.168.155.50/24",
          "fd00:155::50/64",
        ],
        "dhcp": false,
        "dns": [
          "192.168.155.1",
          "fd00:155::1",
        ],
        "mac": "b8:ac:24:45:c5:01",
        "match": "mac",
      }
    `);
  });

  test('of the original tool: without [Match], which rapido adds', () => {
    expect(parseNetworkFile('[Network]\nDHCP=yes\n')).toEqual({
      match: 'unsaid',
      mac: undefined,
      addresses: [],
      dhcp: true,
      dns: [],
    });
    const own = parseNetworkFile('[Network]\nDHCP=ipv6\n[Link]\nMACAddress=b8ac.2445.c501\n');
    expect(own).toMatchObject({ match: 'unsaid', mac: 'b8:ac:24:45:c5:01', dhcp: false });
  });

  test('for interfaces by name; loopback addresses do not count', () => {
    const text = '[Match]\nName=NAME\n[Network]\nAddress=10.0.0.1/8\n';
    expect(parseNetworkFile(text.replace('NAME', 'bond0'))).toMatchObject({
      match: 'other',
      addresses: ['10.0.0.1/8'],
    });
    expect(parseNetworkFile(text.replace('NAME', 'lo')).addresses).toEqual([]);
  });

  test.each([
    [
      'an empty value begins a list anew',
      'Address=10.0.0.1/8\nAddress=\nAddress=10.0.0.2/8',
      ['10.0.0.2/8'],
    ],
    ['one without its prefix length', 'Address=10.0.0.1', ['10.0.0.1/32']],
    ['one of systemd’s choice is not known', 'Address=0.0.0.0/28', []],
    [
      'a line continues after a backslash, with comments in between',
      'Address=\\\n# no\n10.0.0.3/8',
      ['10.0.0.3/8'],
    ],
  ])('%s', (_, lines, addresses) => {
    expect(parseNetworkFile(`[Network]\n${lines}\n`).addresses).toEqual(addresses);
  });

  test.each([
    [
      '[Match]\nMACAddress=01:00:5e:00:00:01',
      '2: MACAddress=01:00:5e:00:00:01 is not a valid MAC address',
    ],
    ['[Match]\nMACAddress=b8:ac', '2: MACAddress=b8:ac is not a valid MAC address'],
    ['\n[Network]\nAddress=192.168.155/24', '3: Address=192.168.155/24 is not an IP address'],
  ])('%j is rejected', (text, message) => {
    expect(() => parseNetworkFile(text)).toThrow(message);
  });
});

test('a *.netdev file shows the kind of its interface', () => {
  expect(parseNetdevKinds('[NetDev]\nName=bond0\nKind=bond\n[Bond]\nMode=802.3ad\n')).toEqual([
    'bond',
  ]);
});
