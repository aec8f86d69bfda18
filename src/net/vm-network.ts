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
  /** Hosts that the guest knows by name. */
  hosts: HostNames[];
  /** Set if systemd-networkd sets up the cards, not init. The machine-id(5) identifies its DHCP client. */
  networkd?: { machineId: string };
}

/** A network card of a VM. */
export interface NicPlan {
  mac: string;
  /** QEMU's network backend. */
  backend: { tap: string; vhost: boolean } | { forwards: PortForward[] };
  /** Addresses that init sets, with prefix lengths. */
  addresses: string[];
  /** Whether the guest also requests an address by DHCP. */
  dhcp: boolean;
  gateways: string[];
  /** Name of the systemd.network(5) file for this card. */
  networkFile?: string;
}

/** Lines of hosts(5), one for each address. */
export interface HostNames {
  addresses: string[];
  names: string[];
}

export interface NetworkRequest {
  kind: NetworkKind;
  number: number;
  /** With the settings of the network files, see `withNetConf`. */
  conf: Conf;
  netConf: NetConf;
  /** See `planGuestNetworks`. */
  hostId: string;
  /** VMs with the names rapido-server, rapido-server2 … */
  servers: readonly number[];
  /** Replaces FORWARD, if set. */
  forwards?: readonly PortForward[] | undefined;
  /** Whether vhost-net can be used: the host's kernel then moves packets without QEMU. */
  vhost: boolean;
}

/** The network of a VM: as requested, otherwise NET of its section, otherwise VM_NET. */
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

/** The name that a VM always has for other VMs, in addition to its hostname. */
export function nameOf(number: number): string {
  return `rapido${number}`;
}

function nameHost(conf: Conf): HostNames[] {
  const addresses = (conf.get('BR_ADDR') ?? []).map((cidr) => parseCidr(cidr).address);
  return [{ addresses, names: [HOST_NAME] }];
}

/** The name of the host in guests. */
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
 * Describes the network for guest/init, as parameters of the kernel's command line:
 *
 * - `rapido.nic0=MAC,ADDRESS/PREFIX,dhcp,via=GATEWAY,file=NAME`: the first card, by its MAC, and its settings.
 * - `rapido.hosts=ADDRESS+ADDRESS/NAME/NAME,…`
 * - `rapido.dns=ADDRESS,…`
 * - `rapido.networkd=1`: systemd-networkd sets up the cards. As with the original tool, they have the names eth0, eth1 …
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
