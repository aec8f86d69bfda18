import { parseCidrs, parseIps, parseMacs } from '../conf/network-values.ts';

/** The settings of a systemd.network(5) file that rapido needs. systemd-networkd handles the rest. */
export interface NetworkFile {
  /**
   * Which interfaces it matches. `mac`: a card with a MAC. `other`: interfaces by name or type. `unsaid`: there is
   * no [Match] section, as in files for the original tool. The file then has the name of the tap, and rapido
   * adds the MAC.
   */
  match: 'mac' | 'other' | 'unsaid';
  /** The MAC that it matches, or that it sets. */
  mac: string | undefined;
  /** With prefix lengths; the default is 32 or 128. */
  addresses: string[];
  /** Whether it requests an IPv4 address by DHCP. */
  dhcp: boolean;
  /** Name servers that are plain addresses. */
  dns: string[];
}

/** A line `KEY=VALUE`, with its section. */
interface Setting {
  section: string;
  key: string;
  value: string;
  /** From 1. */
  line: number;
}

/** The settings of a file, in order. Other lines are ignored; systemd reports them. See systemd.syntax(7). */
function parseSettings(text: string): Setting[] {
  const settings: Setting[] = [];
  let section = '';
  let begun = '';
  let first = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    // Comments may also interrupt a continued line.
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

/** An invalid setting in a network file. */
export class NetworkFileError extends Error {}

/**
 * Reads a *.network file.
 * @throws NetworkFileError with the line and what is wrong there
 */
export function parseNetworkFile(text: string): NetworkFile {
  const settings = parseSettings(text);
  const addresses = valuesOf(settings, ['Network', 'Address'], 'Address').flatMap(readAddress);
  // Loopback addresses cannot conflict with other VMs.
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

/** `DHCP=` is a boolean of systemd, or a kind of address; the last two are from older versions. */
const DHCP_FOR_IPV4 = ['yes', 'y', 'true', 't', 'on', '1', 'ipv4', 'both', 'v4'];

/** The kinds of virtual interfaces that a *.netdev file creates. */
export function parseNetdevKinds(text: string): string[] {
  return valuesOf(parseSettings(text), ['NetDev'], 'Kind').map(({ value }) => value);
}

/** The settings of a list; an empty value resets the list. */
function valuesOf(settings: readonly Setting[], sections: string[], key: string): Setting[] {
  const named = settings.filter((one) => sections.includes(one.section) && one.key === key);
  return named.slice(named.findLastIndex(({ value }) => value === '') + 1);
}

function readMatch(settings: readonly Setting[]): Pick<NetworkFile, 'match' | 'mac'> {
  // If it matches several cards, the first MAC is used.
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

/** Bytes separated by colons or hyphens, or pairs of bytes separated by dots. */
function readMac({ key, value, line }: Setting): string {
  const [word = ''] = value.split(/\s+/);
  const digits = /^[\da-f]{4}(\.[\da-f]{4}){2}$/i.test(word)
    ? word.replaceAll('.', '').replace(/..(?!$)/g, '$&:')
    : word.replaceAll('-', ':');
  const mac = parseMacs(digits)?.find(({ tap }) => tap === undefined)?.value;
  if (mac !== undefined) return mac;
  throw new NetworkFileError(`${line}: ${key}=${value} is not a valid MAC address for a card`);
}

function readAddress({ value, line }: Setting): string[] {
  const length = value.includes(':') ? 128 : 32;
  const [address] = parseCidrs(value.includes('/') ? value : `${value}/${length}`) ?? [];
  if (address === undefined || /\s/.test(value)) {
    throw new NetworkFileError(`${line}: Address=${value} is not an IP address`);
  }
  // networkd chooses the address itself.
  return /^(0\.0\.0\.0|::)\//.test(address) ? [] : [address];
}
