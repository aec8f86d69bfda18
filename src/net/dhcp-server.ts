import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { DhcpRange } from '../conf/network-values.ts';
import { UserError } from '../errors.ts';
import { waitUntil } from '../sys/awake-clock.ts';
import type { Argv } from '../sys/command-line.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from '../sys/process-identity.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { GuestNetwork } from './guest-network.ts';

/** A running DHCP server of rapido. */
export interface DhcpServer {
  process: ProcessIdentity;
  argv: Argv;
}

/** A tag in the ranges of rapido's DHCP servers, by which they are recognized. It has no other effect. */
const MARK = 'set:rapido-network';

/**
 * The command line of dnsmasq(8), with DHCP on the bridge only. It moves to the background, reads and writes no
 * files, and answers no DNS queries: port 53 may be in use, and VMs have /etc/hosts.
 * @param isOnLan whether other machines are on the bridge, which have their own DHCP server
 */
export function dhcpServerCommand(
  bridge: string,
  range: DhcpRange,
  guests: readonly GuestNetwork[],
  isOnLan: boolean,
): Argv {
  const hosts = guests.flatMap(({ hostname, nics }) =>
    nics
      .filter(({ dhcp }) => dhcp)
      .map(({ mac, lease }) => [mac, ...(lease === undefined ? [] : [lease, hostname])].join(',')),
  );
  // biome-ignore format: an option and its value share a line
  return [
    ...(['dnsmasq', '--conf-file=/dev/null', '--pid-file=', '--leasefile-ro', '--port=0'] as const),
    `--interface=${bridge}`, '--except-interface=lo', '--bind-interfaces',
    `--dhcp-range=${MARK},${range.first},${range.last},${range.lease}`,
    ...hosts.map((host) => `--dhcp-host=${host}`),
    // rapido neither routes packets nor resolves names on this network.
    '--dhcp-option=option:router', '--dhcp-option=option:dns-server',
    // Pinging an address before it is leased takes three seconds.
    '--no-ping',
    ...(isOnLan ? ['--dhcp-ignore=tag:!known'] : ['--dhcp-authoritative']),
  ];
}

/** The bridge that a DHCP server serves. */
export function bridgeOf({ argv }: DhcpServer): string {
  return argv.find((word) => word.startsWith('--interface='))?.replace('--interface=', '') ?? '';
}

/** rapido's DHCP servers in this network namespace. */
export function findDhcpServers(): DhcpServer[] {
  const own = namespaceOf('self');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const argv = readTextIfReachable(`/proc/${name}/cmdline`)?.split('\0').slice(0, -1) ?? [];
      const process = isMarked(argv) ? identifyProcess(Number(name)) : undefined;
      if (process === undefined || namespaceOf(name) !== own || !canServe(name)) return [];
      return [{ process, argv: argv as Argv }];
    });
}

/** CAP_NET_ADMIN of include/uapi/linux/capability.h, which dnsmasq keeps when it drops root. */
const CAP_NET_ADMIN = 1n << 12n;

/**
 * Whether a process was started by root. Any user can start a process with the same command line. root would
 * stop it, or run its command line again, and leave the network without a server.
 */
function canServe(pid: string): boolean {
  const status = readTextIfReachable(`/proc/${pid}/status`) ?? '';
  const capabilities = BigInt(`0x${/^CapEff:\t([\da-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ((capabilities & CAP_NET_ADMIN) === 0n) return false;
  // In its own user namespace, any process has it. Only root can check that, and only root stops servers.
  return process.geteuid?.() !== 0 || userNamespaceOf(pid) === userNamespaceOf('self');
}

function userNamespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    return undefined;
  }
}

function isMarked([program = '', ...words]: readonly string[]): boolean {
  return (
    basename(program) === 'dnsmasq' &&
    words.some((word) => word.startsWith(`--dhcp-range=${MARK},`))
  );
}

/**
 * An ID of the network namespace of any process: each namespace has its own /proc/net, whose files have their own
 * inode numbers. (/proc/PID/ns is readable only for the user of the process.)
 */
function namespaceOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}/net/dev`).ino;
  } catch {
    return undefined;
  }
}

/** Time limit for a server to exit, in milliseconds. */
const STOP_TIME = 5000;

/** Stops a DHCP server and waits until it has exited. */
export async function stopDhcpServer({ process: server }: DhcpServer): Promise<void> {
  if (isAlive(server)) process.kill(server.pid, 'SIGTERM');
  if (await waitUntil(STOP_TIME, () => !isAlive(server))) return;
  throw new UserError(`dnsmasq (PID ${server.pid}) does not exit`);
}
