import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DhcpRange } from '../conf/network-values.ts';
import { UserError } from '../errors.ts';
import type { Argv } from '../sys/command-line.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from '../sys/process-identity.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { GuestNetwork } from './guest-network.ts';

/** A DHCP server of rapido's that runs. */
export interface DhcpServer {
  process: ProcessIdentity;
  argv: Argv;
}

/** Part of every range of ours, and of no other: how we know our own. It is a tag that nothing asks for. */
const MARK = 'set:rapido-network';

/**
 * The command line of dnsmasq(8): DHCP on the bridge alone. It goes to the background by itself, keeps
 * no files, reads none, and answers no names: port 53 may be somebody else's, and VMs have /etc/hosts.
 * @param isOnLan other machines are on the bridge: they have a DHCP server of their own
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
  return [
    ...(['dnsmasq', '--conf-file=/dev/null', '--pid-file=', '--leasefile-ro', '--port=0'] as const),
    ...[`--interface=${bridge}`, '--except-interface=lo', '--bind-interfaces'],
    `--dhcp-range=${MARK},${range.first},${range.last},${range.lease}`,
    ...hosts.map((host) => `--dhcp-host=${host}`),
    // Nothing is routed or resolved there by our doing.
    ...['--dhcp-option=option:router', '--dhcp-option=option:dns-server'],
    // A check by ping would take three seconds.
    '--no-ping',
    ...(isOnLan ? ['--dhcp-ignore=tag:!known'] : ['--dhcp-authoritative']),
  ];
}

/** The bridge that a DHCP server is for. */
export function bridgeOf({ argv }: DhcpServer): string {
  return argv.find((word) => word.startsWith('--interface='))?.replace('--interface=', '') ?? '';
}

/** The DHCP servers of rapido's in this network namespace. */
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

/** CAP_NET_ADMIN of include/uapi/linux/capability.h, which dnsmasq keeps when it is root no more. */
const CAP_NET_ADMIN = 1n << 12n;

/**
 * Whether a process was started by root. Anybody's may have the command line of ours: root would stop it,
 * or run its command line again, and leave the network without a server.
 */
function canServe(pid: string): boolean {
  const status = readTextIfReachable(`/proc/${pid}/status`) ?? '';
  const capabilities = BigInt(`0x${/^CapEff:\t([\da-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ((capabilities & CAP_NET_ADMIN) === 0n) return false;
  // In a user namespace of their own, all have it; who is not root cannot see that, and only looks.
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
 * What tells one network namespace from another, for any user's process: each has a proc tree of its own,
 * whose files have numbers of their own. (/proc/PID/ns is for the process's user alone.)
 */
function namespaceOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}/net/dev`).ino;
  } catch {
    return undefined;
  }
}

/** How long it may take to end, in milliseconds. */
const STOP_TIME = 5000;

/** Ends a DHCP server, and waits until it is gone. */
export async function stopDhcpServer({ process: server }: DhcpServer): Promise<void> {
  if (isAlive(server)) process.kill(server.pid, 'SIGTERM');
  for (let waited = 0; isAlive(server); waited += 20) {
    if (waited >= STOP_TIME) throw new UserError(`dnsmasq (pid ${server.pid}) does not end`);
    await sleep(20);
  }
}
