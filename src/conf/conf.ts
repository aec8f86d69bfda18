import { dirname } from 'node:path';
import { UsageError } from '../errors.ts';
import { ownFile } from '../host/directories.ts';
import { findNearest } from '../sys/text.ts';
import type { ConfSource } from './find.ts';
import { type ConfKey, type ConfKeyTable, type ConfValue, isListKey } from './key.ts';
import {
  emptyCounts,
  expandDefault,
  fromOutside,
  keyOf,
  type ResolvedConf,
  resolveConf,
  type Surroundings,
  type Written,
} from './resolve.ts';
import { type LineProblem, scanConf } from './scan.ts';
import { CONF_KEYS, type ConfKeyName, type Setting, VM_KEYS, type VmSettings } from './schema.ts';
import { secretsOf, withoutSecrets } from './secrets.ts';
import { describeForm, exampleValue, parseConfValue } from './types.ts';
import { formatSize } from './values.ts';
import { findVmConflicts } from './vm-conflicts.ts';

export type Origin =
  | { from: 'default' }
  | { from: 'environment' }
  /** An option of the command line. */
  | { from: 'option' }
  /** The kernel tree that is the current directory. */
  | { from: 'directory' }
  /** `file` is absolute, `line` counts from 1. */
  | { from: 'file'; file: string; line: number };

/** One key with its value and origin. */
export interface ConfEntry {
  name: string;
  key: ConfKey;
  /** The expanded text, with absolute paths, which guests get; undefined if the key is not set. */
  text: string | undefined;
  value: ConfValue | undefined;
  origin: Origin;
}

/** A key of the file that is in no table: a mistake, or a key of a cut that is not yet loaded. */
export interface UnknownKey {
  name: string;
  line: number;
}

export interface ConfInput {
  source: ConfSource | undefined;
  surroundings: Surroundings;
  /** Keys that cuts define. */
  extraKeys: ConfKeyTable;
}

export interface Conf {
  /** The conf file, or undefined if there is none. */
  readonly source: ConfSource | undefined;
  /** Warnings of the form "rapido.conf:7: …". */
  readonly warnings: readonly string[];
  /** See `refuseUnknownKeys`. */
  readonly unknown: readonly UnknownKey[];
  /** The typed value of a key; if it is not set, undefined or an empty list. */
  get<Name extends ConfKeyName>(name: Name): Setting<Name>;
  /** A key by its name, including keys of cuts; undefined if no table has it. */
  entry(name: string): ConfEntry | undefined;
  /** All keys in the order of their tables. */
  readonly entries: readonly ConfEntry[];
  /** The settings of `[vmN]`; empty if there is no such section. */
  vm(number: number): VmSettings;
  vmEntries(number: number): readonly ConfEntry[];
  /** The numbers of the VM sections, in order. */
  readonly vmNumbers: readonly number[];
  /** The input from which the conf was made; see `withKeys`. */
  readonly input: ConfInput;
}

/**
 * Makes the conf from a file's text and the environment. Pure.
 * @throws UsageError with all problems of the file and the environment, each as "file:line: …".
 */
export function buildConf(input: ConfInput): Conf {
  const { source, surroundings } = input;
  const keys: ConfKeyTable = { ...CONF_KEYS, ...input.extraKeys };
  const scanned = scanConf(source?.text ?? '', (name) => keyOf(keys, name)?.secret === true);
  const base = dirname(source?.path ?? '/');
  const resolved = resolveConf(scanned, base, keys, VM_KEYS, surroundings);

  const problems: LineProblem[] = [...scanned.problems, ...resolved.problems];
  const file = source?.path ?? '';
  const entries = makeEntries(keys, resolved.top, surroundings, file, problems);
  const vms = makeVms(scanned.sections, resolved.sections, file, problems);
  problems.push(...findVmConflicts(vms));
  if (problems.length > 0) {
    const secrets = secretsOf(entries.values());
    refuse(
      problems.map(({ line, message }) => ({ line, message: withoutSecrets(message, secrets) })),
      source?.name,
    );
  }

  return {
    source,
    warnings: listWarnings(resolved, source?.name ?? ''),
    unknown: findUnknown(resolved.top, keys),
    get: (name) => entries.get(name)?.value as never,
    entry: (name) => entries.get(name),
    entries: [...entries.values()],
    vm: (number) => settingsOf(vms.get(number)),
    vmEntries: (number) => vms.get(number) ?? [],
    vmNumbers: [...vms.keys()].sort((a, b) => a - b),
    input,
  };
}

/** The same conf with the keys of cuts, whose values are checked and typed. */
export function withKeys(conf: Conf, extraKeys: ConfKeyTable): Conf {
  if (Object.keys(extraKeys).length === 0) return conf;
  return buildConf({ ...conf.input, extraKeys: { ...conf.input.extraKeys, ...extraKeys } });
}

function makeEntries(
  keys: ConfKeyTable,
  top: ReadonlyMap<string, Written>,
  surroundings: Surroundings,
  file: string,
  problems: LineProblem[],
): Map<string, ConfEntry> {
  const scope = { ...surroundings, keys, top };
  const entries = new Map<string, ConfEntry>();
  for (const [name, key] of Object.entries(keys)) {
    const outside = fromOutside(name, key, surroundings);
    const written = top.get(name);
    let entry: ConfEntry;
    if (outside !== undefined) {
      entry = typed(name, key, outside.text, { from: outside.from }, problems);
    } else if (written !== undefined && (written.text !== '' || emptyCounts(key))) {
      entry = typed(name, key, written.text, { from: 'file', file, line: written.line }, problems);
    } else {
      entry = byDefault(name, key, () => expandDefault(key, scope));
    }
    entries.set(name, entry);
  }
  return entries;
}

/** Expands and types a default when it is first used, because most defaults are never used. */
function byDefault(name: string, key: ConfKey, expand: () => string | undefined): ConfEntry {
  let text: { value: string | undefined } | undefined;
  const expandOnce = () => {
    text ??= { value: expand() };
    return text.value;
  };
  return {
    name,
    key,
    origin: { from: 'default' },
    get text() {
      return expandOnce();
    },
    get value() {
      const expanded = expandOnce();
      if (expanded !== undefined) return parseConfValue(key, expanded);
      return isListKey(key) ? [] : undefined;
    },
  };
}

function typed(
  name: string,
  key: ConfKey,
  text: string,
  origin: Origin,
  problems: LineProblem[],
): ConfEntry {
  if (text === '') {
    return { name, key, text: undefined, value: isListKey(key) ? [] : undefined, origin };
  }
  const value = parseConfValue(key, text);
  if (value === undefined) {
    const line = origin.from === 'file' ? origin.line : 0;
    problems.push({ line, message: explainMismatch(name, key, text) });
  }
  return { name, key, text, value, origin };
}

/** Why a key cannot have a value; undefined: it can. @param text expanded */
export function explainWrongValue(name: string, key: ConfKey, text: string): string | undefined {
  const problems: LineProblem[] = [];
  typed(name, key, text, { from: 'option' }, problems);
  return problems[0]?.message;
}

function explainMismatch(name: string, key: ConfKey, text: string): string {
  const shown = key.secret ? '(not shown)' : `"${text}"`;
  if (key.type === 'path' && text.startsWith('~')) {
    return `${name}: ${shown}: only ~/ is expanded, not another user's home directory; write an absolute path`;
  }
  if (key.type === 'size' && /^\d+$/.test(text)) {
    return `${name}: ${shown} is ${text} bytes, less than ${formatSize(key.minimum ?? 0)} (did you mean ${text}M?)`;
  }
  const form = describeForm(key);
  if (key.type === 'integer') return `${name}: ${shown} is not ${form}`;
  const example = exampleValue(key);
  const shownExample = example === undefined ? '' : `, for example ${name}="${example}"`;
  return `${name}: ${shown}: expected ${form}${shownExample}`;
}

function makeVms(
  headers: readonly { name: string; line: number }[],
  sections: ReadonlyMap<string, ReadonlyMap<string, Written>>,
  file: string,
  problems: LineProblem[],
): Map<number, ConfEntry[]> {
  const vms = new Map<number, ConfEntry[]>();
  for (const { name, line } of headers) {
    const number = Number(/^vm([1-9]\d{0,3})$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) problems.push({ line, message: explainSection(name) });
    else if (!vms.has(number)) {
      vms.set(number, makeVmEntries(name, sections.get(name) ?? new Map(), file, problems));
    }
  }
  return vms;
}

function explainSection(name: string): string {
  const number = /^\D*0*([1-9]\d{0,3})$/.exec(name)?.[1];
  const nearest = number === undefined ? findNearest(name, ['vm1']) : `vm${number}`;
  const remedy =
    nearest === undefined
      ? '; sections are [vm1], [vm2] and so on, below all other keys'
      : ` (did you mean [${nearest}]?)`;
  return `unknown section [${name}]${remedy}`;
}

function makeVmEntries(
  section: string,
  written: ReadonlyMap<string, Written>,
  file: string,
  problems: LineProblem[],
): ConfEntry[] {
  const entries: ConfEntry[] = [];
  for (const [name, { text, line }] of written) {
    const key = keyOf(VM_KEYS, name);
    if (key === undefined) problems.push({ line, message: explainVmKey(name, section) });
    else if (text !== '') {
      entries.push(typed(name, key, text, { from: 'file', file, line }, problems));
    }
  }
  return entries;
}

function explainVmKey(name: string, section: string): string {
  if (keyOf(CONF_KEYS, name) !== undefined) {
    return `${name} applies to all VMs, not to [${section}]; move this line above the first section`;
  }
  const nearest = findNearest(name, Object.keys(VM_KEYS));
  const remedy =
    nearest === undefined
      ? `; section keys are ${Object.keys(VM_KEYS).join(', ')}`
      : ` (did you mean ${nearest}?)`;
  return `unknown key ${name} in [${section}]${remedy}`;
}

function settingsOf(entries: readonly ConfEntry[] | undefined): VmSettings {
  return Object.fromEntries((entries ?? []).map(({ name, value }) => [name, value]));
}

/** Throws if there are problems. They are sorted by line; line 0 is the environment. */
function refuse(problems: readonly LineProblem[], file: string | undefined): void {
  if (problems.length === 0) return;
  const isFromFile = problems.some(({ line }) => line > 0);
  const messages = problems
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, message }) => `${line > 0 ? `${file}:${line}` : 'environment'}: ${message}`);
  const hint = `${ownFile('rapido.conf.example')} documents every key and the syntax`;
  const [only = ''] = messages;
  if (messages.length === 1) throw new UsageError(only, { hint });
  throw new UsageError(`${messages.length} problems in ${isFromFile ? file : 'the environment'}`, {
    problems: messages,
    hint,
  });
}

function listWarnings({ warnings }: ResolvedConf, file: string): string[] {
  return warnings
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, message }) => `${file}:${line}: ${message}`);
}

function findUnknown(top: ReadonlyMap<string, Written>, keys: ConfKeyTable): UnknownKey[] {
  return [...top]
    .filter(([name]) => keyOf(keys, name) === undefined)
    .map(([name, { line }]) => ({ name, line }));
}

/**
 * Rejects keys of the file that are neither keys of rapido nor in `extraKeys` (the keys of the user's own
 * cuts). Loading these cuts takes time, so load them only if `conf.unknown` is not empty.
 * @throws UsageError that names each key, its line and the nearest known key.
 */
export function refuseUnknownKeys(conf: Conf, extraKeys: ConfKeyTable = {}): void {
  const names = [...conf.entries.map(({ name }) => name), ...Object.keys(extraKeys)];
  const unknown = conf.unknown.filter(({ name }) => keyOf(extraKeys, name) === undefined);
  refuse(
    unknown.map(({ name, line }) => ({ line, message: explainUnknownKey(name, names) })),
    conf.source?.name,
  );
}

/** Describes the keys of the file that rapido does not know, for commands that load no cuts: "rapido.conf:7: …". */
export function describeUnknownKeys({ unknown, entries, source }: Conf): string[] {
  const names = entries.map(({ name }) => name);
  const otherwise = '; a cut may define it, but this command does not load cuts';
  return unknown.map(
    ({ name, line }) => `${source?.name}:${line}: ${explainUnknownKey(name, names, otherwise)}`,
  );
}

const NO_SUCH_KEY = '; `rapido conf` lists all keys, and a cut can define more';

/** @param otherwise the advice for a key that resembles no other */
function explainUnknownKey(
  name: string,
  names: readonly string[],
  otherwise = NO_SUCH_KEY,
): string {
  const former = explainFormerKey(name);
  if (former !== undefined) return `unknown key ${name}; ${former}`;
  if (keyOf(VM_KEYS, name) !== undefined) {
    return `unknown key ${name} outside a VM section; write it below a line [vm1]`;
  }
  const nearest = findNearest(name, names);
  const remedy =
    nearest === undefined
      ? otherwise
      : ` (did you mean ${nearest}?${name.toUpperCase() === nearest ? ' Keys are in upper case' : ''})`;
  return `unknown key ${name}${remedy}`;
}

const FORMER_KEYS: Readonly<Record<string, string>> = {
  MAC_ADDR: 'MAC',
  IP_ADDR: 'ADDRESS',
  HOSTNAME: 'HOSTNAME',
  TAP_DEV: 'TAP',
};

/** Early versions of the original tool numbered the keys of VMs, `MAC_ADDR1`, with taps from 0. */
function explainFormerKey(name: string): string | undefined {
  const [, stem, digits, dhcp] = /^([A-Z_]+?)(\d+)(_DHCP)?$/.exec(name) ?? [];
  const key = FORMER_KEYS[stem ?? ''];
  if (key === undefined) return undefined;
  const number = Number(digits) + (key === 'TAP' ? 1 : 0);
  const line = dhcp === undefined ? `${key}="…"` : `${key}="dhcp"`;
  return `VM keys are now in sections: write [vm${number}], and below that ${line}`;
}
