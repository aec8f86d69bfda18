import { isIP } from 'node:net';

/** A value for one of a VM's network cards, written as VALUE@TAP; without @TAP for the first card. */
export interface PerTap {
  value: string;
  tap: string | undefined;
}

/** A port of this host's loopback address that is forwarded to a port of a VM. */
export interface PortForward {
  protocol: 'tcp' | 'udp';
  host: number;
  guest: number;
}

/** IPv4 addresses and lease time of a DHCP server, in the syntax of dnsmasq(8). */
export interface DhcpRange {
  first: string;
  last: string;
  lease: string;
}

const splitList = (text: string): string[] => text.split(/[\s,]+/).filter((item) => item !== '');

/** Name of a network interface: IFNAMSIZ of linux/if.h is 16, including the terminating NUL. */
export const INTERFACE_NAME = /^(?!\.{1,2}$)[\w.@+-]{1,15}$/;

/** Parses a list; undefined if it is empty or an item is invalid. */
function parseList<Item>(
  text: string,
  parse: (item: string) => Item | undefined,
): Item[] | undefined {
  const items = splitList(text).map(parse);
  const isWhole = items.length > 0 && items.every((item) => item !== undefined);
  return isWhole ? (items as Item[]) : undefined;
}

/** `rapido-tap1 lan1`: names of interfaces, each once. */
export function parseInterfaces(text: string): string[] | undefined {
  const names = parseList(text, (name) => (INTERFACE_NAME.test(name) ? name : undefined));
  return names !== undefined && new Set(names).size === names.length ? names : undefined;
}

/** `192.168.155.1/24 fd00:155::1/64` */
export function parseCidrs(text: string): string[] | undefined {
  return parseList(text, parseCidr);
}

/** `192.168.155.1 fd00:155::1` */
export function parseIps(text: string): string[] | undefined {
  return parseList(text, parseIp);
}

/** `dhcp`, `192.168.155.11/24 fd00:155::11/64`, `dhcp, 10.0.0.11/24@lan1` */
export function parseAddresses(text: string): PerTap[] | undefined {
  return parseList(text, (item) =>
    parsePerTap(item, (value) => (value.toLowerCase() === 'dhcp' ? 'dhcp' : parseCidr(value))),
  );
}

/** `b8:ac:24:45:c5:01, b8:ac:24:45:c5:02@lan1` */
export function parseMacs(text: string): PerTap[] | undefined {
  return parseList(text, (item) => parsePerTap(item, parseMac));
}

/** Splits at the first "@": addresses and the word dhcp contain none, but names of interfaces may. */
function parsePerTap(
  item: string,
  parse: (value: string) => string | undefined,
): PerTap | undefined {
  const at = item.indexOf('@');
  const value = parse(at === -1 ? item : item.slice(0, at));
  const tap = at === -1 ? undefined : item.slice(at + 1);
  if (value === undefined || (tap !== undefined && !INTERFACE_NAME.test(tap))) return undefined;
  return { value, tap };
}

/** Normalizes an address with prefix length: `fd00:0::1/64` is `fd00::1/64`. */
function parseCidr(text: string): string | undefined {
  const [, address = '', length = ''] = /^(.+)\/(\d{1,3})$/.exec(text) ?? [];
  const ip = parseIp(address);
  if (ip === undefined || Number(length) > (isIP(ip) === 4 ? 32 : 128)) return undefined;
  return `${ip}/${Number(length)}`;
}

/** Normalizes an address (RFC 5952), so that equal addresses are equal texts. */
function parseIp(text: string): string | undefined {
  switch (isIP(text)) {
    case 4:
      return text;
    case 6:
      // A zone (fe80::1%eth0) is only valid on one machine.
      return text.includes('%') ? undefined : new URL(`http://[${text}]/`).hostname.slice(1, -1);
    default:
      return undefined;
  }
}

/** Normalizes to lower case. The lowest bit of the first byte marks a group address (IEEE 802). */
function parseMac(text: string): string | undefined {
  const mac = text.toLowerCase();
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return undefined;
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 ? mac : undefined;
}

/** `2222:22, 5353:53/udp` */
export function parseForwards(text: string): PortForward[] | undefined {
  return parseList(text, (item) => {
    const [, host, guest, protocol = 'tcp'] = /^(\d+):(\d+)(?:\/(tcp|udp))?$/.exec(item) ?? [];
    const ports = { host: Number(host), guest: Number(guest) };
    const isValid = Object.values(ports).every((port) => port >= 1 && port <= 65535);
    return isValid ? { protocol: protocol === 'udp' ? 'udp' : 'tcp', ...ports } : undefined;
  });
}

/** `192.168.155.10,192.168.155.20,12h`. The default lease time is that of dnsmasq. */
export function parseDhcpRange(text: string): DhcpRange | undefined {
  const [first = '', last = '', lease = '1h', ...rest] = text.split(',').map((part) => part.trim());
  const isValid =
    isIP(first) === 4 &&
    isIP(last) === 4 &&
    compareIPv4(first, last) <= 0 &&
    /^(\d{1,9}[smhdw]?|infinite)$/.test(lease) &&
    rest.length === 0;
  return isValid ? { first, last, lease } : undefined;
}

function compareIPv4(one: string, other: string): number {
  const toNumber = (ip: string): number =>
    ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return toNumber(one) - toNumber(other);
}
