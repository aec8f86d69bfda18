import type { Argv } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';

/** A network interface of this host. */
export interface Link {
  index: number;
  name: string;
  /** `bridge`, `tun` …; undefined for hardware. */
  kind: string | undefined;
  /** For a tap, the user who may open it, by name or, if there is no name, by number. */
  tap: { user: string | undefined } | undefined;
  /** The alias, from `ip link set … alias`. */
  alias: string | undefined;
  /** The bridge to which it belongs. */
  master: string | undefined;
  isUp: boolean;
  /** Whether it has a carrier. For a tap: whether a process has it open. */
  hasCarrier: boolean;
  mac: string;
  addresses: LinkAddress[];
}

export interface LinkAddress {
  family: 4 | 6;
  address: string;
  prefix: number;
  scope: string;
  /** Added by the kernel or a DHCP client, with a lifetime. */
  isDynamic: boolean;
  /** A privacy address, which the kernel adds and replaces. */
  isTemporary: boolean;
  /** Arguments of `ip address add` that add it again. */
  words: string[];
}

const SHOW_LINKS: Argv = ['ip', '-json', '-details', 'address', 'show'];

/** The interfaces of this network namespace. */
export async function readLinks(): Promise<Link[]> {
  const text = await runTool(SHOW_LINKS, {
    purpose: 'reading the network interfaces',
    returns: 'stdout',
    installHint: 'install iproute2',
  });
  return parseLinks(text);
}

/** The used part of the output of `ip -json` for an interface. */
interface IpLink {
  ifindex: number;
  ifname: string;
  flags: string[];
  address?: string;
  ifalias?: string;
  master?: string;
  linkinfo?: { info_kind?: string; info_data?: { type?: string; user?: string | number } };
  addr_info?: IpAddress[];
}

interface IpAddress {
  family?: string;
  local?: string;
  /** The other end of a point-to-point link. */
  address?: string;
  prefixlen?: number;
  broadcast?: string;
  scope?: string;
  label?: string;
  metric?: number;
  dynamic?: boolean;
  temporary?: boolean;
  noprefixroute?: boolean;
  mngtmpaddr?: boolean;
  nodad?: boolean;
  /** Seconds. */
  valid_life_time?: number;
  preferred_life_time?: number;
}

/** @param text JSON of `ip -json -details address show` */
function parseLinks(text: string): Link[] {
  const links: IpLink[] = JSON.parse(text || '[]');
  // Some versions print an empty object for a filtered interface.
  return links.filter(({ ifname }) => ifname !== undefined).map(toLink);
}

function toLink(link: IpLink): Link {
  const { info_kind: kind, info_data: data } = link.linkinfo ?? {};
  return {
    index: link.ifindex,
    name: link.ifname,
    kind,
    tap:
      kind === 'tun' && data?.type === 'tap'
        ? { user: data.user === undefined ? undefined : String(data.user) }
        : undefined,
    alias: link.ifalias,
    master: link.master,
    isUp: link.flags.includes('UP'),
    hasCarrier: link.flags.includes('LOWER_UP'),
    mac: link.address ?? '',
    addresses: (link.addr_info ?? []).flatMap(toAddress),
  };
}

function toAddress(info: IpAddress): LinkAddress[] {
  const { local, prefixlen: prefix = 0, scope = 'global' } = info;
  if (local === undefined) return [];
  return [
    {
      family: info.family === 'inet6' ? 6 : 4,
      address: local,
      prefix,
      scope,
      isDynamic: info.dynamic === true,
      isTemporary: info.temporary === true,
      words: wordsOf({ ...info, local, prefixlen: prefix }),
    },
  ];
}

/** Arguments for `ip address add`. They include the lifetime, without which a DHCP address would stay forever. */
function wordsOf(info: IpAddress & { local: string; prefixlen: number }): string[] {
  const { local, address: peer, prefixlen, broadcast, scope = 'global', label, metric } = info;
  const ends =
    peer === undefined ? [`${local}/${prefixlen}`] : [local, 'peer', `${peer}/${prefixlen}`];
  return [
    ...ends,
    ...(broadcast === undefined ? [] : ['broadcast', broadcast]),
    ...(label === undefined ? [] : ['label', label]),
    ...(scope === 'global' ? [] : ['scope', scope]),
    ...(metric === undefined ? [] : ['metric', String(metric)]),
    ...(info.mngtmpaddr ? ['mngtmpaddr'] : []),
    ...(info.noprefixroute ? ['noprefixroute'] : []),
    ...(info.dynamic
      ? [
          'valid_lft',
          String(info.valid_life_time ?? 0),
          'preferred_lft',
          String(info.preferred_life_time ?? 0),
        ]
      : []),
    ...(info.nodad ? ['nodad'] : []),
  ];
}
