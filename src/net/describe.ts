import { bridgeOf, type DhcpServer } from './dhcp-server.ts';
import type { Link } from './links.ts';

/** What there is of a network, and what there should be. */
export interface NetworkFacts {
  links: readonly Link[];
  dhcpServers: readonly DhcpServer[];
  /** VMs that run, with their taps. */
  vms: readonly { number: number; taps: readonly string[] }[];
  /** BR_DEV */
  bridge: string;
  /** Taps that the conf wants. */
  taps: readonly string[];
  /** Whether the conf wants a DHCP server. */
  dhcp: boolean;
}

export interface NetworkDescription {
  /** In a line. */
  text: string;
  /** What the conf wants and there is not, a few words each. */
  lacks: string[];
}

/** @returns undefined where there is no bridge of that name */
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
