import { readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { distance } from 'fastest-levenshtein';
import { UsageError, UserError } from '../errors.ts';
import type { Directories } from '../host/directories.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { isDirectory, isFile } from '../sys/stat.ts';
import { findUntrusted, hintForUntrusted, type Trust, trustOf } from '../sys/trust.ts';
import type { Cut } from './cut.ts';

/** A cut file that was found, but not yet read. */
export interface CutFile {
  /** Name on the command line: `simple-example`. */
  name: string;
  path: string;
  origin: CutOrigin;
  /** Cuts of the same name that this one hides, nearest first. */
  shadows: CutOrigin[];
}

export interface CutOrigin {
  /** `built-in` for rapido's own directory, otherwise where the user named it. */
  kind: 'built-in' | '--cut-dir' | 'CUT_DIR' | 'user';
  directory: string;
}

export interface LoadedCut extends CutFile {
  cut: Cut;
}

/**
 * The directories that are searched for cuts. A cut in an earlier directory hides those in later ones.
 * @param confCutDir CUT_DIR, if it is set by the user
 */
export function cutDirectories(
  directories: Directories,
  cutDirOptions: readonly string[],
  confCutDir: string | undefined,
): CutOrigin[] {
  return [
    ...cutDirOptions.map((directory) => ({ kind: '--cut-dir' as const, directory })),
    ...(confCutDir === undefined ? [] : [{ kind: 'CUT_DIR' as const, directory: confCutDir }]),
    { kind: 'user', directory: join(directories.config, 'cuts') },
    { kind: 'built-in', directory: join(directories.root, 'dist/cuts') },
  ];
}

/**
 * Finds all cuts, sorted by name. It is an error if a directory that the user named does not exist.
 * @throws UsageError for a directory or file that is not trusted, because a cut is code that runs on the host
 */
export function findCuts(origins: readonly CutOrigin[], trust: Trust): CutFile[] {
  const cuts = new Map<string, CutFile>();
  for (const origin of origins) {
    for (const file of listCutFiles(origin, trust)) {
      const name = cutName(file);
      const nearer = cuts.get(name);
      if (nearer?.origin === origin)
        throw sameName(name, [nearer.path, join(origin.directory, file)]);
      if (nearer !== undefined) nearer.shadows.push(origin);
      else cuts.set(name, { name, path: join(origin.directory, file), origin, shadows: [] });
    }
  }
  return [...cuts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function sameName(name: string, paths: readonly string[]): UsageError {
  return new UsageError(`two cuts have the name ${name}`, {
    problems: paths,
    hint: 'rename one of them',
  });
}

function listCutFiles(origin: CutOrigin, trust: Trust): string[] {
  const named = origin.kind === '--cut-dir' || origin.kind === 'CUT_DIR';
  if (!isDirectory(origin.directory)) {
    if (!named) return [];
    throw new UsageError(`${origin.kind}: ${origin.directory} is not a directory`);
  }
  const files = readdirSync(origin.directory);
  if (origin.kind !== 'built-in') refuseStrangers(origin, files, trust);
  return files
    .filter((file) => /^[^_.].*\.[cm]?[jt]s$/.test(file) && !/\.(d|test)\.[cm]?ts$/.test(file))
    .sort();
}

/** Files that cuts may import: other code of the directory, and data. */
const CODE = /\.([cm]?[jt]sx?|json)$/;

function refuseStrangers(
  { kind, directory }: CutOrigin,
  files: readonly string[],
  trust: Trust,
): void {
  const paths = files.filter((file) => CODE.test(file)).map((file) => join(directory, file));
  const strangers = [directory, ...paths].flatMap((path) => findUntrusted(path, trust) ?? []);
  const [stranger] = strangers;
  if (stranger === undefined) return;
  const name = kind === 'user' ? 'your cut directory' : kind;
  throw new UsageError(`${name}: ${directory} is not trusted: ${stranger.path} ${stranger.why}`, {
    hint: hintForUntrusted(directory),
  });
}

/** Files of the original tool have underscores where its command line has dashes. */
function cutName(fileOrName: string): string {
  return basename(fileOrName)
    .replace(/\.[cm]?[jt]s$/, '')
    .replaceAll('_', '-');
}

/** The target without a name: the programs and files of this host. */
export const HOST_CUT = 'host';

/** @throws UsageError that names similar targets if there is no target with this name */
export function pickCut(name: string, cuts: readonly CutFile[]): CutFile {
  const wanted = cutName(name);
  const found = cuts.find((cut) => cut.name === wanted);
  if (found !== undefined) return found;
  // A third of the letters may differ, two in a short name, but not all letters.
  const allowed = Math.min(Math.max(2, Math.floor(wanted.length / 3)), wanted.length - 1);
  const near = cuts
    .map((cut) => ({ name: cut.name, cost: distance(wanted, cut.name) }))
    .filter(({ name: known, cost }) => cost <= allowed || (wanted && known.includes(wanted)))
    .sort((a, b) => a.cost - b.cost)
    .map((cut) => cut.name);
  const few = near.length > 3 ? `one of ${near.join(', ')}` : near.join(' or ');
  throw new UsageError(`no such target: ${name}`, {
    hint:
      near.length > 0
        ? `did you mean ${few}? \`rapido list\` shows all`
        : '`rapido list` shows all',
  });
}

/**
 * Reads a cut file. Files of the user are transpiled and checked. Built-in cuts are compiled with rapido
 * and checked by its tests.
 */
export async function loadCut(file: CutFile, directories: Directories): Promise<LoadedCut> {
  if (file.origin.kind === 'built-in') {
    const module: { default: Cut } = await import(pathToFileURL(file.path).href);
    return { ...file, cut: module.default };
  }
  const [{ createJiti }, { validateCut }] = await Promise.all([
    import('jiti'),
    import('./validate.ts'),
  ]);
  const jiti = createJiti(import.meta.url, {
    alias: { rapido: join(directories.root, 'dist/index.js') },
    fsCache: cacheOfCode(directories) ?? false,
    // Never use the temporary directory, regardless of the environment.
    esmEvalTempFile: false,
    moduleCache: false,
    // Otherwise, the whole module would count as the default export of a file without one.
    interopDefault: false,
  });
  let exported: unknown;
  try {
    exported = (await jiti.import<{ default?: unknown }>(file.path)).default;
  } catch (cause) {
    throw new UsageError(`${file.path}: cannot be loaded`, { cause, problems: linesOf(cause) });
  }
  return { ...file, cut: validateCut(exported, file.path) };
}

/**
 * The directory for transpiled cuts, which are used without further checks. Root has none, because the directories
 * may belong to another user.
 */
function cacheOfCode({ cache }: Directories): string | undefined {
  if (process.geteuid?.() === 0) return undefined;
  const directory = join(cache, 'jiti');
  try {
    makePrivateDirectory(directory);
  } catch {
    return undefined; // The cache is optional.
  }
  return findUntrusted(directory, trustOf(process.env)) === undefined ? directory : undefined;
}

/** The lines of an error message, without the require stack that Node appends if a module is not found. */
function linesOf(thrown: unknown): string[] {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message
    .replace(/\nRequire stack:.*/s, '')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

/** A field of a cut that names files. They are beside the cut or in a directory with the name of the field. */
export type FileField = 'autorun' | 'expected';

/**
 * Finds a file that a cut names: beside the cut file, in `autorun/` or `expected/` there, or in rapido's own.
 * @throws UserError that lists the directories that were searched
 */
export function findCutFile(
  field: FileField,
  name: string,
  cut: CutFile,
  directories: Directories,
): string {
  const beside = dirname(realpathSync(cut.path));
  const candidates = [
    ...(cut.origin.kind === 'built-in' ? [] : [join(beside, name), join(beside, field, name)]),
    join(directories.root, field, name),
  ];
  const found = candidates.find(isFile);
  if (found !== undefined) return found;
  const places = candidates.map((path) => dirname(path)).join(', ');
  throw new UserError(`${cut.path}: ${field}: ${name} not found in ${places}`);
}
