import type { ModuleFile } from './module-file.ts';

/** A module of an image, with its name. */
export interface NamedModule extends ModuleFile {
  name: string;
}

/** The number of a module's symbols that a message lists. */
const LISTED_SYMBOLS = 3;

/**
 * Finds the modules that the kernel would reject. At run time, the failure of modprobe or of a test without its
 * driver would look like a bug of the commit under test.
 * @param release of the kernel
 * @param exported names that the kernel and all of its modules export; undefined if not known
 * @returns a line for each module
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

/** The exports of out-of-tree modules are in no list, so those of the given modules count too. */
function findUnknownSymbols(
  modules: readonly NamedModule[],
  exported: ReadonlySet<string>,
): string[] {
  const symbols = modules.map(({ name, readSymbols }) => ({ name, ...readSymbols() }));
  const ours = new Set(symbols.flatMap(({ exports }) => exports));
  return symbols.flatMap(({ name, needs }) => {
    const unknown = needs.filter((symbol) => !exported.has(symbol) && !ours.has(symbol));
    if (unknown.length === 0) return [];
    const more =
      unknown.length > LISTED_SYMBOLS ? ` and ${unknown.length - LISTED_SYMBOLS} more` : '';
    const listed = unknown.slice(0, LISTED_SYMBOLS).join(', ');
    return [`${name}: the kernel does not export ${listed}${more}`];
  });
}

/**
 * With CONFIG_MODVERSIONS, each symbol has a version and the kernel ignores the release in the version magic
 * (same_magic() in kernel/module/version.c), but never what follows it. Instead of the kernel's own version magic,
 * the one of most of its modules is used.
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
    return `built for Linux ${builtFor}, not for ${release}`;
  }
  if (options === undefined || own === options) return undefined;
  return `built for a kernel with "${own}", the other modules for one with "${options}"`;
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

/** The texts of the lists of exported symbols; undefined if there is no such file. */
export interface SymbolLists {
  /** Module.symvers: the symbols of the kernel and of its modules. */
  all: string | undefined;
  /**
   * vmlinux.symvers (since Linux 5.17): the symbols of the kernel alone. It is written when the kernel is built,
   * Module.symvers when the modules are built.
   */
  kernel: string | undefined;
}

/**
 * The symbols that a kernel and its modules export. The lists consist of lines `CRC NAME MODULE TYPE NAMESPACE`,
 * separated by tabs (Documentation/kbuild/modules.rst).
 * @returns undefined if they are not known
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
