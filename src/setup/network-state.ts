import type { Conf } from '../conf/conf.ts';
import { UserError } from '../errors.ts';
import { readHostId } from '../host/host-id.ts';
import { describeNetwork, type NetworkDescription } from '../net/describe.ts';
import { findDhcpServers } from '../net/dhcp-server.ts';
import { bridgedVms, planGuestNetworks } from '../net/guest-network.ts';
import { readLinks } from '../net/links.ts';
import { applyNetConf } from '../net/read-net-conf.ts';
import type { VmEntry } from '../vm/registry.ts';

/**
 * Reads the current state of the network that `setup-network` creates.
 * @returns undefined if it does not exist or cannot be examined
 */
export async function readNetworkState(
  ownConf: Conf,
  vms: readonly VmEntry[],
): Promise<NetworkDescription | undefined> {
  const { conf } = applyNetConf(ownConf);
  const guests = planGuestNetworks(conf, bridgedVms(conf), readHostId());
  try {
    return describeNetwork({
      links: await readLinks(),
      dhcpServers: findDhcpServers(),
      vms,
      bridge: conf.get('BR_DEV'),
      taps: guests.flatMap(({ nics }) => nics.map(({ tap }) => tap)),
      dhcp: conf.get('BR_DHCP_SRV_RANGE') !== undefined,
    });
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** `rapido-br 192.168.155.1/24; …`, followed by what is missing. */
export function formatNetworkState({ text, lacks }: NetworkDescription): string {
  return lacks.length === 0 ? text : `${text}; ${lacks.join(', ')}: sudo rapido setup-network`;
}
