import { encodeKmodIndex, type IndexEntry } from './binary-index.ts';
import {
  type ChosenModule,
  canonicalName,
  type ModuleIndex,
  parseModulesAlias,
} from './resolve.ts';

/** The contents of the host's index files. The image gets the lines about its modules. */
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
 * The index files of a module directory that contains only `modules`, as depmod(8) would write them. Built-in
 * modules are included, so that modprobe of one succeeds.
 *
 * modules.symbols.bin is empty. Only the kernel's symbol_request() needs it, for media drivers, but libkmod
 * maps its indexes into memory only if all of them exist.
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

/** The format supports only 7-bit characters. Other entries are omitted, because no name can match them. */
function binaryFile(name: string, entries: readonly IndexEntry[]): IndexFile {
  const isPlain = (text: string): boolean => /^[\x01-\x7f]*$/.test(text);
  return {
    name,
    data: encodeKmodIndex(entries.filter(({ key, value }) => isPlain(key) && isPlain(value))),
  };
}

/** The lines in which the word at `at` (-1: the last) is the name of one of the modules. */
function linesOf(text: string, at: number, names: ReadonlyMap<string, number>): string[] {
  return text.split('\n').filter((line) => {
    if (line === '' || line.startsWith('#')) return false;
    const word = at === -1 ? line.slice(line.lastIndexOf(' ') + 1) : line.split(' ').at(at);
    return word !== undefined && names.has(canonicalName(word));
  });
}
