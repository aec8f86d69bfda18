import { encodeKmodIndex, type IndexEntry } from './binary-index.ts';
import {
  type ChosenModule,
  canonicalName,
  type ModuleIndex,
  parseModulesAlias,
} from './resolve.ts';

/** Contents of the host's index files, of which the image gets the lines it needs. */
export interface HostIndexTexts {
  alias: string;
  softdep: string;
  devname: string;
  builtin: string;
}

export interface IndexFile {
  /** Name in the module directory. */
  name: string;
  data: Buffer;
}

/**
 * The index of a module directory that holds only `modules`: what depmod(8) would write there, made
 * without it. Built-in modules stay known, so that modprobe of one succeeds.
 *
 * modules.symbols.bin is empty: only the kernel's symbol_request() asks it, for media drivers, but
 * libkmod maps its indexes into memory only when all of them are there.
 */
export function formatIndexFiles(
  index: ModuleIndex,
  modules: readonly ChosenModule[],
  texts: HostIndexTexts,
): IndexFile[] {
  const priorities = new Map(modules.map(({ name }, at) => [name, at]));
  const depLines = modules.map(({ path, dependencies }) => [`${path}:`, ...dependencies].join(' '));
  const aliasLines = linesOf(texts.alias, -1, priorities);
  const aliases = parseModulesAlias(aliasLines.join('\n')).map(({ pattern, module }) => ({
    key: pattern,
    value: module,
    priority: priorities.get(module) ?? 0,
  }));
  return [
    textFile('modules.dep', depLines),
    binaryFile(
      'modules.dep.bin',
      modules.map(({ name }, at) => ({ key: name, value: depLines[at] ?? '', priority: at })),
    ),
    textFile('modules.alias', aliasLines),
    binaryFile('modules.alias.bin', aliases),
    textFile('modules.softdep', linesOf(texts.softdep, 1, priorities)),
    textFile('modules.devname', linesOf(texts.devname, 0, priorities)),
    binaryFile('modules.symbols.bin', []),
    { name: 'modules.builtin', data: Buffer.from(texts.builtin, 'latin1') },
    binaryFile(
      'modules.builtin.bin',
      [...index.builtins].map((key) => ({ key, value: '', priority: 0 })),
    ),
    binaryFile(
      'modules.builtin.alias.bin',
      index.builtinAliases().map(({ pattern, module }) => ({
        key: pattern,
        value: module,
        priority: 0,
      })),
    ),
  ];
}

function textFile(name: string, lines: readonly string[]): IndexFile {
  return { name, data: Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1') };
}

/** The tree has room for 7-bit characters only: other entries stay out, as nothing can ask for them. */
function binaryFile(name: string, entries: readonly IndexEntry[]): IndexFile {
  const isPlain = (text: string): boolean => /^[\x01-\x7f]*$/.test(text);
  return {
    name,
    data: encodeKmodIndex(entries.filter(({ key, value }) => isPlain(key) && isPlain(value))),
  };
}

/** The lines of which the word at `at` (-1: the last) names one of the modules. */
function linesOf(text: string, at: number, names: ReadonlyMap<string, number>): string[] {
  return text.split('\n').filter((line) => {
    if (line === '' || line.startsWith('#')) return false;
    const word = at === -1 ? line.slice(line.lastIndexOf(' ') + 1) : line.split(' ').at(at);
    return word !== undefined && names.has(canonicalName(word));
  });
}
