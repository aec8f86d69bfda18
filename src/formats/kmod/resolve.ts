import { findNearest } from '../../sys/text.ts';
import { isKmodIndex, searchKmodIndex } from './binary-index.ts';

/** A loadable module, from a line of modules.dep. */
export interface KernelModule {
  /** Canonical: underscores, no extension. */
  name: string;
  /** With its extension, relative to the module directory; absolute if it is outside of it. */
  path: string;
  /** Paths of all modules that it depends on, directly or indirectly. */
  dependencies: readonly string[];
}

/** The index that depmod(8) wrote for a kernel's modules. Aliases are read on demand. */
export interface ModuleIndex {
  /** modules.dep, unparsed. */
  dep: string;
  /** The offset in `dep` of each module's line, by canonical name, in depmod's order of priority. */
  modules: ReadonlyMap<string, number>;
  /** By canonical name: the names and aliases that a module may request at run time. */
  softdeps: ReadonlyMap<string, readonly string[]>;
  /** Canonical names of built-in modules. */
  builtins: ReadonlySet<string>;
  /** Aliases that may match a normalised name: a few of tens of thousands. */
  aliasCandidates: (name: string) => Iterable<Alias>;
  builtinAliases: () => readonly Alias[];
}

/** Contents of the files of a module directory; empty if a file does not exist. */
export interface ModuleIndexTexts {
  dep: string;
  softdep: string;
  weakdep: string;
  builtin: string;
  /** modules.alias.bin. These three are called at most once, and only for a name that is not a module's. */
  readAliasBinary: () => Buffer | undefined;
  /** Called only if modules.alias.bin does not exist or has another format. */
  readAlias: () => string;
  /** modules.builtin.modinfo */
  readBuiltinModinfo: () => string;
}

export interface Alias {
  /** Normalised fnmatch(3) pattern. */
  pattern: string;
  /** Canonical name of the module that has this alias. */
  module: string;
}

export function createModuleIndex(texts: ModuleIndexTexts): ModuleIndex {
  return {
    dep: texts.dep,
    modules: tabulateModules(texts.dep),
    softdeps: parseSoftdeps(`${texts.softdep}\n${texts.weakdep}`),
    builtins: parseModulesBuiltin(texts.builtin),
    aliasCandidates: aliasFinder(texts),
    builtinAliases: once(() => parseBuiltinAliases(texts.readBuiltinModinfo())),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * Finds only the names. The lines of requested modules are parsed later.
 * @param text lines of `PATH: DEPENDENCY …`, modules.dep(5)
 */
function tabulateModules(text: string): Map<string, number> {
  const modules = new Map<string, number>();
  for (let start = 0; start < text.length; start = endOfLine(text, start) + 1) {
    const colon = text.indexOf(':', start);
    if (colon === -1) break;
    const nameStart = Math.max(start, text.lastIndexOf('/', colon) + 1);
    const name = canonicalName(text.slice(nameStart, text.indexOf('.', nameStart)));
    if (!modules.has(name)) modules.set(name, start);
  }
  return modules;
}

/** @param name canonical */
function findModule(index: ModuleIndex, name: string): KernelModule | undefined {
  const start = index.modules.get(name);
  if (start === undefined) return undefined;
  const line = index.dep.slice(start, endOfLine(index.dep, start));
  const colon = line.indexOf(':');
  const dependencies = line.slice(colon + 1).trim();
  return {
    name,
    path: line.slice(0, colon),
    dependencies: dependencies === '' ? [] : dependencies.split(/\s+/),
  };
}

/**
 * Parses `softdep NAME pre: A B post: C` and `weakdep NAME D` into one list per module.
 *
 * modprobe ignores words before the first `pre:` or `post:`, but drivers list there what the kernel
 * requests at run time (cifs: its ciphers), so the image needs these modules too. The same applies to
 * weak dependencies.
 */
export function parseSoftdeps(text: string): Map<string, string[]> {
  const softdeps = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [keyword, module, ...words] = line.trim().split(/\s+/);
    if (module === undefined || (keyword !== 'softdep' && keyword !== 'weakdep')) continue;
    const name = canonicalName(module);
    const wanted = words.filter((word) => word !== 'pre:' && word !== 'post:');
    softdeps.set(name, [...(softdeps.get(name) ?? []), ...wanted]);
  }
  return softdeps;
}

/** @param text lines such as `kernel/fs/ext4/ext4.ko` */
function parseModulesBuiltin(text: string): Set<string> {
  return new Set(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map(moduleNameOfPath),
  );
}

/** @param text lines of `alias PATTERN MODULE`; the pattern may contain spaces */
export function parseModulesAlias(text: string): Alias[] {
  return text
    .split('\n')
    .map(parseAliasLine)
    .filter((alias) => alias !== undefined);
}

function parseAliasLine(line: string): Alias | undefined {
  const space = line.lastIndexOf(' ');
  if (space <= ALIAS_KEYWORD.length || !line.startsWith(ALIAS_KEYWORD)) return undefined;
  const pattern = normalizeAlias(line.slice(ALIAS_KEYWORD.length, space));
  return pattern === undefined ? undefined : { pattern, module: line.slice(space + 1) };
}

const ALIAS_KEYWORD = 'alias ';

/** @param text NUL-terminated records `MODULE.KEY=VALUE`: modules.builtin.modinfo, Linux 5.2 and later */
function parseBuiltinAliases(text: string): Alias[] {
  const aliases: Alias[] = [];
  for (const record of text.split('\0')) {
    const [, module, value] = /^([^.]+)\.alias=(.+)$/s.exec(record) ?? [];
    const pattern = value === undefined ? undefined : normalizeAlias(value);
    if (module !== undefined && pattern !== undefined) {
      aliases.push({ pattern, module: canonicalName(module) });
    }
  }
  return aliases;
}

/** Finds candidates in modules.alias.bin, which is fast to search; else returns all of modules.alias. */
function aliasFinder(texts: ModuleIndexTexts): ModuleIndex['aliasCandidates'] {
  const binary = once(texts.readAliasBinary);
  const parsed = once(() => parseModulesAlias(texts.readAlias()));
  return (name) => {
    const file = binary();
    return file === undefined || !isKmodIndex(file) ? parsed() : searchAliases(file, name);
  };
}

function* searchAliases(file: Buffer, name: string): Generator<Alias> {
  for (const { key, value } of searchKmodIndex(file, name)) yield { pattern: key, module: value };
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end;
}

/** The names of all modules with a matching alias, each once. */
function matchingModules(aliases: Iterable<Alias>, name: string): string[] {
  const found = new Set<string>();
  for (const { pattern, module } of aliases) {
    if (!found.has(module) && matchesPattern(pattern, name)) found.add(module);
  }
  return [...found];
}

/** `-` and `_` are equivalent in module names. */
export function canonicalName(name: string): string {
  return name.includes('-') ? name.replaceAll('-', '_') : name;
}

/** "kernel/net/8021q/8021q.ko.xz" to "8021q": the module's name ends at the first dot. */
export function moduleNameOfPath(path: string): string {
  const start = path.lastIndexOf('/') + 1;
  const dot = path.indexOf('.', start);
  return canonicalName(path.slice(start, dot === -1 ? undefined : dot));
}

/**
 * Normalises an alias as kmod does: `-` becomes `_` except in a bracket expression.
 * @returns undefined for an unmatched bracket, which kmod rejects
 */
export function normalizeAlias(alias: string): string | undefined {
  if (!alias.includes('[') && !alias.includes(']')) return canonicalName(alias);
  const parts = alias.split(/(\[[^\]]*\])/);
  const outside = (part: string, at: number): boolean => at % 2 === 0 || part === '';
  if (parts.some((part, at) => outside(part, at) && /[[\]]/.test(part))) return undefined;
  return parts.map((part, at) => (outside(part, at) ? canonicalName(part) : part)).join('');
}

/** fnmatch(3) without flags: `*`, `?`, `[a-z]`, `[!a-z]`, `[^a-z]`; `\` quotes; `/` is not special. */
export function matchesPattern(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  // Where to continue if the text does not match what follows the last star.
  let afterStar = -1;
  let starText = 0;
  while (t < text.length) {
    const step = p < pattern.length ? matchOne(pattern, p, text.charAt(t)) : undefined;
    if (pattern[p] === '*') {
      p += 1;
      afterStar = p;
      starText = t;
    } else if (step !== undefined) {
      p = step;
      t += 1;
    } else if (afterStar !== -1) {
      starText += 1;
      p = afterStar;
      t = starText;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** @returns the position after the element at `p` if it matches `char`, else undefined */
function matchOne(pattern: string, p: number, char: string): number | undefined {
  const element = pattern[p];
  if (element === '?') return p + 1;
  if (element === '\\' && p + 1 < pattern.length) {
    return pattern[p + 1] === char ? p + 2 : undefined;
  }
  if (element === '[') {
    const bracket = matchBracket(pattern, p, char);
    if (bracket !== undefined) return bracket.matches ? bracket.end : undefined;
  }
  return element === char ? p + 1 : undefined;
}

/** @returns undefined if no `]` closes the bracket: then `[` is an ordinary character */
function matchBracket(
  pattern: string,
  p: number,
  char: string,
): { matches: boolean; end: number } | undefined {
  const negated = pattern[p + 1] === '!' || pattern[p + 1] === '^';
  const start = p + (negated ? 2 : 1);
  // A `]` in the first position is a member.
  const close = pattern.indexOf(']', start + 1);
  if (close === -1) return undefined;
  let matches = false;
  for (let at = start; at < close; at += 1) {
    const low = pattern.charAt(at);
    const isRange = pattern[at + 1] === '-' && at + 2 < close;
    const high = isRange ? pattern.charAt(at + 2) : low;
    if (isRange) at += 2;
    if (low <= char && char <= high) matches = true;
  }
  return { matches: matches !== negated, end: close + 1 };
}

/** What a name refers to: modules to load, a built-in module, or nothing. */
export type Lookup = { modules: readonly string[] } | { builtin: string } | undefined;

/**
 * Looks up a name as `modprobe NAME` does, in the order of libkmod: module, alias, built-in module,
 * alias of a built-in module. The configuration in modprobe.d(5) is ignored, because the guest has none.
 * @param wanted the name of a module with `-` or `_`, an alias, or a path that ends with the name
 */
export function lookUpModule(index: ModuleIndex, wanted: string): Lookup {
  const name = nameInWanted(wanted);
  if (index.modules.has(name)) return { modules: [name] };
  const alias = normalizeAlias(name);
  if (alias === undefined) return undefined;
  const byAlias = matchingModules(index.aliasCandidates(alias), alias);
  const modules = byAlias.filter((module) => index.modules.has(module));
  if (modules.length > 0) return { modules };
  if (index.builtins.has(name)) return { builtin: name };
  const [builtin] = matchingModules(index.builtinAliases(), alias);
  return builtin === undefined ? undefined : { builtin };
}

/**
 * Whether the kernel has a driver, as a module or built in. Reads the aliases only if there is no module with
 * this name.
 */
export function findDriver(index: ModuleIndex, wanted: string): 'module' | 'builtin' | undefined {
  const name = nameInWanted(wanted);
  if (index.modules.has(name)) return 'module';
  if (index.builtins.has(name)) return 'builtin';
  const found = lookUpModule(index, wanted);
  if (found === undefined) return undefined;
  return 'modules' in found ? 'module' : 'builtin';
}

/** The names for which the kernel has a driver, in the given order. */
export function selectAvailable(index: ModuleIndex, names: readonly string[]): string[] {
  return names.filter((name) => findDriver(index, name) !== undefined);
}

const MODULE_FILE = /\.ko(?:\.(?:gz|xz|zst))?$/;

/** Aliases may contain dots and slashes; only the path of a module file is reduced to its name. */
function nameInWanted(wanted: string): string {
  if (MODULE_FILE.test(wanted)) return moduleNameOfPath(wanted);
  if (wanted.includes('/') && !wanted.includes(':')) return moduleNameOfPath(wanted);
  return canonicalName(wanted);
}

/** A module for the image. */
export interface ChosenModule {
  name: string;
  /** The path as in modules.dep: relative to the module directory, or absolute. */
  source: string;
  /** The same without the compression suffix. */
  path: string;
  /** The `path` of each module that it depends on, directly or indirectly, in the order of modules.dep. */
  dependencies: readonly string[];
}

export interface MissingModule {
  name: string;
  /** The most similar known name, if any. */
  suggestion: string | undefined;
}

export interface ModuleChoice {
  /** In the order of modules.dep. */
  modules: ChosenModule[];
  /** Requested names that need no module, as given. */
  builtin: string[];
  /** Requested names that the kernel does not have. */
  missing: MissingModule[];
}

/**
 * Chooses all modules that a guest needs so that `modprobe NAME` works for each requested name: the modules,
 * their dependencies, and the modules that they may request at run time. A soft dependency that does not
 * exist is ignored.
 */
export function chooseModules(index: ModuleIndex, wanted: readonly string[]): ModuleChoice {
  const chosen = new Set<string>();
  const builtin: string[] = [];
  const missing: MissingModule[] = [];
  const lookUp = memoize((name: string) => lookUpModule(index, name));
  for (const name of new Set(wanted)) {
    const found = lookUp(name);
    if (found === undefined) missing.push({ name, suggestion: suggestName(index, name) });
    else if ('builtin' in found) builtin.push(name);
    else for (const module of found.modules) chosen.add(module);
  }
  // The iteration includes elements that are added during it.
  for (const name of chosen) {
    for (const path of findModule(index, name)?.dependencies ?? []) {
      chosen.add(moduleNameOfPath(path));
    }
    for (const softdep of index.softdeps.get(name) ?? []) {
      const found = lookUp(softdep);
      if (found !== undefined && 'modules' in found) for (const m of found.modules) chosen.add(m);
    }
  }
  const modules = [...index.modules.keys()]
    .filter((name) => chosen.has(name))
    .map((name) => findModule(index, name))
    .filter((module) => module !== undefined);
  return { modules: modules.map(describeChosen), builtin, missing };
}

function describeChosen(module: KernelModule): ChosenModule {
  return {
    name: module.name,
    source: module.path,
    path: withoutCompressionSuffix(module.path),
    dependencies: module.dependencies.map(withoutCompressionSuffix),
  };
}

function withoutCompressionSuffix(path: string): string {
  return path.replace(MODULE_FILE, '.ko');
}

function memoize<T>(compute: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    if (!known.has(key)) known.set(key, compute(key));
    return known.get(key) as T;
  };
}

function suggestName(index: ModuleIndex, wanted: string): string | undefined {
  const name = nameInWanted(wanted);
  const known = [...index.modules.keys(), ...index.builtins];
  return findNearest(name, known);
}
