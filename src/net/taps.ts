import type { Link } from './links.ts';

/** Facts that determine whether a VM can use a tap. */
export interface TapFacts {
  links: readonly Link[];
  /** Running VMs with their taps. */
  vms: readonly { number: number; hostname: string; taps: readonly string[] }[];
  /** Name of the user who boots the VM. */
  user: string;
  isRoot: boolean;
  /** Whether /dev/net/tun can be opened. */
  canOpenTun: boolean;
}

/** Finds the reasons why this user cannot give these taps to a VM, one sentence each. */
export function findTapProblems(taps: readonly string[], facts: TapFacts): string[] {
  if (taps.length > 0 && !facts.canOpenTun) {
    return ['/dev/net/tun does not exist, or this user may not open it (sudo modprobe tun)'];
  }
  return taps.flatMap((tap) => findProblem(tap, facts) ?? []);
}

function findProblem(tap: string, { links, vms, user, isRoot }: TapFacts): string | undefined {
  const link = links.find(({ name }) => name === tap);
  if (link === undefined) return `no tap device ${tap}`;
  if (link.tap === undefined) return `${tap} is not a tap device`;
  const owner = link.tap.user;
  if (!isRoot && owner !== user) {
    const whose = owner === undefined ? 'only root' : `only ${owner}`;
    return `${whose} may use ${tap}, and you are ${user}`;
  }
  const vm = vms.find((other) => other.taps.includes(tap));
  if (vm !== undefined) return `${tap} is in use by VM ${vm.number} (${vm.hostname})`;
  if (!link.isUp) return `${tap} is down`;
  if (link.hasCarrier) {
    return `${tap} is in use by another process: a VM of another user, or with another QEMU_PID_DIR?`;
  }
  if (link.master === undefined) return `${tap} is not attached to a bridge`;
  const bridge = links.find(({ name }) => name === link.master);
  return bridge?.isUp === false
    ? `${bridge.name}, which ${tap} is attached to, is down`
    : undefined;
}
