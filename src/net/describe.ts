import { bridgeOf, type DhcpServer } from './dhcp-server.ts';
import type { Link } from './links.ts';

/** The actual state of a network, and the state that the conf describes. */
export interface NetworkFacts {
  links: readonly Link[];
  dhcpServers: readonly DhcpServer[];
  /** Running VMs with their taps. */
  vms: readonly { number: number; taps: readonly string[] }[];
  /** BR_DEV */
  bridge: string;
  /** Taps according to the conf. */
  taps: readonly string[];
  /** Whether the conf sets a DHCP server. */
  dhcp: boolean;
}

export interface NetworkDescription {
  /** The network in one line. */
  text: string;
  /** Parts of the conf's network that are missing, a few words each. */
  lacks: string[];
}

/** @returns undefined if there is no bridge with this name */
export function describeNetwork(facts: NetworkFacts): NetworkDescription | undefined {
  const { links, vms, bridge: name } = facts;
  const bridge = links.find((link) => link.name === name && link.kind === 'bridge');
  if (bridge === undefined) return undefined;
  const addresses = bridge.addresses
    .filter(({ scope }) => scope === 'global')
    .map(({ address, prefix }) => `${address}/${prefix}`);
  const ports = links.filter(({ master }) => master === name);
  const taps = ports.filter(({ tap }) => tap !== undefined);
  const uplinks = ports.filter(({ tap }) => tap === undefined).map((link) => link.name);
  const isServed = facts.dhcpServers.some((server) => bridgeOf(server) === name);
  return {
    text: [
      [name, ...addresses].join(' '),
      ...uplinks.map((uplink) => `to ${uplink}`),
      taps.map((tap) => describeTap(tap, vms)).join(', ') || 'no taps',
      ...(isServed ? ['DHCP'] : []),
    ].join('; '),
    lacks: [
      ...(bridge.isUp ? [] : [`${name} is down`]),
      ...facts.taps
        .filter((wanted) => !taps.some((tap) => tap.name === wanted))
        .map((wanted) => `no ${wanted}`),
      ...(facts.dhcp && !isServed ? ['no DHCP server'] : []),
    ],
  };
}

function describeTap({ name, tap, hasCarrier, isUp }: Link, vms: NetworkFacts['vms']): string {
  const vm = vms.find(({ taps }) => taps.includes(name));
  if (vm !== undefined) return `${name} (VM ${vm.number})`;
  if (!isUp) return `${name} (down)`;
  return `${name} (${hasCarrier ? 'in use' : `free, for ${tap?.user ?? 'root'}`})`;
}
