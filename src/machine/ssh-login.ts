import { existsSync } from 'node:fs';
import type { ImageInfo } from '../image/plan.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import type { VmPlan } from '../vm/plan.ts';
import { forwardsOf } from './forwards.ts';
import { addressesOf } from './network.ts';

const SSH_PORT = 22;

/**
 * How to log in to a VM whose image has an ssh server (`sshServer` of its cut): a command that can be typed, or
 * what is missing for it. undefined: there is no server, or no address of the VM is known.
 */
export function describeLogin(
  { network, number }: Pick<VmPlan, 'network' | 'number'>,
  { sshServer }: Pick<ImageInfo, 'sshServer'>,
): string | undefined {
  if (sshServer === undefined || network === undefined) return undefined;
  if (network.kind === 'tap') {
    const [address] = addressesOf(network, number);
    return address === undefined ? undefined : formatLogin(address, [], sshServer.identity);
  }
  const forward = forwardsOf(network).find(
    ({ protocol, guest }) => protocol === 'tcp' && guest === SSH_PORT,
  );
  return forward === undefined
    ? `no host port is forwarded to its ssh server; forward one with --forward 2222:${SSH_PORT}`
    : formatLogin('127.0.0.1', ['-p', String(forward.host)], sshServer.identity);
}

/**
 * A VM generates its host key at each boot, unless the conf provides one. ssh(1) must not compare it with the key
 * of another VM or boot.
 */
// biome-ignore format: an option and its value share a line
const NO_HOST_KEY = [
  '-o', 'StrictHostKeyChecking=no',
  '-o', 'UserKnownHostsFile=/dev/null',
  '-o', 'LogLevel=ERROR',
];

function formatLogin(host: string, port: string[], identity: string | undefined): string {
  const key = identity !== undefined && existsSync(identity) ? ['-i', identity] : [];
  const command = ['ssh', ...port, ...key, ...NO_HOST_KEY, `root@${host}`];
  return `log in: ${formatCommandLine(command)}`;
}
