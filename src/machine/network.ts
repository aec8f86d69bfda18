import { userInfo } from 'node:os';
import type { Conf } from '../conf/conf.ts';
import { NETWORK_KINDS } from '../conf/schema.ts';
import { UsageError, UserError } from '../errors.ts';
import { readHostId } from '../host/host-id.ts';
import { canOpenTun, canUseVhostNet } from '../host/network-devices.ts';
import type { ImageHeader } from '../image/image-header.ts';
import { type Link, readLinks } from '../net/links.ts';
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

/** Options that decide about a VM's network. */
export interface NetworkOptions {
  net?: string | undefined;
  /** Forwarded ports as they were typed. */
  forward?: string[] | undefined;
}

interface NetworkSources {
  /** With what the network files say of VMs: `withNetConf`. */
  conf: Conf;
  netConf: NetConf;
  header: ImageHeader;
  options: NetworkOptions;
  serversOf?: ((number: number) => readonly number[]) | undefined;
}

/**
 * The network that the command line asks for; undefined: the conf decides.
 * @throws UsageError where there is no such network, or it cannot forward the ports
 */
export function parseNetworkKind({ net, forward }: NetworkOptions): NetworkKind | undefined {
  const kind = NETWORK_KINDS.find((known) => known === net);
  if (net !== undefined && kind === undefined) {
    throw new UsageError(`--net: "${net}" is no network that a VM can have`, {
      hint: `--net ${NETWORK_KINDS.join(', --net ')}`,
    });
  }
  if (parseForwardOptions(forward) === undefined) return kind;
  if (kind === undefined || kind === 'user') return 'user';
  throw new UsageError(`--forward: with --net ${kind}, no ports are forwarded`, {
    hint: 'leave --net out, or use --net user',
  });
}

/**
 * The network of VM `number`: what `--net` asks for; else, for a cut that wants one, what the conf
 * says.
 * @throws UserError when the image has not what that takes
 */
export function chooseNetwork(sources: NetworkSources, number: number): VmNetwork | undefined {
  const { conf, netConf, options, header, serversOf = () => [1] } = sources;
  const { image } = header;
  const asked = parseNetworkKind(options);
  if (!image.network) {
    if (asked === undefined || asked === 'none') return undefined;
    throw new UserError(`this image of ${image.cut} has nothing to set up a network with`, {
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
      `VM ${number} gets its address by DHCP, and this image of ${image.cut} has no client for that`,
      { hint: `rapido cut ${image.cut}` },
    );
  }
  return network;
}

/** The guest has them from its image, and its cards from here: they must belong together. */
function refuseOtherFiles(
  { cut, networkFiles = {} }: ImageHeader['image'],
  netConf: NetConf,
  number: number,
): void {
  const files = netConf.get(number);
  const digest = files === undefined ? undefined : digestNetConf(files);
  if (networkFiles[number] === digest) return;
  throw new UserError(
    `the network files of VM ${number} (VM_NET_CONF) are not those that this image of ${cut} was cut with`,
    { hint: `rapido cut ${cut}` },
  );
}

export function tapsOf(network: VmNetwork | undefined): string[] {
  return (network?.nics ?? []).flatMap(({ backend }) => ('tap' in backend ? [backend.tap] : []));
}

/**
 * What others reach the VM by. Behind QEMU's own NAT nobody reaches it; what a DHCP server of somebody else's
 * will choose is not known.
 */
export function addressesOf(network: VmNetwork | undefined, number: number): string[] {
  if (network?.kind === 'user') return [];
  return network?.hosts.find(({ names }) => names.includes(nameOf(number)))?.addresses ?? [];
}

/** The interfaces of this host, if a VM of these sources may need one. */
export async function readLinksFor({
  header,
  options,
}: Pick<NetworkSources, 'header' | 'options'>): Promise<Link[]> {
  const asked = parseNetworkKind(options);
  const isOff = !header.image.network || asked === 'user' || asked === 'none';
  return isOff ? [] : readLinks();
}

interface TapSurroundings {
  number: number;
  links: readonly Link[];
  /** VMs that run. */
  vms: readonly VmEntry[];
}

/** @throws UserError with everything that keeps the VM from using its taps, and what to do about it */
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
  throw new UserError(`VM ${number} cannot have its network`, {
    problems,
    hint: "`sudo rapido setup-network` makes the bridge and a tap for each section [vmN] of rapido.conf, two where there is none; --net user (VM_NET=user, NET=user in the VM's section) needs neither",
  });
}
