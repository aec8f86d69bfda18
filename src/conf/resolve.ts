import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { findNearest } from '../sys/text.ts';
import { type ConfKey, type ConfKeyTable, isListKey } from './key.ts';
import type { LineProblem, Piece, ScannedConf, Statement } from './scan.ts';
import { namesKeyFile } from './values.ts';

/** The sources of values other than the file. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** Relative paths in environment variables start here. */
  cwd: string;
  /** Value of `${RAPIDO_DIR}`: the checkout or installation directory. */
  rapidoDir: string;
  /** Values that take precedence over the environment: key to text. */
  given?: Readonly<Record<string, GivenValue>> | undefined;
}

/** A value from an option of the command line, or from the kernel tree in the current directory. */
export interface GivenValue {
  text: string;
  origin: 'option' | 'directory';
}

/** The expanded text of a value, with absolute paths. */
export interface Written {
  text: string;
  line: number;
}

export interface ResolvedConf {
  /** The last statement of each top-level key. */
  top: ReadonlyMap<string, Written>;
  /** The same for each section. */
  sections: ReadonlyMap<string, ReadonlyMap<string, Written>>;
  problems: readonly LineProblem[];
  warnings: readonly LineProblem[];
}

/** What a `${NAME}` may refer to. */
interface Scope extends Surroundings {
  keys: ConfKeyTable;
  top: ReadonlyMap<string, Written | 'broken'>;
}

/** A key of a table, ignoring properties that every object inherits. */
export function keyOf(keys: ConfKeyTable, name: string): ConfKey | undefined {
  return Object.hasOwn(keys, name) ? keys[name] : undefined;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

export function homeOf(env: Surroundings['env']): string {
  return nonEmpty(env.HOME) ?? homedir();
}

/** Values of names that are always set. The XDG base directories have their own defaults. */
export function builtIn(name: string, { env, rapidoDir }: Surroundings): string | undefined {
  const home = homeOf(env);
  switch (name) {
    case 'RAPIDO_DIR':
      return rapidoDir;
    case 'HOME':
      return home;
    case 'XDG_CONFIG_HOME':
      return xdgDirectory(env.XDG_CONFIG_HOME) ?? join(home, '.config');
    case 'XDG_CACHE_HOME':
      return xdgDirectory(env.XDG_CACHE_HOME) ?? join(home, '.cache');
    default:
      return undefined;
  }
}

/** The XDG base directory specification says to ignore relative paths. */
function xdgDirectory(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

export function xdgConfigHome(surroundings: Surroundings): string {
  return builtIn('XDG_CONFIG_HOME', surroundings) ?? '';
}

/** Makes `~/` and relative paths absolute. Other types are unchanged. `~user` is unchanged and rejected later. */
export function finish(key: ConfKey | undefined, text: string, base: string, home: string): string {
  const isPath = key?.type === 'path' || (key?.type === 'publicKeys' && namesKeyFile(text));
  if (!isPath || text === '') return text;
  if (text === '~' || text.startsWith('~/')) return join(home, text.slice(1));
  return text.startsWith('~') ? text : resolve(base, text);
}

/** The value of a key that overrides the file: a given one, otherwise that of the environment unless it is empty. */
export function fromOutside(
  name: string,
  key: ConfKey,
  { env, cwd, given }: Surroundings,
): { text: string; from: 'environment' | GivenValue['origin'] } | undefined {
  const value = given?.[name];
  if (value !== undefined) return { text: value.text, from: value.origin };
  const text = nonEmpty(env[name]);
  if (text === undefined) return undefined;
  return { text: finish(key, text, cwd, homeOf(env)), from: 'environment' };
}

/** Whether an empty value is a valid value of the key. */
export function emptyCounts(key: ConfKey): boolean {
  return isListKey(key) || key.emptyIsOff === true;
}

/** A key's default with expanded references; undefined if one of them is not set. */
export function expandDefault(key: ConfKey, scope: Scope): string | undefined {
  let isComplete = true;
  const text = key.default?.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const found = lookUp(name, scope);
    if (typeof found === 'string' && found !== '') return found;
    isComplete = false;
    return '';
  });
  if (text === undefined || !isComplete) return undefined;
  return finish(key, text, '/', homeOf(scope.env));
}

const BROKEN = Symbol('broken');

/**
 * Looks up `${NAME}`. For a key, this is the effective value: the environment, then the preceding lines of the
 * file, then the default. `KERNEL_SRC=/other rapido …` therefore also affects values that refer to it.
 */
function lookUp(name: string, scope: Scope): string | typeof BROKEN | undefined {
  const key = keyOf(scope.keys, name);
  const written = scope.top.get(name);
  if (key !== undefined) {
    const outside = fromOutside(name, key, scope);
    if (outside !== undefined) return outside.text;
    if (written === 'broken') return BROKEN;
    if (written !== undefined && (written.text !== '' || emptyCounts(key))) return written.text;
    return expandDefault(key, scope) ?? written?.text;
  }
  if (written === 'broken') return BROKEN;
  return written?.text ?? builtIn(name, scope) ?? scope.env[name];
}

/** Expands the values of a scanned file in order. `base`: the directory of the file. */
export function resolveConf(
  scanned: ScannedConf,
  base: string,
  keys: ConfKeyTable,
  sectionKeys: ConfKeyTable,
  surroundings: Surroundings,
): ResolvedConf {
  const problems: LineProblem[] = [];
  const warnings: LineProblem[] = [];
  const top = new Map<string, Written | 'broken'>();
  const sections = new Map<string, Map<string, Written | 'broken'>>();
  for (const { name } of scanned.sections) sections.set(name, new Map());

  for (const statement of scanned.statements) {
    const { section, key: name, line } = statement;
    const own = section === undefined ? top : (sections.get(section) ?? new Map());
    const key = keyOf(section === undefined ? keys : sectionKeys, name);
    const scope = { ...surroundings, keys, top: section === undefined ? top : merge(top, own) };
    const text = expandPieces(statement, scope, scanned.statements, problems, warnings);
    warnOfRepeat(statement, own.get(name), warnings);
    own.set(
      name,
      text === undefined
        ? 'broken'
        : { text: finish(key, text, base, homeOf(surroundings.env)), line },
    );
  }
  return {
    top: readable(top),
    sections: new Map([...sections].map(([name, own]) => [name, readable(own)])),
    problems,
    warnings,
  };
}

function merge<Value>(top: Map<string, Value>, own: Map<string, Value>): Map<string, Value> {
  return new Map([...top, ...own]);
}

function readable(values: Map<string, Written | 'broken'>): Map<string, Written> {
  return new Map([...values].filter((entry): entry is [string, Written] => entry[1] !== 'broken'));
}

function warnOfRepeat(
  { key, line, pieces, section }: Statement,
  earlier: Written | 'broken' | undefined,
  warnings: LineProblem[],
): void {
  if (earlier === undefined || earlier === 'broken') return;
  // K="${K} more" extends the earlier value on purpose.
  if (pieces.some((piece) => 'name' in piece && piece.name === key)) return;
  const where = section === undefined ? '' : ` in [${section}]`;
  const message = `${key}${where} is set twice: this line overrides line ${earlier.line}`;
  warnings.push({ line, message });
}

/** The text of a statement's value; undefined if it is broken or refers to a name that is not set. */
function expandPieces(
  statement: Statement,
  scope: Scope,
  statements: readonly Statement[],
  problems: LineProblem[],
  warnings: LineProblem[],
): string | undefined {
  let isWhole = !statement.broken;
  const texts = statement.pieces.map((piece: Piece) => {
    if (!('name' in piece)) return piece[statement.reading];
    const text = lookUp(piece.name, scope);
    if (text === '') warnings.push(emptyReference(statement, piece.name));
    if (typeof text === 'string') return text;
    isWhole = false;
    if (text === undefined)
      problems.push(undefinedReference(statement, piece.name, scope, statements));
    return '';
  });
  return isWhole ? texts.join('') : undefined;
}

function emptyReference({ key, line }: Statement, name: string): LineProblem {
  return { line, message: `${key}: \${${name}} is empty here` };
}

function undefinedReference(
  { key, line }: Statement,
  name: string,
  { keys, top }: Scope,
  statements: readonly Statement[],
): LineProblem {
  const later = statements.find((other) => other.line > line && other.key === name);
  const nearest = findNearest(name, [...top.keys(), ...Object.keys(keys)]);
  let remedy = `; set it in a line above or in the environment, or write \\$ for a dollar sign`;
  if (later !== undefined) remedy = `; line ${later.line} sets it: move that line above this one`;
  else if (keyOf(keys, name) !== undefined) remedy = `; set ${name} in a line above`;
  else if (nearest !== undefined) remedy = ` (did you mean \${${nearest}}?)`;
  return { line, message: `${key}: \`\${${name}}\`: ${name} is not set${remedy}` };
}
