import { createHash } from 'node:crypto';
import type { Conf } from '../conf/conf.ts';
import type { DhcpRange, PerTap } from '../conf/network-values.ts';
import { defaultTap } from '../conf/vm-conflicts.ts';
import { UsageError } from '../errors.ts';
import { addressesBetween, addressInNetwork, type Cidr, isBetween, parseCidr } from './ip.ts';

/** A network card of a VM on the bridge, according to the conf. */
export interface GuestNic {
  tap: string;
  mac: string;
  /** With prefix lengths. */
  addresses: string[];
  /** Whether it also gets an address by DHCP. */
  dhcp: boolean;
  /** The address that rapido's DHCP server will assign, if known. */
  lease: string | undefined;
}

/** A VM on the bridge. */
export interface GuestNetwork {
  number: number;
  hostname: string;
  nics: GuestNic[];
}

/**
 * The VMs that are on the bridge: those with a section, or two if there are no sections, and `others`.
 */
export function bridgedVms(conf: Conf, others: readonly number[] = []): number[] {
  const own = conf.vmNumbers.length > 0 ? conf.vmNumbers : DEFAULT_VMS;
  return [...new Set([...own, ...others])]
    .filter((number) => (conf.vm(number).NET ?? 'tap') === 'tap')
    .sort((a, b) => a - b);
}

const DEFAULT_VMS: readonly number[] = [1, 2];

/**
 * The network of each of these VMs, from their sections and the defaults.
 * @param hostId identifies this host, so that the MACs of VMs of several hosts on one LAN differ
 * @throws UsageError if a default address does not exist in the network, or an address is used twice
 */
export function planGuestNetworks(
  conf: Conf,
  numbers: readonly number[],
  hostId: string,
): GuestNetwork[] {
  const guests = numbers.map((number) => planGuest(conf, number, hostId));
  refuseSharedAddresses(conf, guests);
  return addLeases(conf, guests);
}

/** Whether a VM needs a DHCP client. */
export function usesDhcp(conf: Conf, number: number): boolean {
  return addressesOf(conf, number).some(({ value }) => value === 'dhcp');
}

function planGuest(conf: Conf, number: number, hostId: string): GuestNetwork {
  const own = conf.vm(number);
  const taps = own.TAP ?? [defaultTap(number)];
  const addresses = addressesOf(conf, number);
  const nics = taps.map((tap, index): GuestNic => {
    const isFor = (item: PerTap): boolean => (item.tap ?? taps[0]) === tap;
    const values = addresses.filter(isFor).map(({ value }) => value);
    return {
      tap,
      mac: own.MAC?.find(isFor)?.value ?? makeMac(hostId, number, index),
      addresses: values.filter((value) => value !== 'dhcp'),
      dhcp: values.includes('dhcp'),
      lease: undefined,
    };
  });
  return { number, hostname: hostnameOf(conf, number), nics };
}

export function hostnameOf(conf: Conf, number: number): string {
  return conf.vm(number).HOSTNAME ?? `rapido${number}`;
}

/** The addresses from the section of a VM, or its default addresses. */
function addressesOf(conf: Conf, number: number): readonly PerTap[] {
  const own = conf.vm(number).ADDRESS;
  if (own !== undefined) return own;
  return [...(defaultsToDhcp(conf) ? ['dhcp'] : []), ...defaultAddresses(conf, number)].map(
    (value) => ({ value, tap: undefined }),
  );
}

/** Without an address of the host on the bridge, addresses come from a DHCP server of the LAN. */
function defaultsToDhcp(conf: Conf): boolean {
  if (conf.get('BR_DHCP_SRV_RANGE') !== undefined) return true;
  return conf.get('BR_ADDR') === undefined && conf.get('BR_IF') !== undefined;
}

/** VM N has the address FIRST_ADDRESS + N in the network. */
const FIRST_ADDRESS = 10;

/**
 * 192.168.155.11 and fd00:155::11 for VM 1. The last parts have the same digits, although they are hexadecimal
 * in IPv6 addresses.
 */
function defaultAddresses(conf: Conf, number: number): string[] {
  const last = String(FIRST_ADDRESS + number);
  const [ipv4, ipv6] = [firstNetwork(conf, 4), firstNetwork(conf, 6)];
  const chosen = [
    ...(ipv4 === undefined || defaultsToDhcp(conf)
      ? []
      : [{ network: ipv4, offset: BigInt(last) }]),
    ...(ipv6 === undefined ? [] : [{ network: ipv6, offset: BigInt(`0x${last}`) }]),
  ];
  return chosen.map(({ network, offset }) => {
    const address = addressInNetwork(network, offset);
    if (address !== undefined) return `${address}/${network.prefix}`;
    throw new UsageError(
      `the BR_ADDR network, ${network.address}/${network.prefix}, is too small for VM ${number}'s address`,
      { hint: `set an address in the VM's section: [vm${number}], and below that ADDRESS="…"` },
    );
  });
}

function firstNetwork(conf: Conf, family: 4 | 6): Cidr | undefined {
  return (conf.get('BR_ADDR') ?? []).map(parseCidr).find((network) => network.family === family);
}

/** `72` is "r": locally administered, unicast. The index of the card, 20 bits of the host's ID and the VM number follow. */
export function makeMac(hostId: string, number: number, index: number): string {
  const host = createHash('sha256').update(`rapido ${hostId}`).digest('hex').slice(0, 5);
  const digits = `72${index.toString(16)}${host}${number.toString(16).padStart(4, '0')}`;
  return digits.replace(/..(?!$)/g, '$&:');
}

/** A constant machine-id(5) for a VM, by which a DHCP server recognizes systemd-networkd. */
export function makeMachineId(hostId: string, number: number): string {
  return createHash('sha256').update(`rapido VM ${number} of ${hostId}`).digest('hex').slice(0, 32);
}

/** Rejects addresses that are used twice: the host and the VMs are on one bridge. */
function refuseSharedAddresses(conf: Conf, guests: readonly GuestNetwork[]): void {
  const owners = new Map<string, string>();
  for (const cidr of conf.get('BR_ADDR') ?? []) owners.set(parseCidr(cidr).address, 'the host');
  const problems: string[] = [];
  for (const { number, nics } of guests) {
    for (const cidr of nics.flatMap(({ addresses }) => addresses)) {
      const { address } = parseCidr(cidr);
      const owner = owners.get(address);
      owners.set(address, owner ?? `VM ${number}`);
      if (owner !== undefined)
        problems.push(`VM ${number}: ${address} is already the address of ${owner}`);
    }
  }
  if (problems.length === 0) return;
  throw new UsageError('an address is used twice on the bridge', {
    problems,
    hint: 'change ADDRESS in the sections [vm1], [vm2] …, or BR_ADDR',
  });
}

/**
 * Assigns an address of the DHCP range to the first card of each VM that uses DHCP: its default address if that is
 * free, otherwise the next free one.
 */
function addLeases(conf: Conf, guests: readonly GuestNetwork[]): GuestNetwork[] {
  const range = conf.get('BR_DHCP_SRV_RANGE');
  if (range === undefined) return [...guests];
  const fixed = guests.flatMap(({ nics }) => nics.flatMap(({ addresses }) => addresses));
  const taken = new Set(
    [...(conf.get('BR_ADDR') ?? []), ...fixed].map((cidr) => parseCidr(cidr).address),
  );
  const take = (address: string | undefined): string | undefined => {
    if (address === undefined || taken.has(address)) return undefined;
    taken.add(address);
    return address;
  };
  const asking = guests.filter(({ nics }) => nics[0]?.dhcp === true).map(({ number }) => number);
  const usual = asking.map((number) => [number, take(usualAddress(conf, number, range))] as const);
  const leases = new Map(
    usual.map(([number, address]) => [number, address ?? take(firstFree(range, taken))]),
  );
  return guests.map((guest) => ({
    ...guest,
    nics: guest.nics.map((nic, index) =>
      index === 0 ? { ...nic, lease: leases.get(guest.number) } : nic,
    ),
  }));
}

/** The address that a VM would have without DHCP, if it is in the range. */
function usualAddress(conf: Conf, number: number, range: DhcpRange): string | undefined {
  const network = firstNetwork(conf, 4);
  const address = network && addressInNetwork(network, BigInt(FIRST_ADDRESS + number));
  return address !== undefined && isBetween(address, range.first, range.last) ? address : undefined;
}

function firstFree({ first, last }: DhcpRange, taken: ReadonlySet<string>): string | undefined {
  for (const address of addressesBetween(first, last)) if (!taken.has(address)) return address;
  return undefined;
}
