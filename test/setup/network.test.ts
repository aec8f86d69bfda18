import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  canMakeNetworks,
  makeNetworkNamespace,
  type NetworkNamespace,
} from '../support/network-namespace.ts';
import {
  copyProgram,
  createWorkspace,
  type Finished,
  type Workspace,
} from '../support/workspace.ts';

const canServe = spawnSync('dnsmasq', ['--version']).status === 0;

describe.runIf(canMakeNetworks)('the network of the host', () => {
  let home: Workspace;
  let space: NetworkNamespace;
  beforeEach(() => {
    home = createWorkspace();
    space = makeNetworkNamespace();
  });
  afterEach(() => {
    // No test leaves anything behind.
    expect(existsSync('/run/rapido') ? readdirSync('/run/rapido') : []).toEqual([]);
  });

  const rapido = (args: string[], conf = '', env: Record<string, string> = {}): Promise<Finished> =>
    home.rapido(args, {
      prefix: space.prefix,
      env: {
        RAPIDO_CONF: home.write('rapido.conf', conf),
        SUDO_UID: '65534',
        SUDO_GID: '65534',
        ...env,
      },
    });
  const setUp = (conf = '', env = {}): Promise<Finished> => rapido(['setup-network'], conf, env);
  const tearDown = (conf = ''): Promise<Finished> => rapido(['teardown-network'], conf);

  /** All that the kernel reports about interfaces and routes, except what changes by itself. */
  const snapshot = (): string =>
    [
      space.run('ip', '-details', 'address', 'show'),
      space.run('ip', '-4', 'route', 'show', 'table', 'all'),
      space.run('ip', '-6', 'route', 'show', 'table', 'all'),
    ]
      .join('\n')
      .replace(/(valid_lft|preferred_lft|expires) \d+sec/g, '$1 N')
      .replace(/promiscuity \d+|\w+_timer +[\d.]+/g, '')
      .replace(/\b(tentative|nodad|NO-CARRIER)\b ?/g, '')
      // Link-local addresses appear shortly after their interface is up.
      .replace(/^.*\b(fe80::|ff00::).*\n( +valid_lft.*\n)?/gm, '');

  const indexOf = (name: string): number =>
    JSON.parse(space.run('ip', '-json', 'link', 'show', 'dev', name))[0].ifindex;

  const names = (): string[] =>
    JSON.parse(space.run('ip', '-json', 'link', 'show')).map(
      ({ ifname }: { ifname: string }) => ifname,
    );

  test('is a bridge and two taps for the user behind sudo; a second call changes nothing; teardown removes all', async () => {
    const before = snapshot();
    const first = await setUp();
    expect(first).toMatchObject({ status: 0, stdout: '' });
    expect(first.stderr).toMatchInlineSnapshot(`
      "created rapido-br with 192.168.155.1/24
      created rapido-tap1 for nobody
      created rapido-tap2 for nobody
      "
    `);
    const listed = await rapido(['ps']);
    expect(listed.stderr).toMatchInlineSnapshot(`
      "no VMs are running
      network: rapido-br 192.168.155.1/24; rapido-tap1 (free, for nobody), rapido-tap2 (free, for nobody)
      "
    `);
    const wanted = await rapido(['ps'], '[vm1]\n[vm3]\n');
    expect(wanted.stderr).toMatchInlineSnapshot(`
      "no VMs are running
      network: rapido-br 192.168.155.1/24; rapido-tap1 (free, for nobody), rapido-tap2 (free, for nobody); no rapido-tap3: sudo rapido setup-network
      "
    `);
    const examined = await rapido(['doctor']);
    expect(examined.stdout).toContain('ok      network: rapido-br 192.168.155.1/24; rapido-tap1 (');
    const taps = JSON.parse(space.run('ip', '-json', '-details', 'link', 'show', 'type', 'tun'));
    expect(taps).toMatchObject(
      [1, 2].map((number) => ({
        ifname: `rapido-tap${number}`,
        master: 'rapido-br',
        linkinfo: { info_data: { type: 'tap', persist: true, user: 'nobody' } },
      })),
    );
    const after = snapshot();
    expect(await setUp()).toMatchObject({
      status: 0,
      stderr: 'the network is already set up: rapido-br, rapido-tap1, rapido-tap2\n',
    });
    expect(snapshot()).toBe(after);
    expect(await tearDown()).toMatchObject({
      status: 0,
      stderr: 'removed rapido-tap1\nremoved rapido-tap2\nremoved rapido-br\n',
    });
    expect(snapshot()).toBe(before);
    expect(await tearDown()).toMatchObject({
      status: 0,
      stderr: 'user nobody has no bridge or taps\n',
    });
  });

  test('--dry-run prints every command line, does nothing, and needs no root', async () => {
    space.run('ip', 'link', 'add', 'phys', 'type', 'veth', 'peer', 'lan');
    space.run('ip', 'address', 'add', '10.9.0.5/24', 'dev', 'phys');
    const before = snapshot();
    const conf = [
      'BR_ADDR = "192.168.155.1/24, fd00:155::1/64"',
      'BR_IF = phys',
      'BR_DHCP_SRV_RANGE = 192.168.155.10,192.168.155.20,12h',
      '[vm1]\nTAP = "rapido-tap1 second"',
      '[vm2]\nMAC = b8:ac:24:45:c5:02\nADDRESS = 192.168.155.99/24',
      '[vm3]\nNET = user',
    ];
    const { status, stdout } = await home.rapido(['setup-network', '--dry-run'], {
      program: copyProgram(home),
      prefix: [...space.prefix, 'setpriv', '--reuid=65534', '--clear-groups'],
      env: { RAPIDO_CONF: home.write('rapido.conf', conf.join('\n')) },
    });
    expect(status).toBe(0);
    // MAC addresses depend on this host.
    expect(stdout.replace(/\b72(:[\da-f]{2}){5}/g, 'MAC')).toMatchInlineSnapshot(`
        "ip link add name rapido-br address MAC type bridge forward_delay 0 stp_state 0 mcast_snooping 0
        ip link set dev rapido-br alias 'rapido network of uid 65534' up
        ip address add 192.168.155.1/24 broadcast + dev rapido-br
        ip address add fd00:155::1/64 nodad dev rapido-br
        ip tuntap add dev rapido-tap1 mode tap user 65534
        ip link set dev rapido-tap1 alias 'rapido network of uid 65534' master rapido-br up
        ip tuntap add dev second mode tap user 65534
        ip link set dev second alias 'rapido network of uid 65534' master rapido-br up
        ip tuntap add dev rapido-tap2 mode tap user 65534
        ip link set dev rapido-tap2 alias 'rapido network of uid 65534' master rapido-br up
        # addresses and routes of phys are recorded in /run/rapido
        ip link set dev phys master rapido-br
        ip address delete 10.9.0.5/24 dev phys
        ip link set dev phys up
        dnsmasq --conf-file=/dev/null --pid-file= --leasefile-ro --port=0 --interface=rapido-br --except-interface=lo --bind-interfaces --dhcp-range=set:rapido-network,192.168.155.10,192.168.155.20,12h --dhcp-host=MAC,192.168.155.11,rapido1 --dhcp-option=option:router --dhcp-option=option:dns-server --no-ping --dhcp-ignore\\=tag:\\!known
        "
      `);
    expect(snapshot()).toBe(before);
  });

  test('applies only the differences of a changed conf', async () => {
    await setUp();
    const [bridge, tap] = [indexOf('rapido-br'), indexOf('rapido-tap1')];
    const changed = await setUp('BR_ADDR = "10.1.0.1/24 fd00:1::1/64"\n[vm1]\n[vm3]\n');
    expect(changed.stderr).toMatchInlineSnapshot(`
      "rapido-br: removed 192.168.155.1/24
      rapido-br: added 10.1.0.1/24
      rapido-br: added fd00:1::1/64
      created rapido-tap3 for nobody
      removed rapido-tap2
      "
    `);
    expect([indexOf('rapido-br'), indexOf('rapido-tap1')]).toEqual([bridge, tap]);
    expect(names()).toEqual(['lo', 'rapido-br', 'rapido-tap1', 'rapido-tap3']);
    // The taps move to another bridge, and the old one is removed.
    const renamed = await setUp('BR_DEV = br7\n[vm1]\n[vm3]\n');
    expect(renamed.stderr).toMatchInlineSnapshot(`
      "created br7 with 192.168.155.1/24
      rapido-tap1: attached to br7
      rapido-tap3: attached to br7
      removed rapido-br
      "
    `);
    expect(names()).toEqual(['lo', 'rapido-tap1', 'rapido-tap3', 'br7']);
    expect(indexOf('rapido-tap1')).toBe(tap);
    // Teardown does not depend on the conf.
    await tearDown();
    expect(names()).toEqual(['lo']);
  });

  describe('with BR_IF', () => {
    const conf = 'BR_IF = phys\n';
    beforeEach(() => {
      const ip = (line: string): string => space.run('ip', ...line.split(' '));
      ip('link add phys type veth peer name lan');
      ip('link set dev phys up');
      ip('link set dev lan up');
      ip('address add 10.9.0.5/24 broadcast + dev phys');
      ip('address add 10.9.0.6/24 dev phys');
      ip('address add 10.8.0.1 peer 10.8.0.2/32 dev phys');
      ip('address add 10.7.0.1/24 dev phys label phys:x valid_lft 5000 preferred_lft 4000');
      ip('address add fd99::5/64 dev phys valid_lft 5000 preferred_lft 4000 nodad');
      ip('route add default via 10.9.0.1 dev phys proto static metric 77 mtu 1400');
      ip('route add 172.30.0.0/16 via 10.9.0.2 table 99');
      ip('-6 route add default via fd99::1 dev phys metric 33');
    });

    test('it has no address meanwhile, and gets all of them back', async () => {
      const before = snapshot();
      expect((await setUp(conf)).stderr).toContain('attached phys to rapido-br\n');
      expect(space.run('ip', '-brief', 'link', 'show', 'master', 'rapido-br')).toContain(
        'phys@lan',
      );
      expect(space.run('ip', 'address', 'show', 'dev', 'phys', 'scope', 'global')).toBe('');
      expect(space.run('ip', '-6', 'route', 'show', 'fd99::/64')).toBe('');
      expect((await setUp(conf)).stderr).toContain('the network is already set up');
      expect((await setUp('')).stderr).toBe('restored the addresses and routes of phys\n');
      expect((await setUp(conf)).stderr).toBe('attached phys to rapido-br\n');
      expect((await tearDown()).stderr).toContain('restored the addresses and routes of phys\n');
      expect(snapshot()).toBe(before);
    });

    test('it gets all of them back even if somebody deleted the bridge', async () => {
      const before = snapshot();
      await setUp(conf);
      space.run('ip', 'link', 'delete', 'dev', 'rapido-br');
      await setUp(conf);
      space.run('ip', 'link', 'delete', 'dev', 'rapido-br');
      await tearDown();
      expect(snapshot()).toBe(before);
    });

    test('one that was down is down again', async () => {
      space.run('ip', 'link', 'set', 'dev', 'phys', 'down');
      const before = snapshot();
      await setUp(conf);
      expect(space.run('ip', '-brief', 'link', 'show', 'dev', 'phys')).toContain(' UP ');
      await tearDown();
      expect(snapshot()).toBe(before);
    });

    test('a failure in the middle undoes all steps', async () => {
      const before = snapshot();
      const failing = failOn('address delete 10.9.0.5/24');
      const { status, stderr } = await setUp(conf, failing);
      expect(status).toBe(1);
      expect(stderr).toContain('setting up the network failed: ip exited with status 1');
      expect(stderr).toContain('no luck');
      expect(stderr).toContain('all changes were undone');
      expect(snapshot()).toBe(before);
    });
  });

  /** An `ip` that fails at one command, and is the real one otherwise. */
  const failOn = (words: string): Record<string, string> => {
    const real = spawnSync('which', ['ip'], { encoding: 'utf8' }).stdout.trim();
    const script = `#!/bin/bash\n[[ "$*" != *'${words}'* ]] || { echo no luck >&2; exit 1; }\nexec ${real} "$@"\n`;
    const program = home.write('bin/ip', script, 0o755);
    return { PATH: `${dirname(program)}:${home.env.PATH}` };
  };

  test('a failure during a change restores the previous state', async () => {
    await setUp('[vm1]\n[vm2]\n');
    const before = snapshot().replace(/\d+: rapido-tap2/, 'N: rapido-tap2');
    const { status } = await setUp(
      'BR_ADDR = 10.1.0.1/24\n[vm1]\n[vm3]\n',
      failOn('tuntap delete dev rapido-tap2'),
    );
    expect(status).toBe(1);
    expect(names().sort()).toEqual(['lo', 'rapido-br', 'rapido-tap1', 'rapido-tap2']);
    expect(snapshot().replace(/\d+: rapido-tap2/, 'N: rapido-tap2')).toBe(before);
    await tearDown();
  });

  test('an interruption undoes all steps', async () => {
    const real = spawnSync('which', ['ip'], { encoding: 'utf8' }).stdout.trim();
    const started = `${home.directory}/started`;
    const script = `#!/bin/bash\n[[ "$*" != *rapido-tap1* ]] || { touch '${started}'; sleep 1; }\nexec ${real} "$@"\n`;
    const program = home.write('bin/ip', script, 0o755);
    const before = snapshot();
    const { status, stderr } = await home.rapido(['setup-network'], {
      prefix: space.prefix,
      env: { PATH: `${dirname(program)}:${home.env.PATH}`, TAP_USER: 'nobody' },
      onStart: async (pid) => {
        while (!existsSync(started)) await sleep(20);
        process.kill(pid, 'SIGINT');
      },
    });
    expect({ status, stderr }).toEqual({
      status: 130,
      stderr: 'interrupted by SIGINT; all changes were undone\n',
    });
    expect(snapshot()).toBe(before);
  });

  test('interfaces of others are not changed', async () => {
    space.run('ip', 'link', 'add', 'rapido-br', 'type', 'bridge');
    space.run('ip', 'link', 'add', 'rapido-tap2', 'type', 'bridge');
    const before = snapshot();
    const { status, stderr } = await setUp();
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "rapido: error: cannot set up the network; nothing was changed
        - rapido-br (BR_DEV) exists, and rapido did not create it: set another BR_DEV, or, if it is not needed, run \`ip link delete rapido-br\`
        - rapido-tap2 (TAP) exists, and rapido did not create it: set another TAP, or, if it is not needed, run \`ip link delete rapido-tap2\`
      "
    `);
    await tearDown();
    expect(snapshot()).toBe(before);
    // A tap of the user's own may be the one that a section names.
    space.run('ip', 'tuntap', 'add', 'dev', 'own', 'mode', 'tap', 'user', 'nobody');
    const own = await setUp('BR_DEV = br7\n[vm1]\nTAP = own\n');
    expect(own.stderr).toBe(
      'own is a tap device that rapido did not create; left alone\ncreated br7 with 192.168.155.1/24\n',
    );
    await tearDown();
    space.run('ip', 'tuntap', 'delete', 'dev', 'own', 'mode', 'tap');
    expect(snapshot()).toBe(before);
  });

  test("each user has a network of their own, and cannot remove another's", async () => {
    await setUp();
    const other = { TAP_USER: 'root' };
    const { status, stderr } = await setUp('', other);
    expect(status).toBe(1);
    expect(stderr).toContain("rapido-br (BR_DEV) belongs to user 65534's network");
    const second = await setUp('BR_DEV = br7\nBR_ADDR = 10.7.0.1/24\n[vm1]\nTAP = t7\n', other);
    expect(second.status).toBe(0);
    const gone = await rapido(['teardown-network'], '', other);
    expect(gone.stderr).toContain("rapido-br belongs to user 65534's network; left alone\n");
    expect(names()).toEqual(['lo', 'rapido-br', 'rapido-tap1', 'rapido-tap2']);
    await tearDown();
  });

  test('a tap that a VM uses stays', async () => {
    await setUp();
    const vm = await holdTap('rapido-tap2');
    for (const refused of [
      await tearDown(),
      await setUp('[vm1]\n'),
      await setUp('BR_DEV = br7\n'),
    ]) {
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('rapido-tap2');
      expect(refused.stderr).toContain('nothing was changed');
    }
    // Other settings can be changed.
    expect((await setUp('[vm1]\n[vm2]\n[vm3]\n')).stderr).toBe('created rapido-tap3 for nobody\n');
    vm.kill();
    await once(vm, 'exit');
    expect((await tearDown()).status).toBe(0);
  });

  /** Opens a tap as a VM does. */
  const holdTap = async (name: string): Promise<ChildProcess> => {
    const [file = '', ...args] = [
      ...space.prefix,
      'qemu-system-x86_64',
      '-machine',
      'none',
      '-nodefaults',
      '-display',
      'none',
      '-netdev',
      `tap,id=n,ifname=${name},script=no,downscript=no`,
    ];
    const child = spawn(file, args, { stdio: 'ignore' });
    while (!space.run('ip', 'link', 'show', 'dev', name).includes('LOWER_UP')) await sleep(50);
    return child;
  };

  describe.runIf(canServe)('its DHCP server', () => {
    const conf = 'BR_DHCP_SRV_RANGE = 192.168.155.10,192.168.155.20,12h\n';

    const servers = (): string[] =>
      space.processes().filter((command) => command.startsWith('dnsmasq'));

    test('outlives the set-up, is restarted for another conf, and ends with the network', async () => {
      expect((await setUp(conf)).stderr).toContain('started the DHCP server on rapido-br\n');
      expect(servers()).toHaveLength(1);
      expect(servers()[0]).toContain('--dhcp-range=set:rapido-network,192.168.155.10,');
      expect((await setUp(conf)).stderr).toContain('the network is already set up');
      const changed = await setUp(conf.replace('.20', '.30'));
      expect(changed.stderr).toBe(
        'stopped the DHCP server on rapido-br\nstarted the DHCP server on rapido-br\n',
      );
      expect(servers()).toHaveLength(1);
      expect(servers()[0]).toContain(',192.168.155.30,');
      const renamed = await setUp(`BR_DEV = br7\n${conf}`);
      expect(renamed.status).toBe(0);
      expect(servers()).toHaveLength(1);
      expect(servers()[0]).toContain('--interface=br7');
      expect((await tearDown()).stderr).toContain('stopped the DHCP server on br7\n');
      expect(servers()).toEqual([]);
    });

    test("one that is not rapido's is left alone; one that cannot start undoes the set-up", async () => {
      const before = snapshot();
      const dnsmasq = home.write('bin/dnsmasq', '#!/bin/sh\necho no luck >&2\nexit 2\n', 0o755);
      const failed = await setUp(conf, { PATH: `${dirname(dnsmasq)}:${home.env.PATH}` });
      expect(failed.status).toBe(1);
      expect(failed.stderr).toContain('no luck');
      expect(snapshot()).toBe(before);

      await setUp();
      space.run(
        'dnsmasq',
        '--conf-file=/dev/null',
        '--pid-file=',
        '--port=0',
        '--leasefile-ro',
        '--interface=rapido-br',
        '--bind-interfaces',
        '--dhcp-range=192.168.155.5,192.168.155.6',
      );
      await tearDown();
      expect(servers()).toHaveLength(1);
    });
  });

  test.each([
    [
      'a user who does not exist',
      'TAP_USER = nobody-at-all',
      'TAP_USER: user nobody-at-all does not exist',
    ],
    ['an interface that does not exist', 'BR_IF = eth7', 'no interface eth7 (BR_IF)'],
    ['the loopback', 'BR_IF = lo', 'lo (BR_IF) cannot be on a bridge'],
    [
      'a tap that is the bridge',
      'BR_DEV = a\n[vm1]\nTAP = a',
      'a is BR_DEV and cannot also be a tap',
    ],
    [
      'a range outside of the network',
      'BR_DHCP_SRV_RANGE = 10.0.0.1,10.0.0.9,1h',
      'BR_DHCP_SRV_RANGE: 10.0.0.1 to 10.0.0.9 is not a range in a network of BR_ADDR',
    ],
    [
      'an address that the host has',
      'BR_ADDR = 192.168.155.11/24',
      'VM 1: 192.168.155.11 is already the address of the host',
    ],
    [
      'a network that is too small',
      'BR_ADDR = 192.168.155.1/30',
      "the BR_ADDR network, 192.168.155.1/30, is too small for VM 1's address",
    ],
  ])('rejected, with nothing done: %s', async (_what, conf, complaint) => {
    const before = snapshot();
    const { status, stderr } = await setUp(conf);
    expect(status).not.toBe(0);
    expect(stderr).toContain(complaint);
    expect(snapshot()).toBe(before);
  });

  test('root without sudo must name the user of the taps', async () => {
    const { status, stderr } = await home.rapido(['setup-network'], { prefix: space.prefix });
    expect(status).toBe(2);
    expect(stderr).toContain('who should own the taps?');
    expect(stderr).toContain('hint: run `sudo rapido setup-network` as the user who boots the VMs');
  });

  test('root without sudo removes the only network, but none of several', async () => {
    const tearDownAsRoot = (): Promise<Finished> =>
      home.rapido(['teardown-network'], {
        prefix: space.prefix,
        env: { RAPIDO_CONF: '/dev/null' },
      });
    const nothing = { status: 0, stderr: 'user root has no bridge or taps\n' };
    expect(await tearDownAsRoot()).toMatchObject(nothing);
    await setUp();
    const { stderr } = await tearDownAsRoot();
    expect(stderr).toBe('removed rapido-tap1\nremoved rapido-tap2\nremoved rapido-br\n');
    await setUp();
    const other = { BR_DEV: 'other-br', BR_ADDR: '10.9.9.1/24', TAP_USER: 'root' };
    const conf = Object.entries(other).map(([key, value]) => `${key} = ${value}\n`);
    expect(await setUp(`${conf.join('')}[vm1]\nTAP = other-tap\n`)).toMatchObject({ status: 0 });
    const refused = await tearDownAsRoot();
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/more than one user has a network: (65534, 0|0, 65534)/);
  });
});
