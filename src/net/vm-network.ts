import type { Conf } from '../conf/conf.ts';
import type { PortForward } from '../conf/network-values.ts';
import type { NETWORK_KINDS } from '../conf/schema.ts';
import {
  bridgedVms,
  type GuestNetwork,
  hostnameOf,
  makeMac,
  makeMachineId,
  planGuestNetworks,
} from './guest-network.ts';
import { isInNetwork, parseCidr } from './ip.ts';
import { type NetConf, placeFiles } from './net-conf.ts';

export type NetworkKind = (typeof NETWORK_KINDS)[number];

/** The network of a VM that is about to start, as plain data. */
export interface VmNetwork {
  kind: Exclude<NetworkKind, 'none'>;
  nics: NicPlan[];
  /** Name servers. */
  dns: string[];
  /** Who the guest knows by name. */
  hosts: HostNames[];
  /** systemd-networkd sets up the cards, not init. Its DHCP client is known by this machine-id(5). */
  networkd?: { machineId: string };
}

/** A network card of a VM. */
export interface NicPlan {
  mac: string;
  /** Where QEMU sends what goes out of it. */
  backend: { tap: string; vhost: boolean } | { forwards: PortForward[] };
  /** What init gives it, with prefix lengths. */
  addresses: string[];
  /** Whether the guest asks a DHCP server for another one. */
  dhcp: boolean;
  gateways: string[];
  /** Name of the systemd.network(5) file that is for this card. */
  networkFile?: string;
}

/** A line of hosts(5), for each address. */
export interface HostNames {
  addresses: string[];
  names: string[];
}

export interface NetworkRequest {
  kind: NetworkKind;
  number: number;
  /** With what the network files say of VMs: `withNetConf`. */
  conf: Conf;
  netConf: NetConf;
  /** See `planGuestNetworks`. */
  hostId: string;
  /** VMs that this one knows as rapido-server, rapido-server2 … */
  servers: readonly number[];
  /** In place of FORWARD; undefined: nothing was asked for. */
  forwards?: readonly PortForward[] | undefined;
  /** Whether the host's kernel can take packets from a guest under KVM without QEMU. */
  vhost: boolean;
}

/** Which network a VM gets: what was asked for, what its section says, what the conf says of all. */
export function chooseNetworkKind(
  conf: Conf,
  number: number,
  asked: NetworkKind | undefined,
): NetworkKind {
  return asked ?? conf.vm(number).NET ?? conf.get('VM_NET');
}

/** @returns undefined for a VM without a network */
export function planVmNetwork(request: NetworkRequest): VmNetwork | undefined {
  switch (request.kind) {
    case 'tap':
      return planTapNetwork(request);
    case 'user':
      return planUserNetwork(request);
    case 'none':
      return undefined;
  }
}

function planTapNetwork(request: NetworkRequest): VmNetwork {
  const { conf, number, vhost, hostId, servers, netConf } = request;
  const guests = planGuestNetworks(conf, bridgedVms(conf, [number, ...servers]), hostId);
  const { nics } = guests.find((guest) => guest.number === number) ?? { nics: [] };
  const gateways = conf.vm(number).GATEWAY ?? [];
  const placeOf = (gateway: string): number => {
    const isNear = ({ addresses }: { addresses: string[] }): boolean =>
      addresses.some((cidr) => isInNetwork(gateway, parseCidr(cidr)));
    return Math.max(nics.findIndex(isNear), 0);
  };
  const dns = conf.vm(number).DNS;
  const hosts = [...guests.map((guest) => nameGuest(guest, servers)), ...nameHost(conf)].filter(
    ({ addresses }) => addresses.length > 0,
  );
  const files = netConf.get(number);
  if (files !== undefined) {
    const taps = nics.map(({ tap }) => tap);
    const placed = placeFiles(number, files, taps);
    return {
      kind: 'tap',
      nics: nics.map(({ tap, mac }) => {
        const file = placed.get(tap);
        return {
          mac,
          backend: { tap, vhost },
          addresses: [],
          dhcp: false,
          gateways: [],
          ...(file !== undefined && { networkFile: file.name }),
        };
      }),
      dns: [...(dns ?? files.networks.flatMap((file) => file.dns))],
      hosts,
      networkd: { machineId: makeMachineId(hostId, number) },
    };
  }
  return {
    kind: 'tap',
    nics: nics.map(({ tap, mac, addresses, dhcp }, index) => ({
      mac,
      backend: { tap, vhost },
      addresses,
      dhcp,
      gateways: gateways.filter((gateway) => placeOf(gateway) === index),
    })),
    dns: [...(dns ?? [])],
    hosts,
  };
}

function nameGuest(
  { number, hostname, nics }: GuestNetwork,
  servers: readonly number[],
): HostNames {
  const place = servers.indexOf(number);
  const alias = place === -1 ? [] : [`rapido-server${place === 0 ? '' : place + 1}`];
  return {
    addresses: nics.flatMap(({ lease, addresses }) => [
      ...(lease === undefined ? [] : [lease]),
      ...addresses.map((cidr) => parseCidr(cidr).address),
    ]),
    names: [...new Set([hostname, nameOf(number), ...alias])],
  };
}

/** What others can always call a VM, whatever its host name. */
export function nameOf(number: number): string {
  return `rapido${number}`;
}

function nameHost(conf: Conf): HostNames[] {
  const addresses = (conf.get('BR_ADDR') ?? []).map((cidr) => parseCidr(cidr).address);
  return [{ addresses, names: [HOST_NAME] }];
}

/** What guests call the host that they run on. */
const HOST_NAME = 'rapido-host';

/** Addresses of QEMU's user-mode network, qemu(1). */
const USER_NETWORK = {
  guest: '10.0.2.15/24',
  host: '10.0.2.2',
  dns: '10.0.2.3',
} as const;

function planUserNetwork({ conf, number, hostId, forwards }: NetworkRequest): VmNetwork {
  const own = conf.vm(number);
  const { guest, host, dns } = USER_NETWORK;
  return {
    kind: 'user',
    nics: [
      {
        mac: own.MAC?.[0]?.value ?? makeMac(hostId, number, 0),
        backend: { forwards: [...(forwards ?? own.FORWARD ?? [])] },
        addresses: [guest],
        dhcp: false,
        gateways: [host],
      },
    ],
    dns: [...(own.DNS ?? [dns])],
    hosts: [
      {
        addresses: [parseCidr(guest).address],
        names: [...new Set([hostnameOf(conf, number), nameOf(number)])],
      },
      { addresses: [host], names: [HOST_NAME] },
    ],
  };
}

/**
 * What guest/init learns of the network, a word for each:
 *
 * - `rapido.nic0=MAC,ADDRESS/PREFIX,dhcp,via=GATEWAY,file=NAME`: the first card, by its MAC; the rest as it is.
 * - `rapido.hosts=ADDRESS+ADDRESS/NAME/NAME,…`
 * - `rapido.dns=ADDRESS,…`
 * - `rapido.networkd=1`: systemd-networkd is to do it. As with the original tool, cards are called eth0, eth1 …
 */
export function networkParameters({ nics, hosts, dns, networkd }: VmNetwork): string[] {
  const words = (list: readonly string[]): string => list.join(',');
  return [
    ...nics.map(({ mac, addresses, dhcp, gateways, networkFile }, index) => {
      const rest = [
        ...addresses,
        ...(dhcp ? ['dhcp'] : []),
        ...gateways.map((ip) => `via=${ip}`),
        ...(networkFile === undefined ? [] : [`file=${networkFile}`]),
      ];
      return `rapido.nic${index}=${words([mac, ...rest])}`;
    }),
    `rapido.hosts=${words(hosts.map(({ addresses, names }) => [addresses.join('+'), ...names].join('/')))}`,
    ...(dns.length === 0 ? [] : [`rapido.dns=${words(dns)}`]),
    ...(networkd === undefined
      ? []
      : ['rapido.networkd=1', `systemd.machine_id=${networkd.machineId}`, 'net.ifnames=0']),
  ];
}
