import type { Argv } from '../sys/command-line.ts';
import { putOnBridge, takeFromBridge } from './host-steps.ts';
import { run, type Step } from './step.ts';
import type { UplinkRecord, UplinkRoute } from './uplink.ts';

/**
 * Attaches an interface to the bridge. Its state is recorded before it is changed, and it is attached before it
 * loses addresses. An interface that is recorded but not attached is therefore unchanged.
 */
export function attachUplink(record: UplinkRecord, bridge: string): Step[] {
  const { name, wasUp } = record;
  return [
    { kind: 'remember', record },
    run(putOnBridge(name, bridge), takeFromBridge(name)),
    ...record.routes.map((route) => run(deleteRoute(name, route), addRoute(name, route))),
    // Deleting a primary address would also delete its secondary addresses.
    ...record.addresses
      .toReversed()
      .map((words) => run(deleteAddress(name, words), addAddress(name, words))),
    ...record.addresses.flatMap((words) => flushNetwork(name, words)),
    ...(wasUp ? [] : [run(setState(name, 'up'), setState(name, 'down'))]),
  ];
}

/** Restores the state of an interface. Only then is it detached from the bridge, and its record removed. */
export function releaseUplink(record: UplinkRecord, bridge: string | undefined): Step[] {
  const { name, wasUp } = record;
  return [
    ...record.addresses.map((words) => run(addAddress(name, words), deleteAddress(name, words))),
    ...record.routes.map((route) => run(addRoute(name, route), deleteRoute(name, route))),
    ...(wasUp ? [] : [run(setState(name, 'down'), setState(name, 'up'))]),
    ...(bridge === undefined ? [] : [run(takeFromBridge(name), putOnBridge(name, bridge))]),
    { kind: 'forget', record },
  ];
}

function addAddress(name: string, words: readonly string[]): Argv {
  return ['ip', 'address', 'replace', ...words, 'dev', name];
}

function deleteAddress(name: string, [address = '', ...rest]: readonly string[]): Argv {
  const peer = rest[0] === 'peer' ? rest.slice(0, 2) : [];
  return ['ip', 'address', 'delete', address, ...peer, 'dev', name];
}

/** Flushes the route to the network of an IPv6 address with a lifetime, which the kernel would keep for that time. */
function flushNetwork(name: string, [address = '', ...rest]: readonly string[]): Step[] {
  if (!address.includes(':') || !rest.includes('valid_lft')) return [];
  return [run(['ip', '-6', 'route', 'flush', 'exact', address, 'dev', name])];
}

function addRoute(name: string, { family, words }: UplinkRoute): Argv {
  return ['ip', `-${family}`, 'route', 'replace', ...words, 'dev', name];
}

function deleteRoute(name: string, { family, words }: UplinkRoute): Argv {
  return ['ip', `-${family}`, 'route', 'delete', ...withoutLifetime(words), 'dev', name];
}

function withoutLifetime(words: readonly string[]): string[] {
  return words.filter((word, index) => word !== 'expires' && words[index - 1] !== 'expires');
}

function setState(name: string, state: 'up' | 'down'): Argv {
  return ['ip', 'link', 'set', 'dev', name, state];
}
