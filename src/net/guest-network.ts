import { createHash } from 'node:crypto';
import type { Conf } from '../conf/conf.ts';
import type { DhcpRange, PerTap } from '../conf/network-values.ts';
import { defaultTap } from '../conf/vm-conflicts.ts';
import { UsageError } from '../errors.ts';
import { addressesBetween, addressInNetwork, type Cidr, isBetween, parseCidr } from './ip.ts';

/** A network card of a VM on the bridge, as the conf has it. */
export interface GuestNic {
  tap: string;
  mac: string;
  /** With prefix lengths. */
  addresses: string[];
  /** Whether it asks a DHCP server for another one. */
  dhcp: boolean;
  /** The address that rapido's own DHCP server will give it, if that is known. */
  lease: string | undefined;
}

/** A VM on the bridge. */
export interface GuestNetwork {
  number: number;
  hostname: string;
  nics: GuestNic[];
}

/**
 * The VMs that are on the bridge: those with a section, two where there is none, and whatever else is
 * asked for.
 */
export function bridgedVms(conf: Conf, others: readonly number[] = []): number[] {
  const own = conf.vmNumbers.length > 0 ? conf.vmNumbers : DEFAULT_VMS;
  return [...new Set([...own, ...others])]
    .filter((number) => (conf.vm(number).NET ?? 'tap') === 'tap')
    .sort((a, b) => a - b);
}

const DEFAULT_VMS: readonly number[] = [1, 2];

/**
 * The network of each of these VMs: what their sections say, and what they get without.
 * @param hostId what tells this host from others, so that the MACs of their VMs differ on one LAN
 * @throws UsageError where addresses that were made from the numbers cannot be
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

/** What the section says, or what a VM of that number has without. */
function addressesOf(conf: Conf, number: number): readonly PerTap[] {
  const own = conf.vm(number).ADDRESS;
  if (own !== undefined) return own;
  return [...(defaultsToDhcp(conf) ? ['dhcp'] : []), ...defaultAddresses(conf, number)].map(
    (value) => ({ value, tap: undefined }),
  );
}

/** A host without an address on the bridge leaves that to the network that the bridge leads to. */
function defaultsToDhcp(conf: Conf): boolean {
  if (conf.get('BR_DHCP_SRV_RANGE') !== undefined) return true;
  return conf.get('BR_ADDR') === undefined && conf.get('BR_IF') !== undefined;
}

/** Where the addresses of VMs begin in their network. */
const FIRST_ADDRESS = 10;

/**
 * 192.168.155.11 for VM 1; fd00:155::11 goes with it: the digits of the last part are the same, though
 * they are hexadecimal there.
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
      `the network of BR_ADDR, ${network.address}/${network.prefix}, is too small to have an address for VM ${number}`,
      { hint: `give VM ${number} one, in its section: [vm${number}], and below it ADDRESS="…"` },
    );
  });
}

function firstNetwork(conf: Conf, family: 4 | 6): Cidr | undefined {
  return (conf.get('BR_ADDR') ?? []).map(parseCidr).find((network) => network.family === family);
}

/** `72` is "r": locally administered, unicast. Then which card, 20 bits of the host's, and the number. */
export function makeMac(hostId: string, number: number, index: number): string {
  const host = createHash('sha256').update(`rapido ${hostId}`).digest('hex').slice(0, 5);
  const digits = `72${index.toString(16)}${host}${number.toString(16).padStart(4, '0')}`;
  return digits.replace(/..(?!$)/g, '$&:');
}

/** A machine-id(5) that is always the same: by it a DHCP server knows systemd-networkd. */
export function makeMachineId(hostId: string, number: number): string {
  return createHash('sha256').update(`rapido VM ${number} of ${hostId}`).digest('hex').slice(0, 32);
}

/** The host and the VMs are on one bridge: an address must be of one of them only. */
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
        problems.push(`VM ${number}: ${address} is that of ${owner} already`);
    }
  }
  if (problems.length === 0) return;
  throw new UsageError('two on one bridge cannot have the same address', {
    problems,
    hint: 'ADDRESS in the sections [vm1], [vm2] …, or BR_ADDR',
  });
}

/**
 * Gives the first card of each VM that asks for one an address of the range: that which it would have
 * without DHCP, if that is free, else the next that is.
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
