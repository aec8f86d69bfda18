import type { ModuleFile } from './module-file.ts';

/** A module of an image, by its name. */
export interface NamedModule extends ModuleFile {
  name: string;
}

/** How many symbols of a module are named in a message. */
const NAMED = 3;

/**
 * Why the kernel would refuse some of these modules, a line for each: what modprobe then says, or a test that
 * misses a driver, would be taken for a fault of the commit under test.
 * @param release of the kernel
 * @param exported names that the kernel and all of its modules export; undefined: not known
 */
export function findMisfits(
  modules: readonly NamedModule[],
  release: string,
  exported: ReadonlySet<string> | undefined,
): string[] {
  const options = mostCommon(modules.flatMap(({ vermagic }) => optionsOf(vermagic) ?? []));
  const wrong = modules.flatMap(({ name, vermagic }) => {
    const why = findWrongVermagic(vermagic, release, options);
    return why === undefined ? [] : [`${name}: ${why}`];
  });
  if (wrong.length > 0 || exported === undefined) return wrong;
  return findUnknownSymbols(modules, exported);
}

/** A module out of the tree exports what no list has. */
function findUnknownSymbols(
  modules: readonly NamedModule[],
  exported: ReadonlySet<string>,
): string[] {
  const symbols = modules.map(({ name, readSymbols }) => ({ name, ...readSymbols() }));
  const ours = new Set(symbols.flatMap(({ exports }) => exports));
  return symbols.flatMap(({ name, needs }) => {
    const unknown = needs.filter((symbol) => !exported.has(symbol) && !ours.has(symbol));
    if (unknown.length === 0) return [];
    const more = unknown.length > NAMED ? ` and ${unknown.length - NAMED} more` : '';
    return [`${name}: the kernel exports no ${unknown.slice(0, NAMED).join(', ')}${more}`];
  });
}

/**
 * With CONFIG_MODVERSIONS each symbol has a version, and the release does not count (same_magic() in
 * kernel/module/version.c); what follows it always does. The kernel's own is not looked up: what most of its modules have
 * stands for it.
 */
function findWrongVermagic(
  vermagic: string | undefined,
  release: string,
  options: string | undefined,
): string | undefined {
  if (vermagic === undefined) return undefined;
  const [builtFor = ''] = vermagic.split(' ', 1);
  const own = optionsOf(vermagic) ?? '';
  if (builtFor !== release && !own.split(' ').includes('modversions')) {
    return `it was built for Linux ${builtFor}, not for ${release}`;
  }
  if (options === undefined || own === options) return undefined;
  return `it was built for a kernel with "${own}", the other modules for one with "${options}"`;
}

function optionsOf(vermagic: string | undefined): string | undefined {
  const space = vermagic?.indexOf(' ') ?? -1;
  return space === -1 ? undefined : vermagic?.slice(space + 1);
}

function mostCommon(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

/** Texts of lists of exported symbols; undefined: there is no such file. */
export interface SymbolLists {
  /** Module.symvers: of the kernel and of its modules. */
  all: string | undefined;
  /** vmlinux.symvers (Linux 5.17): of the kernel alone, made with it, where the other is made with the modules. */
  kernel: string | undefined;
}

/**
 * What a kernel and its modules export: lines of `CRC NAME MODULE TYPE NAMESPACE`, by tabs
 * (Documentation/kbuild/modules.rst).
 * @returns undefined where it is not known
 */
export function exportedSymbols({ all, kernel }: SymbolLists): Set<string> | undefined {
  if (!all) return undefined;
  const names = new Set<string>();
  const add = (text: string, isCounted: (module: string) => boolean): void => {
    for (const line of text.split('\n')) {
      const [, name, module] = line.split('\t', 3);
      if (name !== undefined && isCounted(module ?? '')) names.add(name);
    }
  };
  add(all, (module) => !kernel || module !== 'vmlinux');
  if (kernel) add(kernel, () => true);
  return names;
}
