import { readFileSync } from 'node:fs';
import type { Conf } from '../conf/conf.ts';
import { UserError } from '../errors.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { DHCP_CLIENTS, type DhcpClient } from '../net/dhcp-client.ts';
import { bridgedVms, usesDhcp } from '../net/guest-network.ts';
import { type NetConf, withNetConf } from '../net/net-conf.ts';
import { readNetConf } from '../net/read-net-conf.ts';
import { chooseNetworkKind, type NetworkKind } from '../net/vm-network.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';
import { findNetworkd } from './systemd.ts';

/** What an image contains for the network of its VM. */
export interface ResolvedNetwork {
  wanted: boolean;
  /** Programs, by name or path. */
  binaries: string[];
  /** undefined if no VM of the conf needs a DHCP client. */
  dhcpClient: DhcpClient | undefined;
  /** The VMs whose network systemd-networkd sets up. */
  netConf: NetConf;
}

/** Finds the programs with which guest/init sets up the network. */
export function resolveNetwork(request: ResolveRequest, problems: Problem[]): ResolvedNetwork {
  const { cut, conf, extras, env } = request;
  const asked = extras.network;
  if (cut.cut.network !== true && (asked === undefined || asked === 'none')) {
    return { wanted: false, binaries: [], dhcpClient: undefined, netConf: new Map() };
  }
  const { netConf, ...networked } = readNetworkFiles(conf, asked, problems);
  const isDhcp = bootsWithDhcp(networked.conf, asked, netConf);
  const client = isDhcp ? findDhcpClient(env.PATH) : undefined;
  if (isDhcp && client === undefined) {
    problems.push({
      message: `no DHCP client found on this host, but a VM in rapido.conf needs one: ${DHCP_CLIENTS.join(', ')}`,
      program: 'udhcpc',
    });
  }
  return {
    wanted: true,
    binaries: [
      'ip',
      ...(client === undefined ? [] : [client.path]),
      ...(netConf.size === 0 ? [] : findNetworkd(problems)),
    ],
    dhcpClient: client?.name,
    netConf,
  };
}

/** The network files of the VMs that would be on the bridge, and the conf with the settings from these files. */
function readNetworkFiles(
  conf: Conf,
  asked: NetworkKind | undefined,
  problems: Problem[],
): { netConf: NetConf; conf: Conf } {
  try {
    const all = readNetConf(conf);
    const netConf = new Map(
      [...all].filter(([number]) => chooseNetworkKind(conf, number, asked) === 'tap'),
    );
    return { netConf, conf: withNetConf(conf, netConf) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const messages = error.problems.length === 0 ? [error.message] : error.problems;
    problems.push(...messages.map((message) => ({ message: `VM_NET_CONF: ${message}` })));
    return { netConf: new Map(), conf };
  }
}

/** Whether any VM that may boot the image gets its address from a DHCP server, through its init. */
function bootsWithDhcp(conf: Conf, asked: NetworkKind | undefined, netConf: NetConf): boolean {
  return bridgedVms(conf).some(
    (number) =>
      chooseNetworkKind(conf, number, asked) === 'tap' &&
      !netConf.has(number) &&
      usesDhcp(conf, number),
  );
}

function findDhcpClient(path: string | undefined): { name: DhcpClient; path: string } | undefined {
  for (const name of DHCP_CLIENTS) {
    const found = findProgram(name, programSearchPath(path));
    if (found !== undefined && (name !== 'busybox' || hasUdhcpc(found))) {
      return { name, path: found };
    }
  }
  return undefined;
}

/** Whether this busybox was built with udhcpc. */
function hasUdhcpc(busybox: string): boolean {
  return readFileSync(busybox).includes('\0udhcpc\0');
}
