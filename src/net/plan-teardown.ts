import { UserError } from '../errors.ts';
import { bridgeOf, type DhcpServer } from './dhcp-server.ts';
import { type HostState, ownerOf, type TapUser } from './host-network.ts';
import { deleteBridge, deleteTap } from './host-steps.ts';
import type { Link } from './links.ts';
import { type HostPlan, joinPlans, NOTHING } from './step.ts';
import type { UplinkRecord } from './uplink.ts';
import { releaseUplink } from './uplink-steps.ts';

/**
 * Plans the removal of this user's whole network, regardless of the conf.
 * @throws UserError if a VM uses it
 */
export function planTeardown(user: TapUser, state: HostState): HostPlan {
  const ours = state.links.filter((link) => ownerOf(link) === user.uid);
  const problems = ours
    .filter(({ tap, hasCarrier }) => tap !== undefined && hasCarrier)
    .map(({ name }) => `a VM uses ${name}`);
  if (problems.length > 0) {
    throw new UserError('the network is in use; nothing was changed', {
      problems,
      hint: 'stop these VMs first; `rapido ps` lists them',
    });
  }
  const bridges = ours.filter(({ kind }) => kind === 'bridge');
  const taps = ours.filter(({ tap }) => tap !== undefined);
  return joinPlans([
    stopServers(serversOf(bridges, state)),
    planRelease(user, state),
    {
      steps: [
        ...taps.map((link) => deleteTap(link, user)),
        ...bridges.map((link) => deleteBridge(link, user)),
      ],
      changes: [...taps, ...bridges].map(({ name }) => `removed ${name}`),
      notes: state.links
        .filter((link) => link.kind === 'bridge' && ![undefined, user.uid].includes(ownerOf(link)))
        .map((link) => `${link.name} belongs to user ${ownerOf(link)}'s network; left alone`),
    },
  ]);
}

/** Plans to restore the recorded state of the uplink. */
export function planRelease(user: TapUser, state: HostState): HostPlan {
  const uplink = findRemembered(user, state);
  if (uplink === undefined) return NOTHING;
  const { link, record } = uplink;
  return {
    steps: releaseUplink({ ...record, name: link.name }, link.master),
    changes: [`restored the addresses and routes of ${link.name}`],
    notes: [],
  };
}

/**
 * Finds the interface that was attached to this user's bridge and still lacks its addresses. If a recorded interface
 * is on no bridge and has its addresses, it was never changed, or has been restored.
 */
export function findRemembered(
  user: TapUser,
  { links, record }: HostState,
): { link: Link; record: UplinkRecord } | undefined {
  const link = links.find(({ index }) => index === record?.index);
  if (record === undefined || link === undefined) return undefined;
  const master = links.find(({ name }) => name === link.master);
  if (master !== undefined) return ownerOf(master) === user.uid ? { link, record } : undefined;
  const present = link.addresses.map(({ words: [address] }) => address);
  const isStripped =
    record.addresses.length > 0 && !record.addresses.some(([address]) => present.includes(address));
  return isStripped ? { link, record } : undefined;
}

/** The DHCP servers on these bridges, and those whose bridge no longer exists. */
export function serversOf(
  bridges: readonly Link[],
  { links, dhcpServers }: HostState,
): DhcpServer[] {
  const isOn = (server: DhcpServer) => (link: Link) => link.name === bridgeOf(server);
  return dhcpServers.filter((server) => bridges.some(isOn(server)) || !links.some(isOn(server)));
}

export function stopServers(servers: readonly DhcpServer[]): HostPlan {
  return {
    steps: servers.map((server) => ({ kind: 'stop-serving', server })),
    changes: servers.map((server) => `stopped the DHCP server on ${bridgeOf(server)}`),
    notes: [],
  };
}
