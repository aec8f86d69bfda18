import { userInfo } from 'node:os';
import type { Conf } from '../conf/conf.ts';
import { NETWORK_KINDS } from '../conf/schema.ts';
import { UsageError, UserError } from '../errors.ts';
import { readHostId } from '../host/host-id.ts';
import { canOpenTun, canUseVhostNet } from '../host/network-devices.ts';
import type { ImageHeader } from '../image/image-header.ts';
import type { Link } from '../net/links.ts';
import { digestNetConf, type NetConf } from '../net/net-conf.ts';
import { findTapProblems } from '../net/taps.ts';
import {
  chooseNetworkKind,
  type NetworkKind,
  nameOf,
  planVmNetwork,
  type VmNetwork,
} from '../net/vm-network.ts';
import type { VmEntry } from '../vm/registry.ts';
import { parseForwardOptions } from './forwards.ts';

/** Options for the network of a VM. */
export interface NetworkOptions {
  net?: string | undefined;
  /** The values of `--forward`, as typed. */
  forward?: string[] | undefined;
}

interface NetworkSources {
  /** Includes the values from the network files (`applyNetConf`). */
  conf: Conf;
  netConf: NetConf;
  header: ImageHeader;
  options: NetworkOptions;
  serversOf?: ((number: number) => readonly number[]) | undefined;
}

/**
 * The kind of network that the command line requests; undefined: the conf decides.
 * @throws UsageError if there is no such kind, or it cannot forward ports
 */
export function parseNetworkKind({ net, forward }: NetworkOptions): NetworkKind | undefined {
  const kind = NETWORK_KINDS.find((known) => known === net);
  if (net !== undefined && kind === undefined) {
    throw new UsageError(`--net: "${net}" is not a kind of network`, {
      hint: `--net ${NETWORK_KINDS.join(', --net ')}`,
    });
  }
  if (parseForwardOptions(forward) === undefined) return kind;
  if (kind === undefined || kind === 'user') return 'user';
  throw new UsageError(`--forward: ports cannot be forwarded with --net ${kind}`, {
    hint: 'omit --net, or use --net user',
  });
}

/**
 * Plans the network of VM `number`: as `--net` says, or, for a cut with a network, as the conf says.
 * @throws UserError if the image lacks what this network needs
 */
export function chooseNetwork(sources: NetworkSources, number: number): VmNetwork | undefined {
  const { conf, netConf, options, header, serversOf = () => [1] } = sources;
  const { image } = header;
  const asked = parseNetworkKind(options);
  if (!image.network) {
    if (asked === undefined || asked === 'none') return undefined;
    throw new UserError(`this image of ${image.cut} was cut without a network`, {
      hint: `rapido cut ${image.cut} --net ${asked}`,
    });
  }
  const network = planVmNetwork({
    kind: chooseNetworkKind(conf, number, asked),
    number,
    conf,
    netConf,
    servers: serversOf(number),
    forwards: parseForwardOptions(options.forward),
    hostId: readHostId(),
    vhost: canUseVhostNet(),
  });
  if (network?.kind === 'tap') refuseOtherFiles(image, netConf, number);
  if (network?.nics.some(({ dhcp }) => dhcp) && image.dhcpClient === undefined) {
    throw new UserError(
      `VM ${number} gets its address by DHCP, but this image of ${image.cut} has no DHCP client`,
      { hint: `rapido cut ${image.cut}` },
    );
  }
  return network;
}

/**
 * Rejects an image that was cut with other network files. The guest takes the files from the image, but its
 * network cards come from the present files, so both must match.
 */
function refuseOtherFiles(
  { cut, networkFiles = {} }: ImageHeader['image'],
  netConf: NetConf,
  number: number,
): void {
  const files = netConf.get(number);
  const digest = files === undefined ? undefined : digestNetConf(files);
  if (networkFiles[number] === digest) return;
  throw new UserError(
    `the network files of VM ${number} (VM_NET_CONF) differ from those that this image of ${cut} was cut with`,
    { hint: `rapido cut ${cut}` },
  );
}

export function tapsOf(network: VmNetwork | undefined): string[] {
  return (network?.nics ?? []).flatMap(({ backend }) => ('tap' in backend ? [backend.tap] : []));
}

/**
 * The addresses at which the host and other VMs reach the VM. None for a VM behind QEMU's NAT, or if a DHCP
 * server outside rapido assigns the address.
 */
export function addressesOf(network: VmNetwork | undefined, number: number): string[] {
  if (network?.kind === 'user') return [];
  return network?.hosts.find(({ names }) => names.includes(nameOf(number)))?.addresses ?? [];
}

/** The network interfaces of the host; empty if the VM cannot use any. */
export async function readLinksFor({
  header,
  options,
}: Pick<NetworkSources, 'header' | 'options'>): Promise<Link[]> {
  const asked = parseNetworkKind(options);
  const isOff = !header.image.network || asked === 'user' || asked === 'none';
  if (isOff) return [];
  // An unchanged cut would only load it, with zod.
  const { readLinks } = await import('../net/links.ts');
  return readLinks();
}

interface TapSurroundings {
  number: number;
  links: readonly Link[];
  /** The running VMs. */
  vms: readonly VmEntry[];
}

/** @throws UserError with all reasons why the VM cannot use its taps */
export function refuseUnusableTaps(
  network: VmNetwork | undefined,
  { number, links, vms }: TapSurroundings,
): void {
  const taps = tapsOf(network);
  const problems = findTapProblems(taps, {
    links,
    vms,
    user: process.getuid?.() === 0 ? 'root' : userInfo().username,
    isRoot: process.getuid?.() === 0,
    canOpenTun: canOpenTun(),
  });
  if (problems.length === 0) return;
  throw new UserError(`the network of VM ${number} cannot be used`, {
    problems,
    hint: "`sudo rapido setup-network` creates the bridge and a tap for each section [vmN] of rapido.conf, or two taps if it has no such section; --net user (VM_NET=user, NET=user in the VM's section) needs neither",
  });
}
