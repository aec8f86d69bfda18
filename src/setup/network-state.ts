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
 * The network of this host that `setup-network` makes, as it is.
 * @returns undefined where there is none, or nothing that could tell
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

/** `rapido-br 192.168.155.1/24; …` and what is lacking. */
export function formatNetworkState({ text, lacks }: NetworkDescription): string {
  return lacks.length === 0 ? text : `${text}; ${lacks.join(', ')}: sudo rapido setup-network`;
}
