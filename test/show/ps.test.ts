import { expect, test } from 'vitest';
import { formatVms } from '../../src/show/ps.ts';
import type { VmEntry } from '../../src/vm/registry.ts';

const NOW = Date.parse('2026-01-02T00:00:00.000Z');

const server: VmEntry = {
  version: 1,
  number: 1,
  hostname: 'server',
  cut: 'nfsd-xfs',
  kernelRelease: '6.12.9',
  owner: { pid: 100, startTime: '1' },
  qemu: { pid: 101, startTime: '1' },
  consoleLog: '/state/vm1/console.log',
  monitorSocket: '/run/vm1.qmp',
  pidFile: '/run/rapido_vm1.pid',
  requestSocket: '/run/vm1.ask',
  state: 'ready',
  addresses: ['192.168.155.11', 'fd00::11'],
  image: '',
  disks: [],
  taps: [],
  forwards: [],
  since: '2026-01-01T20:45:00.000Z',
};

test('a line for each VM that runs', () => {
  const test: VmEntry = {
    ...server,
    number: 12,
    cut: 'nfs-client',
    state: 'testing',
    addresses: [],
    qemu: undefined,
    since: '2026-01-01T23:59:42.000Z',
  };
  const behindNat: VmEntry = {
    ...server,
    number: 3,
    cut: 'dropbear',
    addresses: [],
    forwards: [
      { protocol: 'tcp', host: 2222, guest: 22 },
      { protocol: 'udp', host: 5353, guest: 53 },
    ],
  };
  expect(formatVms([server, behindNat, test], NOW).join('\n')).toMatchInlineSnapshot(`
    "vm  cut         kernel  pid  up          address                                    state
    1   nfsd-xfs    6.12.9  101  3 h 15 min  192.168.155.11 fd00::11                    ready
    3   dropbear    6.12.9  101  3 h 15 min  127.0.0.1:2222->22 127.0.0.1:5353->53/udp  ready
    12  nfs-client  6.12.9  -    18 s        -                                          testing"
  `);
});
