import { describe, expect, test } from 'vitest';
import { readConf, refusal } from './read-conf.ts';

test('a section [vmN] sets keys of VM number N', () => {
  const conf = readConf(`
KERNEL_SRC = ~/linux
[vm1]               # the server
ADDRESS  = 192.168.155.11/24, fd00::11/64
GATEWAY  = 192.168.155.1 fd00::1
DNS      = "192.168.155.1"
MAC      = B8:AC:24:45:C5:01
HOSTNAME = server.example
TAP      = rapido-tap1
CPUS     = 4
MEMORY   = 2G
[ vm3 ]
ADDRESS  = DHCP
HOSTNAME = ""
`);
  expect(conf.vm(1)).toMatchInlineSnapshot(`
    {
      "ADDRESS": [
        {
          "tap": undefined,
          "value": "192.168.155.11/24",
        },
        {
          "tap": undefined,
          "value": "fd00::11/64",
        },
      ],
      "CPUS": 4,
      "DNS": [
        "192.168.155.1",
      ],
      "GATEWAY": [
        "192.168.155.1",
        "fd00::1",
      ],
      "HOSTNAME": "server.example",
      "MAC": [
        {
          "tap": undefined,
          "value": "b8:ac:24:45:c5:01",
        },
      ],
      "MEMORY": 2147483648,
      "TAP": [
        "rapido-tap1",
      ],
    }
  `);
  expect(conf.vm(3)).toEqual({ ADDRESS: [{ value: 'dhcp', tap: undefined }] });
  expect(conf.vm(2)).toEqual({});
  expect(conf.vmNumbers).toEqual([1, 3]);
  expect(conf.vmEntries(3)).toMatchObject([
    { name: 'ADDRESS', text: 'DHCP', origin: { line: 13 } },
  ]);
});

test('a section may be split, and may use keys from above', () => {
  const conf = readConf(
    'TAP_USER=me\n[vm1]\nTAP=${TAP_USER}-1\n[vm2]\nTAP=t2\n[vm1]\nHOSTNAME=${TAP}-host\n',
  );
  expect(conf.vm(1)).toEqual({ TAP: ['me-1'], HOSTNAME: 'me-1-host' });
});

describe('rejects in a section:', () => {
  test('values of another form', () => {
    expect(
      refusal(
        [
          '[vm1]',
          'ADDRESS = 192.168.155.11',
          'GATEWAY = 192.168.155.1/24',
          'DNS = ns.example',
          'MAC = 01:00:5e:00:00:01',
          'HOSTNAME = -bad_name',
          'TAP = rapido-tap-number-1',
          'CPUS = 0',
          'MEMORY = 4k',
          '[vm2]',
          'ADDRESS = dhcp 192.168.155.12/24',
          'MAC = 00:00:00:00:00:00',
          'DNS = ,',
        ].join('\n'),
      ),
    ).toMatchInlineSnapshot(`
      "rapido.conf:2: ADDRESS: "192.168.155.11": expected dhcp, or IP addresses with prefix lengths; for a second tap, add @TAP to each, for example ADDRESS="192.168.155.11/24"
      rapido.conf:3: GATEWAY: "192.168.155.1/24": expected IP addresses without prefix length, for example GATEWAY="192.168.155.1"
      rapido.conf:4: DNS: "ns.example": expected IP addresses without prefix length, for example DNS="192.168.155.1"
      rapido.conf:5: MAC: "01:00:5e:00:00:01": expected a unicast MAC address: six bytes in hexadecimal, the first one even; for a second tap, add @TAP, for example MAC="b8:ac:24:45:c5:01"
      rapido.conf:6: HOSTNAME: "-bad_name": expected a hostname: letters, digits and "-", parts separated by ".", for example HOSTNAME="server"
      rapido.conf:7: TAP: "rapido-tap-number-1": expected names of network interfaces, each once, of at most 15 letters, digits, ".", "_" or "-", for example TAP="rapido-tap1, lan1"
      rapido.conf:8: CPUS: "0": expected a whole number, 1 or more, for example CPUS="4"
      rapido.conf:9: MEMORY: "4k": expected a size in bytes or with a unit (64k, 512M, 2G, 1T), 16M or more, for example MEMORY="2G"
      rapido.conf:12: MAC: "00:00:00:00:00:00": expected a unicast MAC address: six bytes in hexadecimal, the first one even; for a second tap, add @TAP, for example MAC="b8:ac:24:45:c5:01"
      rapido.conf:13: DNS: ",": expected IP addresses without prefix length, for example DNS="192.168.155.1""
    `);
  });

  test('unknown keys, and keys that apply to all VMs', () => {
    expect(refusal('[vm1]\nADRESS=dhcp\nKERNEL_SRC=/a\nCOLOUR=red')).toMatchInlineSnapshot(`
      "rapido.conf:2: unknown conf key ADRESS in [vm1]. Did you mean ADDRESS?
      rapido.conf:3: KERNEL_SRC is not a key of [vm1]: it applies to all VMs. Move it above the first section
      rapido.conf:4: unknown conf key COLOUR in [vm1]. Its keys are NET, ADDRESS, GATEWAY, DNS, MAC, HOSTNAME, TAP, FORWARD, CPUS, MEMORY, DISKS"
    `);
  });

  test('values that two VMs cannot share', () => {
    expect(
      refusal(
        '[vm1]\nMAC=b8:ac:24:45:c5:01\nTAP=t1\nADDRESS=10.0.0.1/24\nHOSTNAME=a\n' +
          '[vm2]\nMAC=B8:AC:24:45:C5:01\nTAP=t1\nADDRESS=fd00::1/64,10.0.0.1/16\nHOSTNAME=a\n',
      ),
    ).toMatchInlineSnapshot(`
      "rapido.conf:7: MAC of [vm2]: b8:ac:24:45:c5:01 is already used by [vm1]. Give each VM its own
      rapido.conf:8: TAP of [vm2]: t1 is already used by [vm1]. Give each VM its own
      rapido.conf:9: ADDRESS of [vm2]: 10.0.0.1 is already used by [vm1]. Give each VM its own
      rapido.conf:10: HOSTNAME of [vm2]: a is already used by [vm1]. Give each VM its own"
    `);
    expect(readConf('[vm1]\nADDRESS=dhcp\n[vm2]\nADDRESS=dhcp').vmNumbers).toEqual([1, 2]);
  });
});
