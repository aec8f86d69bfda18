import { spawnSync } from 'node:child_process';
import { chownSync, lchownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCut } from '../support/cuts.ts';
import {
  canMakeNetworks,
  makeNetworkNamespace,
  type NetworkNamespace,
} from '../support/network-namespace.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, type Finished, type Workspace } from '../support/workspace.ts';

/** Packages that scripts/setup --dev installs. */
const canServe =
  spawnSync('dnsmasq', ['--version']).status === 0 && spawnSync('which', ['udhcpc']).status === 0;

/** Prefix that runs a command as an ordinary user. */
const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const canReadCheckout =
  spawnSync('setpriv', [...asNobody.slice(1), 'test', '-r', import.meta.filename]).status === 0;

describe.runIf(canMakeNetworks)('VMs on the bridge', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);
  addPinger(home);
  const conf = (text: string): Record<string, string> => ({
    RAPIDO_CONF: home.write('rapido.conf', text),
  });
  let space: NetworkNamespace;
  beforeAll(() => {
    let undo = (): void => {};
    space = makeNetworkNamespace((remove) => {
      undo = remove;
    });
    return () => undo();
  });
  const rapido = (args: string[], env: Record<string, string>): Promise<Finished> =>
    home.rapido(args, { prefix: space.prefix, env });

  it('two VMs reach each other by name over IPv4 and IPv6; a third does not get their taps', async () => {
    const env = {
      ...conf('BR_ADDR = "192.168.155.1/24, fd00:155::1/64"\n[vm1]\nHOSTNAME = server\n[vm2]\n'),
      TAP_USER: 'root',
    };
    expect(await rapido(['setup-network'], env)).toMatchObject({ status: 0 });
    const options = { prefix: space.prefix, env };
    // The second VM runs until the first has received its packets, the first until the second has ended.
    const first = `grep -v localhost /etc/hosts; echo READY
      until ping -4 -c 1 -W 5 rapido2 && ping -6 -c 1 -W 5 rapido2; do :; done
      while ping -c 1 -W 1 rapido2; do sleep 1; done; true`;
    const second = `for name in server rapido-host; do
        ping -4 -c 1 -W 5 $name && ping -6 -c 1 -W 5 $name || exit 1
      done
      until grep -q 'Icmp6InEchos.*[1-9]' /proc/net/snmp6; do sleep 1; done
      sleep 1
      echo all heard`;
    const others: Finished[] = [];
    const server = await run(['pinger', '-q', '--timeout', '2m', '-x', first], {
      ...options,
      whenReady: async () => {
        // A rapido with another registry uses the same number.
        const elsewhere = { ...env, QEMU_PID_DIR: join(home.directory, 'elsewhere') };
        others.push(await run(['pinger', '--', 'true'], { ...options, env: elsewhere }));
        others.push(await run(['pinger', '-q', '--timeout', '2m', '-x', second], options));
      },
    });
    expect(server).toMatchObject({ status: 0, stderr: '' });
    expect(server.stdout.split('READY')[0]).toMatchInlineSnapshot(`
      "192.168.155.11 server rapido1 rapido-server
      fd00:155::11 server rapido1 rapido-server
      192.168.155.12 rapido2
      fd00:155::12 rapido2
      192.168.155.1 rapido-host
      fd00:155::1 rapido-host
      "
    `);
    const [third, client] = others;
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect(client?.stdout).toMatch(/all heard\n$/);
    expect(third?.status).toBe(125);
    expect(third?.stderr).toContain('rapido-tap1 is in use by another process');
  });

  it.runIf(canServe)(
    `a DHCP server gives a VM of ${canReadCheckout ? 'an ordinary user' : 'root'} the address that is in /etc/hosts`,
    async () => {
      const user = canReadCheckout ? 'nobody' : 'root';
      const own = createWorkspace();
      addPinger(own);
      const env = {
        RAPIDO_CONF: own.write(
          'rapido.conf',
          'BR_DHCP_SRV_RANGE = 192.168.155.10,192.168.155.20,12h\n[vm1]\nHOSTNAME = client\n',
        ),
        TAP_USER: user,
      };
      await rapido(['teardown-network'], { ...env, TAP_USER: 'root' });
      expect(await rapido(['setup-network'], env)).toMatchObject({ status: 0 });
      if (user === 'nobody') giveTo(own.directory, 65534);
      const { status, stdout, stderr } = await own.rapido(
        [
          'run',
          'pinger',
          '-q',
          '--timeout',
          '2m',
          '-i',
          'ip',
          '-x',
          `ip -brief address show dev eth0 scope global; ip route; grep client /etc/hosts
           ping -c 1 -W 5 rapido-host`,
        ],
        { prefix: [...space.prefix, ...(user === 'nobody' ? asNobody : [])], env },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const [address, route, host, ...pinged] = stdout.split('\n');
      expect(address).toMatch(/^eth0 +\w+ +192\.168\.155\.11\/24 *$/);
      expect(route).toMatch(/^192\.168\.155\.0\/24 dev eth0 /);
      expect(host).toBe('192.168.155.11 client rapido1 rapido-server');
      expect(pinged.join('\n')).toContain('1 received');
    },
  );

  it('without bridge or taps, nothing is started, and both remedies are printed', async () => {
    const alone = makeNetworkNamespace();
    const registry = join(home.directory, 'nothing-registered');
    mkdirSync(registry);
    const env = { ...conf(''), QEMU_PID_DIR: registry };
    const boot = (...args: string[]): Promise<Finished> =>
      home.rapido(['boot', ...args], { prefix: alone.prefix, env });
    await home.rapido(['cut', 'pinger'], { env });
    const { status, stderr } = await boot('pinger');
    expect(status).toBe(1);
    expect(stderr.replace(/^kernel: .*\n/, '')).toMatchInlineSnapshot(`
      "rapido: error: no tap device rapido-tap1
        hint: run \`sudo rapido setup-network\`, or use --net user
      "
    `);
    await home.rapido(['cut', 'simple-example'], { env });
    const without = await boot('simple-example', '--net', 'user');
    expect(without.status).toBe(1);
    expect(without.stderr).toContain('hint: rapido cut simple-example --net user');
    const dhcp = await home.rapido(['boot', 'pinger'], {
      prefix: alone.prefix,
      env: { ...env, BR_DHCP_SRV_RANGE: '192.168.155.10,192.168.155.20,1h' },
    });
    expect(dhcp.stderr).toContain('has no DHCP client\n  hint: rapido cut pinger');
    expect(readdirSync(registry).filter((name) => name.endsWith('.json'))).toEqual([]);
  });
});

function addPinger(home: Workspace): void {
  addCut(home, 'pinger', { network: true, binaries: ['ping', 'grep', 'sleep', 'true'] });
}

/** Makes a directory with all that is in it another user's. */
function giveTo(directory: string, uid: number): void {
  chownSync(directory, uid, uid);
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(directory, name), uid, uid);
  }
}
