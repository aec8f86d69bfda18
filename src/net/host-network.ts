import { createHash } from 'node:crypto';
import type { Conf } from '../conf/conf.ts';
import { UsageError } from '../errors.ts';
import type { Argv } from '../sys/command-line.ts';
import { type DhcpServer, dhcpServerCommand } from './dhcp-server.ts';
import { bridgedVms, planGuestNetworks } from './guest-network.ts';
import { isInNetwork, parseCidr } from './ip.ts';
import type { Link } from './links.ts';
import type { UplinkRecord } from './uplink.ts';

/** The user who may boot VMs on the taps. */
export interface TapUser {
  uid: number;
  name: string;
}

/** The network of this host, according to the conf. */
export interface HostNetwork {
  user: TapUser;
  bridge: { name: string; mac: string; addresses: string[] };
  /** BR_IF */
  uplink: string | undefined;
  taps: string[];
  /** Command line of the DHCP server. */
  dhcpServer: Argv | undefined;
}

/** The actual state of the network. */
export interface HostState {
  links: readonly Link[];
  dhcpServers: readonly DhcpServer[];
  /** The recorded state of BR_IF before an earlier setup. */
  record: UplinkRecord | undefined;
}

/** The alias of every interface that rapido creates, which marks it as rapido's. */
export function aliasOf({ uid }: TapUser): string {
  return `rapido network of uid ${uid}`;
}

/** The user to whose network an interface belongs, according to its alias. */
export function ownerOf({ alias }: Link): number | undefined {
  const uid = /^rapido network of uid (\d+)$/.exec(alias ?? '')?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/**
 * @param hostId see `planGuestNetworks`
 * @throws UsageError if the conf contradicts itself
 */
export function wantHostNetwork(conf: Conf, user: TapUser, hostId: string): HostNetwork {
  const name = conf.get('BR_DEV');
  const addresses = [...(conf.get('BR_ADDR') ?? [])];
  const uplink = conf.get('BR_IF');
  const guests = planGuestNetworks(conf, bridgedVms(conf), hostId);
  const taps = guests.flatMap(({ nics }) => nics.map(({ tap }) => tap));
  for (const [key, other] of [
    ['BR_DEV', name],
    ['BR_IF', uplink],
  ]) {
    if (other === undefined || !taps.includes(other)) continue;
    throw new UsageError(`${other} is ${key} and cannot also be a tap device`);
  }
  if (name === uplink) throw new UsageError(`BR_IF: ${name} is the bridge itself (BR_DEV)`);
  const range = conf.get('BR_DHCP_SRV_RANGE');
  const isServed = ({ first, last }: { first: string; last: string }): boolean =>
    addresses.map(parseCidr).some((cidr) => isInNetwork(first, cidr) && isInNetwork(last, cidr));
  if (range !== undefined && !isServed(range)) {
    throw new UsageError(
      `BR_DHCP_SRV_RANGE: ${range.first} to ${range.last} is not a range in a network of BR_ADDR`,
      { hint: 'the DHCP server needs an address in the network that it serves' },
    );
  }
  return {
    user,
    bridge: { name, mac: bridgeMac(hostId, name), addresses },
    uplink,
    taps,
    dhcpServer:
      range === undefined
        ? undefined
        : dhcpServerCommand(name, range, guests, uplink !== undefined),
  };
}

/** A constant MAC. Otherwise, a bridge has the MAC of a port, which changes if that port is removed. */
function bridgeMac(hostId: string, name: string): string {
  const digits = createHash('sha256').update(`rapido bridge ${hostId} ${name}`).digest('hex');
  return `72f${digits.slice(0, 9)}`.replace(/..(?!$)/g, '$&:');
}
