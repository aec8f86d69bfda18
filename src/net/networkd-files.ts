import { parseCidrs, parseIps, parseMacs } from '../conf/network-values.ts';

/** What rapido has to know of a systemd.network(5) file; the rest is for systemd-networkd. */
export interface NetworkFile {
  /**
   * Which interfaces it is for: a card with a MAC, those with a name or of a type, or it has no word of that.
   * The last is how the original has it: the file is then called after the tap, and rapido adds the MAC.
   */
  match: 'mac' | 'other' | 'unsaid';
  /** Of the card that it is for, or that it gives to that. */
  mac: string | undefined;
  /** With prefix lengths; one that the file writes without is 32 or 128 long. */
  addresses: string[];
  /** Whether it asks a DHCP server for an IPv4 address. */
  dhcp: boolean;
  /** Name servers, those that are plain addresses. */
  dns: string[];
}

/** A line `KEY=VALUE`, with the section that it stands in. */
interface Setting {
  section: string;
  key: string;
  value: string;
  /** From 1. */
  line: number;
}

/** The settings of a file, in order; what is none is left to systemd to complain of. See systemd.syntax(7). */
function parseSettings(text: string): Setting[] {
  const settings: Setting[] = [];
  let section = '';
  let begun = '';
  let first = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    // Also within a line that is continued.
    if (/^\s*[#;]/.test(raw)) continue;
    if (begun === '') first = index + 1;
    if (raw.endsWith('\\')) {
      begun += `${raw.slice(0, -1)} `;
      continue;
    }
    const line = `${begun}${raw}`.trim();
    begun = '';
    const equals = line.indexOf('=');
    if (line.startsWith('[') && line.endsWith(']')) section = line.slice(1, -1);
    else if (equals > 0) {
      const [key, value] = [line.slice(0, equals).trim(), line.slice(equals + 1).trim()];
      settings.push({ section, key, value, line: first });
    }
  }
  return settings;
}

/** Thrown at what no file may hold. */
export class NetworkFileError extends Error {}

/**
 * Reads a *.network file.
 * @throws NetworkFileError with the line and what is wrong there
 */
export function parseNetworkFile(text: string): NetworkFile {
  const settings = parseSettings(text);
  const addresses = valuesOf(settings, ['Network', 'Address'], 'Address').flatMap(readAddress);
  // Nobody else reaches those.
  const isLoopback = valuesOf(settings, ['Match'], 'Name').some(({ value }) => value === 'lo');
  const [dhcp] = valuesOf(settings, ['Network'], 'DHCP').slice(-1);
  const dns = valuesOf(settings, ['Network'], 'DNS').flatMap(({ value }) => value.split(/\s+/));
  return {
    ...readMatch(settings),
    addresses: isLoopback ? [] : addresses,
    dhcp: DHCP_FOR_IPV4.includes(dhcp?.value.toLowerCase() ?? ''),
    dns: dns.flatMap((word) => parseIps(word) ?? []),
  };
}

/** `DHCP=` is a boolean of systemd's, or a kind of address; the last two are of older versions. */
const DHCP_FOR_IPV4 = ['yes', 'y', 'true', 't', 'on', '1', 'ipv4', 'both', 'v4'];

/** The kinds of virtual interfaces that a *.netdev file makes. */
export function parseNetdevKinds(text: string): string[] {
  return valuesOf(parseSettings(text), ['NetDev'], 'Kind').map(({ value }) => value);
}

/** The settings of a list, which an empty value begins anew. */
function valuesOf(settings: readonly Setting[], sections: string[], key: string): Setting[] {
  const named = settings.filter((one) => sections.includes(one.section) && one.key === key);
  return named.slice(named.findLastIndex(({ value }) => value === '') + 1);
}

function readMatch(settings: readonly Setting[]): Pick<NetworkFile, 'match' | 'mac'> {
  // One that matches several cards is given to the first of them.
  const [matched] = [
    ...valuesOf(settings, ['Match'], 'MACAddress'),
    ...valuesOf(settings, ['Match'], 'PermanentMACAddress'),
  ];
  if (matched !== undefined) return { match: 'mac', mac: readMac(matched) };
  if (settings.some(({ section }) => section === 'Match'))
    return { match: 'other', mac: undefined };
  const [given] = valuesOf(settings, ['Link'], 'MACAddress').slice(-1);
  return { match: 'unsaid', mac: given === undefined ? undefined : readMac(given) };
}

/** Bytes with colons or hyphens between, or pairs of them with dots. */
function readMac({ key, value, line }: Setting): string {
  const [word = ''] = value.split(/\s+/);
  const digits = /^[\da-f]{4}(\.[\da-f]{4}){2}$/i.test(word)
    ? word.replaceAll('.', '').replace(/..(?!$)/g, '$&:')
    : word.replaceAll('-', ':');
  const mac = parseMacs(digits)?.find(({ tap }) => tap === undefined)?.value;
  if (mac !== undefined) return mac;
  throw new NetworkFileError(`${line}: ${key}=${value} is no MAC address that a card can have`);
}

function readAddress({ value, line }: Setting): string[] {
  const length = value.includes(':') ? 128 : 32;
  const [address] = parseCidrs(value.includes('/') ? value : `${value}/${length}`) ?? [];
  if (address === undefined || /\s/.test(value)) {
    throw new NetworkFileError(`${line}: Address=${value} is no IP address`);
  }
  // networkd takes one of its own choice.
  return /^(0\.0\.0\.0|::)\//.test(address) ? [] : [address];
}
