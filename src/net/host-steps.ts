import type { Argv } from '../sys/command-line.ts';
import { aliasOf, type HostNetwork, type TapUser } from './host-network.ts';
import { parseCidr } from './ip.ts';
import type { Link } from './links.ts';
import { run, type Step } from './step.ts';

/** Addresses except those that the kernel or a router assigned, which are not rapido's to change. */
export function permanentAddresses({ addresses }: Link): string[] {
  return addresses
    .filter(({ scope, isDynamic }) => scope !== 'link' && !isDynamic)
    .map(({ address, prefix }) => `${address}/${prefix}`);
}

/**
 * Creates the bridge. Its ports forward immediately, and multicast packets go to all ports: spanning tree and
 * snooping are not needed there, and can delay packets.
 */
export function makeBridge({ name, mac, addresses }: HostNetwork['bridge'], user: TapUser): Step[] {
  const options = ['forward_delay', '0', 'stp_state', '0', 'mcast_snooping', '0'];
  return [
    run(
      ['ip', 'link', 'add', 'name', name, 'address', mac, 'type', 'bridge', ...options],
      [...(['ip', 'link', 'delete', 'dev', name] as const)],
    ),
    run(['ip', 'link', 'set', 'dev', name, 'alias', aliasOf(user), 'up']),
    ...addresses.map((cidr) => run(addAddress(name, cidr))),
  ];
}

/** Adds an address. An IPv6 address is usable immediately (nodad): nothing else on the bridge has it. */
export function addAddress(name: string, cidr: string): Argv {
  const more = parseCidr(cidr).family === 6 ? ['nodad'] : ['broadcast', '+'];
  return ['ip', 'address', 'add', cidr, ...more, 'dev', name];
}

export function deleteAddress(name: string, cidr: string): Argv {
  return ['ip', 'address', 'delete', cidr, 'dev', name];
}

/** Attaches a port to a bridge. Undo restores its previous bridge. */
export function putOn(bridge: string, { name, master }: Link): Step {
  const back = master === undefined ? takeFromBridge(name) : putOnBridge(name, master);
  return run(putOnBridge(name, bridge), back);
}

export function putOnBridge(name: string, bridge: string): Argv {
  return ['ip', 'link', 'set', 'dev', name, 'master', bridge];
}

export function takeFromBridge(name: string): Argv {
  return ['ip', 'link', 'set', 'dev', name, 'nomaster'];
}

export function setUp(name: string): Argv {
  return ['ip', 'link', 'set', 'dev', name, 'up'];
}

export function setDown(name: string): Argv {
  return ['ip', 'link', 'set', 'dev', name, 'down'];
}

export function makeTap(name: string, bridge: string | undefined, user: TapUser): Step[] {
  return [
    run(
      ['ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap', 'user', String(user.uid)],
      [...(['ip', 'tuntap', 'delete', 'dev', name, 'mode', 'tap'] as const)],
    ),
    run([
      ...(['ip', 'link', 'set', 'dev', name, 'alias', aliasOf(user)] as const),
      ...(bridge === undefined ? [] : ['master', bridge]),
      'up',
    ]),
  ];
}

export function deleteTap({ name, master }: Link, user: TapUser): Step {
  const again = makeTap(name, master, user).flatMap((step) =>
    step.kind === 'run' ? [step.argv] : [],
  );
  return run(['ip', 'tuntap', 'delete', 'dev', name, 'mode', 'tap'], ...again);
}

export function deleteBridge(link: Link, user: TapUser): Step {
  const { name, mac } = link;
  const again = makeBridge({ name, mac, addresses: permanentAddresses(link) }, user);
  return run(
    ['ip', 'link', 'delete', 'dev', name],
    ...again.flatMap((step) => (step.kind === 'run' ? [step.argv] : [])),
  );
}
