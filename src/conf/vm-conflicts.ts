import type { ConfValue } from './key.ts';
import type { PerTap, PortForward } from './network-values.ts';
import type { LineProblem } from './scan.ts';
import type { VmSettings } from './schema.ts';

/** An entry of a section. */
interface Entry {
  name: string;
  value: ConfValue | undefined;
  origin: { from: string; line?: number };
}

/**
 * Finds conflicts between the sections `[vmN]`: two VMs on one bridge with the same MAC, tap or address cause
 * failures that are hard to diagnose.
 * @param vms the entries of each section, by VM number
 */
export function findVmConflicts(vms: ReadonlyMap<number, readonly Entry[]>): LineProblem[] {
  return [
    ...findShared(vms),
    ...[...vms].flatMap(([number, entries]) => findStray(number, entries)),
  ];
}

/** The values of each key that only one VM can have, as text for the user. */
const CLAIMS: { readonly [Name in keyof VmSettings]?: (value: never) => string[] } = {
  ADDRESS: (value: readonly PerTap[]) =>
    value.filter(({ value }) => value !== 'dhcp').map(({ value }) => value.replace(/\/\d+$/, '')),
  MAC: (value: readonly PerTap[]) => value.map(({ value }) => value),
  TAP: (value: readonly string[]) => [...value],
  HOSTNAME: (value: string) => [value.toLowerCase()],
  FORWARD: (value: readonly PortForward[]) =>
    value.map(({ host, protocol }) => `port ${host}${protocol === 'udp' ? '/udp' : ''}`),
};

function findShared(vms: ReadonlyMap<number, readonly Entry[]>): LineProblem[] {
  const problems: LineProblem[] = [];
  const owners = new Map<string, number>();
  for (const [number, entries] of vms) {
    for (const { name, value, origin } of entries) {
      const claims = CLAIMS[name as keyof VmSettings];
      if (claims === undefined || value === undefined) continue;
      const line = origin.line ?? 0;
      for (const text of claims(value as never)) {
        const owner = owners.get(`${name} ${text}`);
        owners.set(`${name} ${text}`, owner ?? number);
        if (owner === undefined) continue;
        const message =
          owner === number
            ? `${name} in [vm${number}]: ${text} is listed twice`
            : `${name} in [vm${number}]: ${text} is already used by [vm${owner}]; give each VM its own`;
        problems.push({ line, message });
      }
    }
  }
  return problems;
}

/** Finds addresses for taps that the VM does not have, and second MACs for a tap. */
function findStray(number: number, entries: readonly Entry[]): LineProblem[] {
  const settings: VmSettings = Object.fromEntries(entries.map(({ name, value }) => [name, value]));
  const taps = settings.TAP ?? [defaultTap(number)];
  return entries.flatMap(({ name, value, origin }) => {
    if ((name !== 'ADDRESS' && name !== 'MAC') || value === undefined) return [];
    const items = value as readonly PerTap[];
    const line = origin.line ?? 0;
    const strays = items.filter(({ tap }) => tap !== undefined && !taps.includes(tap));
    const places = items.map(({ tap }) => tap ?? taps[0]);
    const crowded = name === 'MAC' && new Set(places).size < places.length;
    return [
      ...strays.map(({ value, tap }) => ({
        line,
        message: `${name} in [vm${number}]: ${value}@${tap}: the VM's taps are ${taps.join(', ')}; add ${tap} to TAP`,
      })),
      ...(crowded ? [{ line, message: `MAC in [vm${number}]: a tap has only one MAC` }] : []),
    ];
  });
}

/** The default tap of a VM. */
export function defaultTap(number: number): string {
  return `rapido-tap${number}`;
}
