import { expect, test } from 'vitest';
import { parseLinks } from '../../src/net/links.ts';
import { complaintOf } from '../support/complaint.ts';

const TAP = {
  ifindex: 5,
  ifname: 'rapido-tap1',
  flags: ['BROADCAST', 'UP'],
  mtu: 1500,
  linkinfo: { info_kind: 'tun', info_data: { type: 'tap', user: 1000, persist: true } },
  addr_info: [{ family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link' }],
};

test('reads the output of ip, without the empty objects that some versions print', () => {
  expect(parseLinks(JSON.stringify([{}, TAP]))).toEqual([
    {
      index: 5,
      name: 'rapido-tap1',
      kind: 'tun',
      tap: { user: '1000' },
      alias: undefined,
      master: undefined,
      isUp: true,
      hasCarrier: false,
      mac: '',
      addresses: [
        {
          family: 6,
          address: 'fe80::1',
          prefix: 64,
          scope: 'link',
          isDynamic: false,
          isTemporary: false,
          words: ['fe80::1/64', 'scope', 'link'],
        },
      ],
    },
  ]);
  expect(parseLinks('')).toEqual([]);
});

test.each(['[', '{}', 'null', '[{"ifname":"lo"}]'])('rejects %s', async (text) => {
  expect(await complaintOf(() => parseLinks(text))).toBe(
    [
      'rapido: error: ip -json -details address show: rapido does not understand its output',
      '  hint: is `ip` the program of iproute2? try `ip -V`',
    ].join('\n'),
  );
});
