import { UserError } from '../errors.ts';
import type { DhcpServer } from './dhcp-server.ts';
import { type HostNetwork, type HostState, ownerOf, type TapUser } from './host-network.ts';
import {
  addAddress,
  deleteAddress,
  deleteBridge,
  deleteTap,
  makeBridge,
  makeTap,
  permanentAddresses,
  putOn,
  setDown,
  setUp,
} from './host-steps.ts';
import type { Link } from './links.ts';
import { findRemembered, planRelease, serversOf, stopServers } from './plan-teardown.ts';
import { type HostPlan, joinPlans, NOTHING, run } from './step.ts';
import { recordUplink, type Uplink } from './uplink.ts';
import { attachUplink } from './uplink-steps.ts';

/** Facts that are needed to attach BR_IF, and the boot ID. */
export interface SetupFacts {
  uplink: Uplink | undefined;
  bootId: string;
}

/**
 * Plans the steps from the actual network to that of the conf.
 * @throws UserError if an interface that rapido did not create, or a VM, is in the way
 */
export function planSetup(wanted: HostNetwork, state: HostState, facts: SetupFacts): HostPlan {
  refuseStrangers(wanted, state);
  const ours = state.links.filter((link) => ownerOf(link) === wanted.user.uid);
  const bridge = planBridge(wanted, ours);
  const [end, start] = planDhcpServer(wanted, state, {
    ours,
    isBridgeNew: bridge.steps.length > 0,
  });
  return joinPlans([
    // Servers stop before others start, and ports move to the new bridge before an old bridge is deleted.
    end,
    bridge,
    planTaps(wanted, state.links),
    planUplink(wanted, state, facts),
    planLeftovers(wanted, ours),
    start,
  ]);
}

/** Rejects interfaces that have one of the names but do not belong to rapido. They must not be changed. */
function refuseStrangers(wanted: HostNetwork, { links }: HostState): void {
  const { user, bridge, taps, uplink } = wanted;
  const find = (name: string | undefined): Link | undefined =>
    links.find((link) => link.name === name);
  const problems: string[] = [];
  const refuseOther = (link: Link, key: string, isFine: boolean): void => {
    const owner = ownerOf(link);
    if (owner === user.uid || (owner === undefined && isFine)) return;
    problems.push(
      owner === undefined
        ? `${link.name} (${key}) exists, and rapido did not create it: set another ${key}, or, if it is not needed, run \`ip link delete ${link.name}\``
        : `${link.name} (${key}) belongs to user ${owner}'s network: set another ${key}, or run \`sudo TAP_USER=${owner} rapido teardown-network\``,
    );
  };
  const found = find(bridge.name);
  if (found !== undefined) refuseOther(found, 'BR_DEV', false);
  for (const link of taps.map(find).filter((link) => link !== undefined)) {
    refuseOther(link, 'TAP', link.tap !== undefined);
    if (ownerOf(link) === user.uid && link.hasCarrier && link.master !== bridge.name) {
      problems.push(
        `${link.name} must move to ${bridge.name}, but a VM uses it: stop the VM first`,
      );
    }
  }
  problems.push(...findUplinkProblems(uplink, user, find));
  const leftInUse = links.filter(
    (link) =>
      link.tap && link.hasCarrier && ownerOf(link) === user.uid && !taps.includes(link.name),
  );
  problems.push(
    ...leftInUse.map(
      ({ name }) => `${name} is not in the conf, but a VM uses it: stop the VM first`,
    ),
  );
  if (problems.length === 0) return;
  throw new UserError('cannot set up the network; nothing was changed', { problems });
}

function findUplinkProblems(
  name: string | undefined,
  user: TapUser,
  find: (name: string | undefined) => Link | undefined,
): string[] {
  if (name === undefined) return [];
  const link = find(name);
  if (link === undefined) return [`no interface ${name} (BR_IF)`];
  if (name === 'lo' || link.kind === 'bridge') return [`${name} (BR_IF) cannot be on a bridge`];
  if (ownerOf(link) !== undefined) return [`${name} (BR_IF) is one of rapido's taps`];
  const master = find(link.master);
  if (master === undefined || ownerOf(master) === user.uid) return [];
  return [`${name} (BR_IF) is already part of ${master.name}`];
}

function planBridge({ bridge, user }: HostNetwork, ours: readonly Link[]): HostPlan {
  const { name, addresses } = bridge;
  const link = ours.find((other) => other.name === name);
  if (link === undefined) {
    const shown = addresses.length === 0 ? 'without an address' : `with ${addresses.join(' and ')}`;
    return { ...NOTHING, steps: makeBridge(bridge, user), changes: [`created ${name} ${shown}`] };
  }
  const present = permanentAddresses(link);
  const missing = addresses.filter((cidr) => !present.includes(cidr));
  const stray = present.filter((cidr) => !addresses.includes(cidr));
  return {
    steps: [
      ...stray.map((cidr) => run(deleteAddress(name, cidr), addAddress(name, cidr))),
      ...missing.map((cidr) => run(addAddress(name, cidr), deleteAddress(name, cidr))),
      ...(link.isUp ? [] : [run(setUp(name), setDown(name))]),
    ],
    changes: [
      ...stray.map((cidr) => `${name}: removed ${cidr}`),
      ...missing.map((cidr) => `${name}: added ${cidr}`),
      ...(link.isUp ? [] : [`${name}: brought up`]),
    ],
    notes: [],
  };
}

function planTaps({ bridge, taps, user }: HostNetwork, links: readonly Link[]): HostPlan {
  return joinPlans(
    taps.map((name) => {
      const link = links.find((other) => other.name === name);
      if (link === undefined) {
        const change = `created ${name} for ${user.name}`;
        return { ...NOTHING, steps: makeTap(name, bridge.name, user), changes: [change] };
      }
      if (ownerOf(link) === undefined) {
        return {
          ...NOTHING,
          notes: [`${name} is a tap device that rapido did not create; left alone`],
        };
      }
      return planOwnTap(link, bridge.name);
    }),
  );
}

function planOwnTap(link: Link, bridge: string): HostPlan {
  const { name, master, isUp } = link;
  const isThere = master === bridge;
  return {
    steps: [
      ...(isThere ? [] : [putOn(bridge, link)]),
      ...(isUp ? [] : [run(setUp(name), setDown(name))]),
    ],
    changes: [
      ...(isThere ? [] : [`${name}: attached to ${bridge}`]),
      ...(isUp ? [] : [`${name}: brought up`]),
    ],
    notes: [],
  };
}

/** Whether BR_IF must be attached, so that its facts are needed. */
export function mustAttachUplink({ uplink }: HostNetwork, { links }: HostState): boolean {
  const link = links.find(({ name }) => name === uplink);
  return link !== undefined && link.master === undefined;
}

function planUplink(
  { uplink, bridge, user }: HostNetwork,
  state: HostState,
  { uplink: found, bootId }: SetupFacts,
): HostPlan {
  const remembered = findRemembered(user, state)?.link;
  const link = state.links.find(({ name }) => name === uplink);
  const isRemembered = link !== undefined && link.index === remembered?.index;
  const release = isRemembered ? NOTHING : planRelease(user, state);
  if (link === undefined || link.master === bridge.name) return release;
  const change = `attached ${link.name} to ${bridge.name}`;
  // It has already lost its addresses. The record of its original state must be kept.
  if (isRemembered || found === undefined) {
    const steps = [putOn(bridge.name, link)];
    return joinPlans([release, { ...NOTHING, steps, changes: [change] }]);
  }
  const steps = attachUplink(recordUplink(found, user.uid, bootId), bridge.name);
  return joinPlans([release, { ...NOTHING, steps, changes: [change] }]);
}

/** Removes taps and bridges of an earlier conf. */
function planLeftovers({ bridge, taps, user }: HostNetwork, ours: readonly Link[]): HostPlan {
  const leftTaps = ours.filter(({ tap, name }) => tap !== undefined && !taps.includes(name));
  const leftBridges = ours.filter(({ kind, name }) => kind === 'bridge' && name !== bridge.name);
  const left = [...leftTaps, ...leftBridges];
  return {
    steps: [
      ...leftTaps.map((link) => deleteTap(link, user)),
      ...leftBridges.map((link) => deleteBridge(link, user)),
    ],
    changes: left.map(({ name }) => `removed ${name}`),
    notes: [],
  };
}

/**
 * Plans the replacement of a DHCP server that was started for another conf, or for a bridge that is removed.
 * @returns the steps that must come first, and those that must come last
 */
function planDhcpServer(
  { bridge, dhcpServer }: HostNetwork,
  state: HostState,
  { ours, isBridgeNew }: { ours: readonly Link[]; isBridgeNew: boolean },
): [end: HostPlan, start: HostPlan] {
  const isRight = (server: DhcpServer): boolean =>
    !isBridgeNew && JSON.stringify(server.argv) === JSON.stringify(dhcpServer);
  const running = serversOf(ours, state);
  const end = stopServers(running.filter((server) => !isRight(server)));
  if (dhcpServer === undefined || running.some(isRight)) return [end, NOTHING];
  const start: HostPlan = {
    steps: [{ kind: 'serve', argv: dhcpServer }],
    changes: [`started the DHCP server on ${bridge.name}`],
    notes: [],
  };
  return [end, start];
}
