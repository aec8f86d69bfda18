import * as z from 'zod/mini';
import { UserError } from '../errors.ts';
import type { Argv } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { parseJson } from '../sys/json.ts';

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

const ipAddress = z.object({
  family: z.optional(z.string()),
  local: z.optional(z.string()),
  /** The other end of a point-to-point link. */
  address: z.optional(z.string()),
  prefixlen: z.optional(z.int()),
  broadcast: z.optional(z.string()),
  scope: z.optional(z.string()),
  label: z.optional(z.string()),
  metric: z.optional(z.int()),
  dynamic: z.optional(z.boolean()),
  temporary: z.optional(z.boolean()),
  noprefixroute: z.optional(z.boolean()),
  mngtmpaddr: z.optional(z.boolean()),
  nodad: z.optional(z.boolean()),
  /** Seconds. */
  valid_life_time: z.optional(z.int()),
  preferred_life_time: z.optional(z.int()),
});

type IpAddress = z.infer<typeof ipAddress>;

/** The kind of an interface, and what depends on the kind: rapido reads only the fields of a tap. */
const linkInfo = z.object({
  info_kind: z.optional(z.string()),
  info_data: z.optional(
    z.object({
      type: z.optional(z.unknown()),
      user: z.optional(z.unknown()),
    }),
  ),
});

/** The used part of the output of `ip -json` for an interface. */
const ipLink = z.object({
  ifindex: z.int(),
  ifname: z.string(),
  flags: z.array(z.string()),
  address: z.optional(z.string()),
  ifalias: z.optional(z.string()),
  master: z.optional(z.string()),
  linkinfo: z.optional(linkInfo),
  addr_info: z.optional(z.array(ipAddress)),
});

type IpLink = z.infer<typeof ipLink>;

/** Some versions print an empty object for a filtered interface. */
const nothing = z.pipe(
  z.strictObject({}),
  z.transform(() => undefined),
);

const ipLinks = z.array(z.union([ipLink, nothing]));

/**
 * @param text JSON of `ip -json -details address show`
 * @throws UserError if it is something else
 */
export function parseLinks(text: string): Link[] {
  const links = parseJson(ipLinks, text || '[]');
  if (links === undefined) {
    throw new UserError(`${SHOW_LINKS.join(' ')}: rapido does not understand its output`, {
      hint: 'is `ip` the program of iproute2? try `ip -V`',
    });
  }
  return links.filter((link) => link !== undefined).map(toLink);
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
