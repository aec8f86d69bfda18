import type { Conf } from '../conf/conf.ts';
import { type PortForward, parseForwards } from '../conf/network-values.ts';
import { UsageError, UserError } from '../errors.ts';
import { tryPort } from '../host/ports.ts';
import type { VmNetwork } from '../net/vm-network.ts';
import type { VmEntry } from '../vm/registry.ts';

/**
 * Reads `--forward`.
 * @returns undefined if it was not given
 */
export function parseForwardOptions(
  texts: readonly string[] | undefined,
): PortForward[] | undefined {
  const forwards = texts?.flatMap((text) => {
    const parsed = parseForwards(text);
    if (parsed !== undefined) return parsed;
    throw new UsageError(`--forward: "${text}" is not HOST:GUEST (two port numbers)`, {
      hint: '--forward 2222:22, for UDP --forward 5353:53/udp',
    });
  });
  const ports = forwards?.map(describePort) ?? [];
  const twice = ports.find((port, index) => ports.indexOf(port) < index);
  if (twice === undefined) return forwards;
  throw new UsageError(`--forward: port ${twice} of this host was given twice`);
}

export function forwardsOf(network: VmNetwork | undefined): PortForward[] {
  return (network?.nics ?? []).flatMap(({ backend }) =>
    'forwards' in backend ? backend.forwards : [],
  );
}

/** `127.0.0.1:2222->22`, followed by `/udp` for UDP. */
export function describeForward({ protocol, host, guest }: PortForward): string {
  return `127.0.0.1:${host}->${guest}${protocol === 'udp' ? '/udp' : ''}`;
}

function describePort({ protocol, host }: PortForward): string {
  return `${host}${protocol === 'udp' ? '/udp' : ''}`;
}

interface ForwardSources {
  conf: Conf;
  options: { forward?: string[] | undefined };
  /** The running VMs. */
  vms: readonly VmEntry[];
}

/**
 * Rejects ports of the host that cannot be forwarded. QEMU would exit with a message that names neither the key
 * nor the option.
 * @throws UserError with each such port, and the key or option that it comes from
 */
export async function refuseBusyPorts(
  number: number,
  network: VmNetwork | undefined,
  { conf, options, vms }: ForwardSources,
): Promise<void> {
  const problems: string[] = [];
  const others = vms.filter((vm) => vm.number !== number);
  const where = options.forward === undefined ? nameKey(number, conf) : '--forward';
  const busy: string[] = [];
  for (const forward of forwardsOf(network)) {
    const code = await tryPort({ protocol: forward.protocol, port: forward.host });
    if (code === undefined) continue;
    const port = describePort(forward);
    const holder = others.find((vm) => vm.forwards.map(describePort).includes(port));
    if (code === 'EADDRINUSE') busy.push(port);
    problems.push(`${where}: port ${port} of 127.0.0.1 ${explain(code, holder)}`);
  }
  if (problems.length === 0) return;
  throw new UserError(`ports of this host cannot be forwarded to VM ${number}`, {
    problems,
    hint:
      busy.length > 0
        ? '`ss -lntup` shows what listens; choose other ports with --forward HOST:GUEST'
        : 'use ports from 1024 on',
  });
}

function explain(code: string, holder: VmEntry | undefined): string {
  if (holder !== undefined) return `is forwarded to VM ${holder.number} (${holder.cut})`;
  switch (code) {
    case 'EADDRINUSE':
      return 'is in use';
    case 'EACCES':
      return 'requires root';
    default:
      return `cannot be used (${code})`;
  }
}

/** `rapido.conf:12: FORWARD of [vm1]` */
function nameKey(number: number, conf: Conf): string {
  const origin = conf.vmEntries(number).find(({ name }) => name === 'FORWARD')?.origin;
  const line =
    origin?.from === 'file' ? `${conf.source?.name ?? origin.file}:${origin.line}: ` : '';
  return `${line}FORWARD of [vm${number}]`;
}
