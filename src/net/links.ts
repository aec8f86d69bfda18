import { runTool } from '../sys/exec.ts';

/** A network interface of this host, as the kernel has it. */
export interface Link {
  index: number;
  name: string;
  /** `bridge`, `tun` …; undefined for hardware. */
  kind: string | undefined;
  /** For a tap: the user who may open it, by name, or by number where there is no name. */
  tap: { user: string | undefined } | undefined;
  /** What `ip link set … alias` wrote there. */
  alias: string | undefined;
  /** The bridge that it belongs to. */
  master: string | undefined;
  isUp: boolean;
  /** Something is at its other end: of a tap, a process that has it open. */
  hasCarrier: boolean;
  mac: string;
  addresses: LinkAddress[];
}

export interface LinkAddress {
  family: 4 | 6;
  address: string;
  prefix: number;
  scope: string;
  /** Made by the kernel or a DHCP client, with a lifetime. */
  isDynamic: boolean;
}

const SHOW_LINKS: [string, ...string[]] = ['ip', '-json', '-details', 'address', 'show'];

/** The interfaces of this network namespace. */
export async function readLinks(): Promise<Link[]> {
  const text = await runTool(SHOW_LINKS, {
    purpose: 'looking at the network interfaces',
    returns: 'stdout',
    installHint: 'install iproute2',
  });
  return parseLinks(text);
}

/** What `ip -json` says of an interface, as far as it matters here. */
interface IpLink {
  ifindex: number;
  ifname: string;
  flags: string[];
  address?: string;
  ifalias?: string;
  master?: string;
  linkinfo?: { info_kind?: string; info_data?: { type?: string; user?: string | number } };
  addr_info?: {
    family?: string;
    local?: string;
    prefixlen?: number;
    scope?: string;
    dynamic?: boolean;
  }[];
}

/** @param text JSON of `ip -json -details address show` */
export function parseLinks(text: string): Link[] {
  const links: IpLink[] = JSON.parse(text || '[]');
  // Some versions print an empty object for what was filtered out.
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
    addresses: (link.addr_info ?? []).flatMap(({ local, ...info }) =>
      local === undefined
        ? []
        : {
            family: info.family === 'inet6' ? 6 : 4,
            address: local,
            prefix: info.prefixlen ?? 0,
            scope: info.scope ?? 'global',
            isDynamic: info.dynamic === true,
          },
    ),
  };
}
