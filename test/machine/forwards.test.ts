import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace } from '../support/workspace.ts';

describe.skipIf(hostKernel() === undefined)('forwarded ports', () => {
  const home = createWorkspace(afterAll);
  const tcp = createServer();
  const udp = createSocket('udp4');
  let busy = { tcp: 0, udp: 0 };
  /** Nothing is started if a port is in use. */
  const boot = (...args: string[]) => home.rapido(['boot', ...args]);
  const conf = (lines: string): string => home.write('rapido.conf', `KERNEL_SRC = linux\n${lines}`);
  const named = (text: string): string =>
    text.replaceAll(String(busy.tcp), 'TCP').replaceAll(String(busy.udp), 'UDP');

  beforeAll(async () => {
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    await once(udp.bind(0, '127.0.0.1'), 'listening');
    busy = { tcp: (tcp.address() as AddressInfo).port, udp: udp.address().port };
    makeKernelTree(join(home.directory, 'linux'), { drivers: [...CHANNEL_MODULES, 'virtio_net'] });
    conf('');
    const cut = addCut(home, 'tiny', { network: true });
    expect(await home.rapido(['cut', cut])).toMatchObject({ status: 0 });
  });
  afterAll(() => {
    tcp.close();
    udp.close();
  });

  test('--forward replaces those of the conf, and implies the network that supports it', async () => {
    conf('VM_NET = tap\n[vm1]\nFORWARD = 1234:56\n');
    const { status, stdout } = await boot(
      '--dry-run',
      '--forward',
      '2222:22',
      '--forward',
      '5353:53/udp,8080:80',
    );
    expect(status).toBe(0);
    expect(stdout).toContain(
      'user,id=rapido-net0,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp:127.0.0.1:5353-:53,hostfwd=tcp:127.0.0.1:8080-:80 ',
    );
  });

  test.each([
    [['2222'], '"2222" is not HOST:GUEST'],
    [['0:22'], '"0:22" is not HOST:GUEST'],
    [['2222:22', '2222:23'], 'port 2222 of this host was given twice'],
    [['2222:22', '--net', 'tap'], 'ports cannot be forwarded with --net tap'],
  ])('--forward %j is rejected before any work', async ([first = '', ...more], complaint) => {
    const rest = more.length === 1 ? ['--forward', ...more] : more;
    const { status, stderr } = await boot('--forward', first, ...rest);
    expect(status).toBe(2);
    expect(stderr).toContain(`--forward: ${complaint}`);
  });

  test('names the option if a port is in use', async () => {
    conf('');
    const { status, stderr } = await boot(
      '--forward',
      `${busy.tcp}:22`,
      '--forward',
      `${busy.udp}:53/udp`,
    );
    expect(status).toBe(1);
    expect(named(stderr.slice(stderr.indexOf('rapido:')))).toMatchInlineSnapshot(`
      "rapido: error: ports of this host cannot be forwarded to VM 1
        - --forward: port TCP of 127.0.0.1 is in use
        - --forward: port UDP/udp of 127.0.0.1 is in use
        hint: \`ss -lntup\` shows what listens; choose other ports with --forward HOST:GUEST
      "
    `);
  });

  test('names line and key of the conf if a port is in use; the run is an error', async () => {
    conf(`[vm1]\nNET = user\nFORWARD = ${busy.tcp}:22\n`);
    const { status, stderr } = await home.rapido(['run', 'tiny', '--', 'true']);
    expect(status).toBe(125);
    expect(named(stderr)).toContain(
      'rapido.conf:4: FORWARD of [vm1]: port TCP of 127.0.0.1 is in use',
    );
  });
});
