import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode, UsageError, UserError } from '../errors.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { parseJson } from '../sys/json.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { identifySelf, isAlive } from '../sys/process-identity.ts';
import { processIdentity } from '../sys/process-schema.ts';
import { readRegularFile } from '../sys/regular-file.ts';
import { sizeOnDisk } from '../sys/size-on-disk.ts';
import {
  isDirectory,
  isFile,
  isReadable,
  listIfReachable,
  lstatIfReachable,
  statIfReachable,
} from '../sys/stat.ts';
import { removeLitter, replaceFile, temporaryNameFor, writeFileAtomic } from '../sys/temporary.ts';
import { findNearest } from '../sys/text.ts';
import { formatJson } from '../ui/plain-text.ts';
import { parseResult } from './parse-result.ts';
import type { RunResult } from './run-result.ts';

/** The files that the directory of a run may contain, the most useful first. */
export const RUN_FILES = [
  'result.json',
  'junit.xml',
  'console.log',
  'stdout.log',
  'stderr.log',
  'build.log',
  'kernel.config',
  'guest',
] as const;

/** Name of the console log of a server, with its VM number and cut. */
export type ServerConsole = `console-vm${number}-${string}.log`;

/** The memory of a VM that crashed: `vmcore`, `vmcore-2`. */
export type RunDump = `vmcore${'' | `-${number}`}`;

/** A result that was copied from elsewhere may name any file. */
export function isServerConsole(name: string): name is ServerConsole {
  return /^console-vm\d+-[^/]+\.log$/.test(name);
}

/** `guest` is a directory with the files that the guest wrote to /rapido/results. */
export type RunFile = (typeof RUN_FILES)[number] | ServerConsole | RunDump;

/** The directory of a run. It is created before the run begins. */
export interface RunDirectory {
  id: string;
  /** Absolute. */
  path: string;
  /** @returns the absolute path of a file in it, which may not exist */
  file: (name: RunFile) => string;
}

/** A run that was found on disk. */
export type StoredRun = RunDirectory & RunState;

export type RunState =
  | { state: 'finished'; result: RunResult }
  /** The rapido process of the run is alive. */
  | { state: 'running' }
  /** The rapido process ended without writing a result: it was killed, or the host went down. */
  | { state: 'lost' }
  /** There is a result.json, but it cannot be used: `reason`, in a few words. */
  | { state: 'unreadable'; reason: string };

/** Identifies the rapido process of the run, as JSON. It is removed when the run has a result. */
const RUNNING = 'running';
const RESULT = 'result.json' satisfies RunFile;
/** A symbolic link, beside the runs, to the one that ended last. */
const LATEST = 'latest';

/** `20261123-021557-simple-example-3f2a`: the start in UTC, the cut, four random hexadecimal digits. */
const RUN_ID = /^(?<date>\d{8})-(?<time>\d{6})-(?<cut>.+)-(?<digits>[0-9a-f]{4})$/;
const LATEST_NAME = /^latest(?::(?<cut>.+?))?(?:~(?<back>\d+))?$/;

/** The default directory of runs. @param state `state` of `Directories` */
export function runsDirectory(state: string): string {
  return join(state, 'runs');
}

/**
 * Creates the directory of a run of `cut` that begins at `now`, with mode 0700. It appears together with the file
 * `running`, so that no other rapido mistakes it for a lost run.
 * @param parent created if it does not exist
 */
export function createRun(parent: string, cut: string, now: Date): RunDirectory {
  makePrivateDirectory(parent);
  const maker = JSON.stringify(identifySelf());
  for (;;) {
    const run = runDirectory(join(resolve(parent), makeId(cut, now, randomBytes(2))));
    try {
      replaceFile(run.path, (temporary) => {
        mkdirSync(temporary, { mode: 0o700 });
        writeFileSync(join(temporary, RUNNING), maker, { mode: 0o600 });
      });
      return run;
    } catch (error) {
      // rename(2) does not replace a directory that is not empty: the name is in use, so try another.
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
    }
  }
}

/** @param random two bytes */
export function makeId(cut: string, now: Date, random: Uint8Array): string {
  const [date = '', time = ''] = now.toISOString().replace(/[-:]/g, '').split(/[T.]/);
  return `${date}-${time}-${cutInId(cut)}-${Buffer.from(random).toString('hex')}`;
}

/** The name of a cut is that of its file, so it may contain any characters. */
function cutInId(cut: string): string {
  return cut.replace(/[^\w.+@-]+/g, '-').slice(0, 100) || 'run';
}

/** Parses an ID, for runs without a result. @returns undefined for any other name */
export function parseId(id: string): { started: Date; cut: string } | undefined {
  const { date = '', time = '', cut = '' } = RUN_ID.exec(id)?.groups ?? {};
  const iso = `${date}T${time}`.replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$/,
    '$1-$2-$3T$4:$5:$6Z',
  );
  const started = new Date(iso);
  return Number.isNaN(started.getTime()) ? undefined : { started, cut };
}

function runDirectory(path: string): RunDirectory {
  return { id: basename(path), path, file: (name) => join(path, name) };
}

/**
 * Writes the result of a run, which ends it, and moves `latest` to it: `latest` is the run that ended last, not the one
 * that began last, because that is the one the user has just seen end.
 */
export function finishRun(run: RunDirectory, result: RunResult): void {
  writeFileAtomic(run.file(RESULT), `${formatJson(result)}\n`);
  rmSync(join(run.path, RUNNING), { force: true });
  const link = join(dirname(run.path), LATEST);
  replaceFile(link, (temporary) => symlinkSync(basename(run.path), temporary));
}

/**
 * Lists the runs in a directory, newest start first.
 * @param cut lists only runs of this cut
 */
export function listRuns(parent: string, cut?: string): StoredRun[] {
  return listRunIds(parent, cut).map((id) => inspectRun(join(resolve(parent), id)));
}

/**
 * Lists the directories that have both the name and the contents of a run, newest start first.
 * @param cut lists only runs of this cut
 */
export function listRunIds(parent: string, cut?: string): string[] {
  const wanted = cut === undefined ? undefined : cutInId(cut.replaceAll('_', '-'));
  return listIfReachable(parent)
    .filter((name) => RUN_ID.test(name))
    .filter((name) => wanted === undefined || parseId(name)?.cut === wanted)
    .filter((name) => lstatIfReachable(join(parent, name))?.isDirectory() === true)
    .filter((name) => [RUNNING, RESULT].some((file) => existsSync(join(parent, name, file))))
    .sort()
    .reverse();
}

function inspectRun(path: string): StoredRun {
  const run = runDirectory(path);
  // In this order: a run that ends after the first check has a result at the second.
  const running = isMakerAlive(path);
  const state = readResult(run.file(RESULT));
  return { ...run, ...(state ?? { state: running ? 'running' : 'lost' }) };
}

/** @returns undefined if the file does not exist */
function readResult(file: string): RunState | undefined {
  const json = readRegularFile(file, { limit: LARGEST_RESULT, mayBeLink: true });
  if (json === undefined) return explainUnread(file);
  const parsed = parseResult(json.toString());
  return 'result' in parsed ? { state: 'finished', ...parsed } : { state: 'unreadable', ...parsed };
}

/** In bytes: half of the longest string that Node supports. */
const LARGEST_RESULT = 256 * 1024 * 1024;

function explainUnread(file: string): RunState | undefined {
  const stats = statIfReachable(file);
  if (stats === undefined) return undefined;
  if (stats.isDirectory()) return { state: 'unreadable', reason: 'is a directory' };
  if (!isReadable(file)) return { state: 'unreadable', reason: 'permission denied' };
  return {
    state: 'unreadable',
    reason: stats.isFile() ? 'too large' : 'not a regular file',
  };
}

function isMakerAlive(path: string): boolean {
  const text = readRegularFile(join(path, RUNNING), { limit: 4096 })?.toString();
  // The file appears complete, so an invalid one does not belong to a live run.
  const maker = parseJson(processIdentity, text ?? '');
  return maker !== undefined && isAlive(maker);
}

/**
 * Lists the earlier runs of the same cut that have ended, newest first. Only runs of this user are listed, because a
 * directory of runs may be shared.
 */
export function listEarlierRuns(run: RunDirectory): RunDirectory[] {
  const parent = dirname(run.path);
  const cut = parseId(run.id)?.cut;
  return listRunIds(parent)
    .filter((id) => id !== run.id && parseId(id)?.cut === cut)
    .map((id) => runDirectory(join(parent, id)))
    .filter(({ path }) => isOwn(path) && !isMakerAlive(path));
}

function isOwn(path: string): boolean {
  return lstatIfReachable(path)?.uid === process.geteuid?.();
}

/**
 * Finds the newest earlier run of the same cut and command whose command ended and that has tests. It is used to
 * predict this run.
 */
export function findEarlierRun(
  run: RunDirectory,
  command: RunResult['command'],
): RunResult | undefined {
  const wanted = JSON.stringify(command);
  for (const { file } of listEarlierRuns(run)) {
    const state = readResult(file(RESULT));
    if (state?.state !== 'finished') continue;
    const { result } = state;
    const hasEnded = result.commandStatus !== undefined && result.tests.length > 0;
    if (hasEnded && JSON.stringify(result.command) === wanted) return result;
  }
  return undefined;
}

/**
 * Removes the oldest runs of this user that have ended, until `keep` of them are left. The run that `latest` points to
 * is never removed, nor is anything that is not a run.
 * @returns the IDs of the removed runs
 */
export function pruneRuns(parent: string, keep: number): string[] {
  removeLitter(parent);
  const latest = latestTarget(parent);
  const ended = listRuns(parent).filter(({ path, state }) => state !== 'running' && isOwn(path));
  const [others, misses] = [ended.filter(hadVm), ended.filter((run) => !hadVm(run))];
  const isLatest = ({ id }: StoredRun): boolean => id === latest;
  const byPriority = [
    ...ended.filter(isLatest),
    ...[...others, ...misses].filter((run) => !isLatest(run)),
  ];
  const surplus = byPriority.slice(keep);
  return surplus
    .filter(({ id }) => id !== latest)
    .filter(({ path }) => removeRun(path))
    .map(({ id }) => id);
}

/** A run that has ended and can be removed. */
export interface EndedRun extends RunDirectory {
  /** Bytes on the disk. */
  bytes: number;
  /** When its directory last changed, in milliseconds since 1970. */
  used: number;
}

/** Lists the runs of this user that have ended, except that to which `latest` points. */
export function listEndedRuns(parent: string): EndedRun[] {
  const latest = latestTarget(parent);
  return listRunIds(parent)
    .filter((id) => id !== latest)
    .map((id) => runDirectory(join(resolve(parent), id)))
    .filter(({ path }) => isOwn(path) && !isMakerAlive(path))
    .map((run) => ({
      ...run,
      bytes: sizeOnDisk(run.path),
      used: statIfReachable(run.path)?.mtimeMs ?? 0,
    }));
}

/** A run that started no VM, for example because of a misspelt driver, is removed before others. */
function hadVm(run: StoredRun): boolean {
  return run.state !== 'finished' || run.result.vm !== undefined;
}

/** Removes a run that did not take place, or is no longer needed. @returns whether it is gone */
export function discardRun({ path }: RunDirectory): boolean {
  return removeRun(path);
}

/** Renames the directory first, so that an interrupted removal does not leave half a run. */
function removeRun(path: string): boolean {
  const temporary = temporaryNameFor(path);
  try {
    renameSync(path, temporary);
  } catch {
    return false; // Another rapido has removed it, or it belongs to another user.
  }
  try {
    rmSync(temporary, { recursive: true, force: true });
  } catch {} // Files of a guest may be hard to remove; leftovers must not fail a run.
  return true;
}

function latestTarget(parent: string): string | undefined {
  const link = join(parent, LATEST);
  return lstatIfReachable(link)?.isSymbolicLink() === true
    ? basename(readlinkSync(link))
    : undefined;
}

/**
 * Finds a run by its name: an ID, the beginning of an ID, the last four digits, `latest`, `latest~1` for the run that
 * ended before it, `latest:TARGET` for the latest run of a target, or, if it contains a `/`, the path of the directory of a
 * run or of a result.json.
 * @param cut considers only runs of this cut
 * @throws UsageError if no run or several runs match
 */
export function readRun(parent: string, name: string, cut?: string): StoredRun {
  if (name.includes('/') || name === '.' || name === '..') return readRunAt(name);
  const latest = LATEST_NAME.exec(name)?.groups;
  if (latest !== undefined) {
    const ofCut = latest.cut ?? cut;
    if (ofCut !== undefined) requireRunsOf(parent, ofCut);
    return readLatest(parent, Number(latest.back ?? 0), name, ofCut);
  }
  const ids = listRunIds(parent, cut);
  const [id, ...others] = pickRuns(name, ids);
  if (id !== undefined && others.length === 0) return inspectRun(join(resolve(parent), id));
  if (id !== undefined) {
    throw new UsageError(`${name} is ambiguous (${others.length + 1} runs match)`, {
      hint: `use a longer name: ${[id, ...others].slice(0, 3).join(', ')}`,
    });
  }
  throw new UsageError(`no run ${name} in ${resolve(parent)}`, {
    hint: hintForUnknown(parent, name, ids),
  });
}

/** @returns the IDs that match a name */
function pickRuns(name: string, ids: readonly string[]): string[] {
  if (ids.includes(name)) return [name];
  if (name === '') return [];
  return ids.filter((id) => id.startsWith(name) || RUN_ID.exec(id)?.groups?.digits === name);
}

/**
 * Finds the shortest name by which `readRun` finds a run: its last four digits, its start, or its ID.
 * @param ids all runs; counted once, because a list of thousands asks for each
 */
export function namesOfIds(ids: readonly string[]): (id: string) => string {
  const counts = new Map<string, number>();
  const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const id of ids) {
    const { date, time, digits } = RUN_ID.exec(id)?.groups ?? {};
    if (digits === undefined) continue;
    // Digits at the beginning of an ID make it ambiguous, too: `pickRuns`.
    for (const name of new Set([digits, `${date}-${time}`, id.slice(0, digits.length)])) add(name);
  }
  return (id) => {
    const { date, time, digits = id } = RUN_ID.exec(id)?.groups ?? {};
    return [digits, `${date}-${time}`].find((name) => counts.get(name) === 1) ?? id;
  };
}

function hintForUnknown(parent: string, name: string, ids: readonly string[]): string {
  if (existsSync(name)) return `to specify a file or directory, use ./${name}`;
  if (ids.length === 0)
    return `${resolve(parent)} contains no runs yet; start one with \`rapido run NAME\``;
  if (ids.some((id) => parseId(id)?.cut === name)) {
    return `latest:${name} is that target's last run; \`rapido results --cut ${name}\` lists all`;
  }
  const nearest = findNearest(name, ids);
  const similar = ids.filter((id) => id.includes(name));
  const near = nearest !== undefined ? [nearest] : similar;
  const [what, shown] = near.length > 0 ? ['nearest', near] : ['newest', ids];
  return `${what}: ${shown.slice(0, 3).join(', ')}; \`rapido results\` lists all`;
}

/** @throws UsageError if there are no runs of the cut; the hint has the nearest name */
export function requireRunsOf(parent: string, cut: string): void {
  if (listRunIds(parent, cut).length > 0) return;
  const known = [...new Set(listRunIds(parent).flatMap((id) => parseId(id)?.cut ?? []))].sort();
  const nearest = findNearest(cut, known);
  const others = known.length === 0 ? undefined : `targets with runs: ${known.join(', ')}`;
  const hint = nearest === undefined ? others : `did you mean ${nearest}?`;
  throw new UsageError(`no ${cut} runs in ${resolve(parent)}`, {
    ...(hint !== undefined && { hint }),
  });
}

/**
 * @param back how many runs ended after it
 * @param name as given by the user
 */
function readLatest(
  parent: string,
  back: number,
  name: string,
  cut: string | undefined,
): StoredRun {
  const ended = listRuns(parent, cut)
    .filter(({ state }) => state === 'finished' || state === 'unreadable')
    .map((run) => ({ run, end: endOf(run) }))
    .sort((a, b) => b.end - a.end);
  const run = ended[back]?.run;
  if (run !== undefined) return run;
  throw new UsageError(
    ended.length === 0
      ? `no finished runs in ${resolve(parent)}`
      : `${name}: only ${ended.length} finished ${ended.length === 1 ? 'run' : 'runs'}`,
    { hint: ended.length === 0 ? 'rapido run NAME' : '`rapido results` lists them' },
  );
}

/** In milliseconds since 1970. The mtime is the last resort, because copies of a directory often lose it. */
function endOf(run: StoredRun): number {
  return run.state === 'finished'
    ? Date.parse(run.result.started) + run.result.times.total
    : (statIfReachable(run.file(RESULT))?.mtimeMs ?? 0);
}

/** Reads a run by its path. It may have been copied and renamed. */
function readRunAt(path: string): StoredRun {
  if (isDirectory(path)) {
    if (![RUNNING, RESULT].some((file) => existsSync(join(path, file)))) {
      throw new UsageError(`${path}: not a run's directory (no ${RESULT})`);
    }
    return underOwnName(inspectRun(realpathSync(path)));
  }
  if (!isFile(path)) throw new UsageError(`${path} does not exist`);
  const file = realpathSync(path);
  const state = readResult(file) ?? { state: 'unreadable', reason: 'just removed' };
  return underOwnName({ ...runDirectory(dirname(file)), ...state });
}

function underOwnName(run: StoredRun): StoredRun {
  return run.state === 'finished' ? { ...run, id: run.result.id } : run;
}

/**
 * @returns the result of a run
 * @throws UserError if it has none; the hint says where to look
 */
export function resultOf(run: StoredRun): RunResult {
  switch (run.state) {
    case 'finished':
      return run.result;
    case 'running':
      throw new UserError(`${run.id} is still running`, {
        hint: formatCommandLine(['tail', '-f', run.file('console.log')]),
      });
    case 'lost':
      throw new UserError(`${run.id} has no result; its rapido process was killed`, {
        hint: `see its files in ${run.path}`,
      });
    case 'unreadable':
      throw new UserError(`${run.file(RESULT)}: ${run.reason}`);
  }
}
