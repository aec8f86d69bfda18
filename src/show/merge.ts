import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { GlobalOptions } from '../cli/context.ts';
import { errorCode, UsageError, UserError } from '../errors.ts';
import { exportJunit } from '../export/formats.ts';
import { locateDirectories } from '../host/directories.ts';
import {
  findMisfits,
  inOrder,
  mergeShards,
  type ShardRun,
  shardDirectory,
} from '../results/merge.ts';
import type { RunResult } from '../results/run-result.ts';
import { formatRun } from '../results/show.ts';
import {
  isServerConsole,
  listRuns,
  makeId,
  readRun,
  resultOf,
  runsDirectory,
  type StoredRun,
} from '../results/store.ts';
import { makeDirectories } from '../sys/make-directories.ts';
import { isDirectory, isFile, isWritable, listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { replaceFile } from '../sys/temporary.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';

export interface MergeOptions extends GlobalOptions {
  /** Directory of the merged run. */
  output: string;
  /** Directory of the runs. */
  results?: string | undefined;
  json?: boolean | undefined;
}

/** A part of a job, with its files. */
type Part = ShardRun & Pick<StoredRun, 'file'>;

/**
 * `rapido results merge RUN... -o DIR`: makes one run of the parts of a job. The directory appears complete or not at
 * all.
 * @returns the exit status of the merged run
 * @throws UserError that says what does not fit together, or which part is missing
 */
export async function mergeRuns(
  names: readonly string[],
  options: MergeOptions,
  ui: Ui,
): Promise<number> {
  const path = requireNewDirectory(options.output);
  const parent = options.results ?? runsDirectory(locateDirectories(process.env).state);
  const parts = names.flatMap((name) => findParts(parent, name));
  const [misfit, ...others] = findMisfits(parts);
  if (misfit !== undefined) {
    throw new UserError(`the runs cannot be merged: ${misfit}`, { problems: others });
  }
  const ordered = inOrder(parts);
  const id = makeId(ordered[0]!.result.cut, new Date(), randomBytes(2));
  const result = mergeShards(ordered, id);
  replaceFile(path, (temporary) => writeMerged(temporary, ordered, result));
  if (options.json === true) {
    ui.result(formatJson(result));
  } else {
    const files = MERGED_FILES.map((name) => ({ name, path: join(path, name) }));
    const shown = { result, files: files.filter((file) => isFile(file.path)), splatLines: [] };
    const around = { paint: ui.paint, width: process.stdout.columns, now: new Date() };
    for (const line of formatRun(shown, { ...around, timeZone: undefined })) ui.result(line);
  }
  return result.status;
}

/** @returns the absolute path @throws UsageError */
function requireNewDirectory(output: string): string {
  const path = resolve(output);
  const stats = lstatIfReachable(path);
  if (stats !== undefined && !(stats.isDirectory() && listIfReachable(path).length === 0)) {
    throw new UsageError(`-o: ${output} exists and is not an empty directory`);
  }
  if (!isDirectory(dirname(path)) || !isWritable(dirname(path))) {
    throw new UsageError(`-o: no directory can be created in ${dirname(path)}`);
  }
  return path;
}

/** A run by its name or path, or all runs in a directory that --results of a run named. */
function findParts(parent: string, name: string): Part[] {
  const path = resolve(name);
  const isOfRun = isFile(join(path, 'result.json'));
  const within = isDirectory(path) && !isOfRun ? listRuns(path) : [];
  if (within.length > 0) return within.map((run) => partOf(join(name, run.id), run));
  const run = readRun(parent, isOfRun || name.includes('/') ? path : name);
  return [partOf(name, run)];
}

function partOf(name: string, run: StoredRun): Part {
  return { name, result: resultOf(run), file: run.file };
}

/** The logs of all parts, one after another, as those of several boots are. */
const LOGS = ['console.log', 'stdout.log', 'stderr.log'] as const;

const MERGED_FILES = ['result.json', 'junit.xml', ...LOGS, 'kernel.config'] as const;

function writeMerged(directory: string, parts: readonly Part[], result: RunResult): void {
  mkdirSync(directory, { mode: 0o700 });
  for (const name of LOGS) joinLogs(join(directory, name), name, parts);
  const config = parts.map(({ file }) => file('kernel.config')).find(isFile);
  if (config !== undefined)
    writeNew(join(directory, 'kernel.config'), (fd) => appendFile(fd, config));
  for (const part of parts) {
    if (part.result.servers !== undefined) copyServerConsoles(directory, part);
  }
  const file = (name: string): string => join(directory, name);
  writeFileSync(file('result.json'), `${formatJson(result)}\n`, { mode: 0o600 });
  writeFileSync(file('junit.xml'), exportJunit({ file }, result), { mode: 0o600 });
}

function joinLogs(path: string, name: (typeof LOGS)[number], parts: readonly Part[]): void {
  const end = name === 'console.log' ? '\r\n' : '\n';
  writeNew(path, (fd) => {
    for (const { file, result } of parts) {
      const { index, count } = result.shard!;
      writeFileSync(fd, `${end}rapido: shard ${index} of ${count}${end}`);
      appendFile(fd, file(name));
    }
  });
}

function writeNew(path: string, write: (fd: number) => void): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    write(fd);
  } finally {
    closeSync(fd);
  }
}

function copyServerConsoles(directory: string, { result, file }: Part): void {
  for (const { console } of result.servers ?? []) {
    if (!isServerConsole(console) || !isFile(file(console))) continue;
    const target = join(directory, shardDirectory(result));
    makeDirectories(target, 0o700);
    writeNew(join(target, console), (fd) => appendFile(fd, file(console)));
  }
}

/** Appends a file in pieces, because a log may have any size. Nothing is appended if it is missing or not a file. */
function appendFile(target: number, path: string): void {
  const source = openLog(path);
  if (source === undefined) return;
  try {
    if (!fstatSync(source).isFile()) return;
    const piece = Buffer.alloc(1024 * 1024);
    for (;;) {
      const length = readSync(source, piece);
      if (length === 0) return;
      writeFileSync(target, piece.subarray(0, length));
    }
  } finally {
    closeSync(source);
  }
}

function openLog(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
