import { isIPv4 } from 'node:net';

/** An address as a number, with its family. */
interface Ip {
  family: 4 | 6;
  value: bigint;
}

/** An address with its prefix length: `192.168.155.1/24`. */
export interface Cidr {
  family: 4 | 6;
  address: string;
  prefix: number;
}

/** Parses a normalized address with prefix length, which the conf has checked. */
export function parseCidr(text: string): Cidr {
  const [address = '', prefix = ''] = text.split('/');
  return { family: isIPv4(address) ? 4 : 6, address, prefix: Number(prefix) };
}

/** @param text a valid address */
function parseIp(text: string): Ip {
  if (isIPv4(text)) {
    const parts = text.split('.').map(Number);
    return { family: 4, value: join(parts, 8n) };
  }
  // `1::2` is `1`, then as many zeros as are missing, then `2`.
  const [before = '', after] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(before), groups(after ?? '')];
  const zeros = after === undefined ? 0 : 8 - left.length - right.length;
  return { family: 6, value: join([...left, ...Array<number>(zeros).fill(0), ...right], 16n) };
}

function join(parts: readonly number[], bits: bigint): bigint {
  return parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);
}

/** Formats an address; IPv6 according to RFC 5952. */
function formatIp({ family, value }: Ip): string {
  if (family === 4) return split(value, 4, 8n).join('.');
  const text = split(value, 8, 16n)
    .map((group) => group.toString(16))
    .join(':');
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

function split(value: bigint, count: number, bits: bigint): bigint[] {
  const mask = (1n << bits) - 1n;
  return Array.from({ length: count }, (_, i) => (value >> (BigInt(count - 1 - i) * bits)) & mask);
}

/** Number of addresses of a network, including the first and the last. */
function sizeOf({ family, prefix }: Cidr): bigint {
  return 1n << BigInt((family === 4 ? 32 : 128) - prefix);
}

/**
 * The address at an offset in a network: 11 in 192.168.155.1/24 is 192.168.155.11.
 * @returns undefined if this is not an address for a host in the network
 */
export function addressInNetwork(network: Cidr, offset: bigint): string | undefined {
  const { family } = network;
  const size = sizeOf(network);
  // The last address of an IPv4 network is the broadcast address.
  if (offset < 1n || offset >= (family === 4 ? size - 1n : size)) return undefined;
  const { value } = parseIp(network.address);
  return formatIp({ family, value: value - (value % size) + offset });
}

/** Whether an address is in the network of an interface with the address `network`. */
export function isInNetwork(address: string, network: Cidr): boolean {
  const ip = parseIp(address);
  const size = sizeOf(network);
  return ip.family === network.family && ip.value / size === parseIp(network.address).value / size;
}

export function isBetween(address: string, first: string, last: string): boolean {
  const [value, from, to] = [address, first, last].map((ip) => parseIp(ip).value);
  return (
    value !== undefined && from !== undefined && to !== undefined && value >= from && value <= to
  );
}

/** Generates the IPv4 addresses from `first` to `last`. */
export function* addressesBetween(first: string, last: string): Generator<string> {
  const end = parseIp(last).value;
  for (let { value } = parseIp(first); value <= end; value++) yield formatIp({ family: 4, value });
}
