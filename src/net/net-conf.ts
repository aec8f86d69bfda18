import { createHash } from 'node:crypto';
import type { Conf } from '../conf/conf.ts';
import type { PerTap } from '../conf/network-values.ts';
import type { VmSettings } from '../conf/schema.ts';
import { defaultTap, findVmConflicts } from '../conf/vm-conflicts.ts';
import { UsageError } from '../errors.ts';
import type { NetworkFile } from './networkd-files.ts';

/** The contents of VM_NET_CONF for each VM, by VM number. */
export type NetConf = ReadonlyMap<number, VmNetConf>;

/** The directory vmN of VM_NET_CONF, with which systemd-networkd sets up the network of a VM. */
export interface VmNetConf {
  /** Path of the directory. */
  path: string;
  /** All files that systemd reads, sorted by name, including drop-ins: `a.network.d/b.conf`. */
  files: readonly { name: string; data: Buffer }[];
  /** The parsed *.network files. */
  networks: readonly NamedNetworkFile[];
  /** Kinds of virtual interfaces that its *.netdev files create. */
  kinds: readonly string[];
  hostname: string | undefined;
}

export interface NamedNetworkFile extends NetworkFile {
  /** `lan.network` */
  name: string;
}

/**
 * Adds the taps, MACs, addresses and hostnames from the network files to the conf, unless the section of a VM
 * sets them. A VM with files is on the bridge, as if it had a section.
 * @throws UsageError if a VM has fewer taps than files for cards, or if two VMs have the same address
 */
export function withNetConf(conf: Conf, netConf: NetConf): Conf {
  if (netConf.size === 0) return conf;
  const numbers = [...new Set([...conf.vmNumbers, ...netConf.keys()])].sort((a, b) => a - b);
  const settings = new Map(
    numbers.map((number) => [number, mergeSettings(number, conf.vm(number), netConf.get(number))]),
  );
  const origin = { from: 'net-conf' };
  const conflicts = findVmConflicts(
    new Map(
      [...settings].map(([number, own]) => [
        number,
        Object.entries(own).map(([name, value]) => ({ name, value, origin })),
      ]),
    ),
  );
  if (conflicts.length > 0) {
    throw new UsageError('VM_NET_CONF and the sections of rapido.conf conflict', {
      problems: conflicts.map(({ message }) => message),
    });
  }
  return { ...conf, vmNumbers: numbers, vm: (number) => settings.get(number) ?? conf.vm(number) };
}

function mergeSettings(number: number, own: VmSettings, files: VmNetConf | undefined): VmSettings {
  if (files === undefined) return own;
  const taps = own.TAP ?? chooseTaps(number, files);
  const cards = [...placeFiles(number, files, taps)];
  const perTap = (values: readonly string[], tap: string): PerTap[] =>
    values.map((value) => ({ value, tap }));
  const addressesOf = ({ addresses, dhcp }: NetworkFile): string[] => [
    ...addresses,
    ...(dhcp ? ['dhcp'] : []),
  ];
  const macs = cards.flatMap(([tap, { mac }]) => (mac === undefined ? [] : perTap([mac], tap)));
  const ownMacs = own.MAC ?? [];
  const hasOwnMac = (tap: string | undefined): boolean =>
    ownMacs.some((mac) => (mac.tap ?? taps[0]) === tap);
  const allMacs = [...ownMacs, ...macs.filter(({ tap }) => !hasOwnMac(tap))];
  const [first = ''] = taps;
  // Addresses of interfaces that the guest creates also belong to the VM.
  const others = files.networks.filter(({ match }) => match === 'other').flatMap(addressesOf);
  const addresses = [
    ...cards.flatMap(([tap, file]) => perTap(addressesOf(file), tap)),
    ...perTap(others, first),
  ];
  return {
    ...(files.hostname === undefined ? {} : { HOSTNAME: files.hostname }),
    ADDRESS: addresses,
    ...own,
    TAP: taps,
    ...(allMacs.length === 0 ? {} : { MAC: allMacs }),
  };
}

/** The taps of a VM whose section does not set TAP. */
function chooseTaps(number: number, { path, networks }: VmNetConf): string[] {
  const nameless = networks.filter(({ match }) => match === 'mac');
  const [, second] = nameless;
  if (second !== undefined) throw tooFewTaps(number, path, second);
  const named = networks.filter(({ match }) => match === 'unsaid').map(stemOf);
  const needsDefault = nameless.length > 0 || named.length === 0;
  const taps = [...(needsDefault ? [defaultTap(number)] : []), ...named];
  return [...new Set(taps)];
}

function stemOf({ name }: { name: string }): string {
  return name.replace(/\.network$/, '');
}

/**
 * Assigns a network file to each card of the VM, by tap: the file with the name of the tap, otherwise the next file
 * for a card.
 */
export function placeFiles(
  number: number,
  { path, networks }: VmNetConf,
  taps: readonly string[],
): Map<string, NamedNetworkFile> {
  const forCards = networks.filter(({ match }) => match !== 'other');
  const placed = new Map<string, NamedNetworkFile>();
  for (const file of forCards) if (taps.includes(stemOf(file))) placed.set(stemOf(file), file);
  for (const file of forCards) {
    if (taps.includes(stemOf(file))) continue;
    const tap = taps.find((name) => !placed.has(name));
    if (tap === undefined) throw tooFewTaps(number, path, file);
    placed.set(tap, file);
  }
  return placed;
}

function tooFewTaps(number: number, path: string, { name }: NamedNetworkFile): UsageError {
  return new UsageError(`${path}/${name}: VM ${number} has no tap for this file`, {
    hint: `name a tap for each file in the section of the VM: [vm${number}], and below it TAP="rapido-tap${number}, …"`,
  });
}

/** A digest by which the files of a VM are compared with those in an image. */
export function digestNetConf({ files }: VmNetConf): string {
  const hash = createHash('sha256');
  for (const { name, data } of files) hash.update(`${name}\0${data.length}\0`).update(data);
  return hash.digest('hex');
}
