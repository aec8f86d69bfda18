import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import type { ExportFormat } from '../export/format-names.ts';
import { exportText } from '../export/formats.ts';
import { formatGithubAnnotations } from '../export/github.ts';
import { isOrigin } from '../export/kcidb.ts';
import { formatOpenqa } from '../export/openqa.ts';
import { describeForSquad } from '../export/squad.ts';
import type { RunResult } from '../results/run-result.ts';
import type { RUN_FILES, StoredRun } from '../results/store.ts';
import { makeDirectories } from '../sys/make-directories.ts';
import { requireOutputFile } from '../sys/output-file.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { replaceFile, writeFileAtomic } from '../sys/temporary.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';

export interface ExportOptions {
  export?: ExportFormat | undefined;
  /** File or directory; undefined: stdout. */
  to?: string | undefined;
  /** Name of the CI system for KCIDB. */
  origin?: string | undefined;
}

export interface ExportRequest {
  format: ExportFormat;
  to: string | undefined;
  origin: string | undefined;
}

/** The formats that are several files, so `--to` names a directory. */
const DIRECTORIES: readonly ExportFormat[] = ['openqa', 'squad'];

/**
 * Checks the options before a run is read.
 * @returns undefined if nothing is to be exported
 * @throws UsageError
 */
export function readExportOptions({
  export: format,
  to,
  origin,
}: ExportOptions): ExportRequest | undefined {
  if (format === undefined) {
    const stray = to !== undefined ? '--to' : origin !== undefined ? '--origin' : undefined;
    if (stray === undefined) return undefined;
    throw new UsageError(`${stray} requires --export`, {
      hint: `rapido results latest --export junit ${stray} …`,
    });
  }
  if (origin !== undefined && format !== 'kcidb') {
    throw new UsageError('--origin requires --export kcidb');
  }
  if (origin !== undefined && !isOrigin(origin)) {
    throw new UsageError(`--origin: "${origin}" is not a valid name of a CI system`, {
      hint: 'use small letters, digits and underscores',
    });
  }
  if (format === 'openqa' && to === undefined) {
    throw new UsageError('--export openqa writes a directory, and --to is missing', {
      hint: 'rapido results latest --export openqa --to DIR',
    });
  }
  if (to !== undefined) checkTarget(format, to);
  return { format, to, origin };
}

function checkTarget(format: ExportFormat, to: string): void {
  if (!DIRECTORIES.includes(format)) {
    requireOutputFile('--to', to);
    return;
  }
  const stats = lstatIfReachable(to);
  if (stats === undefined || (stats.isDirectory() && listIfReachable(to).length === 0)) return;
  throw new UsageError(`--to: ${to} exists and is not an empty directory`);
}

/** Prints a run in another format, or writes it to a file or directory that everybody can read. */
export function exportRun(run: StoredRun, result: RunResult, request: ExportRequest, ui: Ui): void {
  const { format, to, origin } = request;
  if (format === 'openqa') writeDirectory(to!, openqaFiles(run, result));
  else if (format === 'squad' && to !== undefined) writeDirectory(to, squadFiles(result));
  else {
    const text = exportText(format, run, result, origin);
    if (to === undefined) ui.result(text.trimEnd());
    else writeFileAtomic(to, text, 0o644);
  }
  // GitHub reads commands from both streams.
  if (format === 'github' && result.ci?.system === 'github') {
    formatGithubAnnotations(result).forEach(ui.mark);
  }
}

/** A file below the directory: its text, or the path of the file to copy. */
type ExportedFile = { path: string } & ({ text: string } | { copy: string });

function squadFiles(result: RunResult): ExportedFile[] {
  return Object.entries(describeForSquad(result)).map(([name, value]) => ({
    path: `${name}.json`,
    text: `${formatJson(value)}\n`,
  }));
}

/**
 * The layout of a pool directory of os-autoinst, from which the worker uploads: logs in `ulogs`, assets of the job in
 * `assets_private`. The worker skips what is not a regular file.
 */
function openqaFiles(run: StoredRun, result: RunResult): ExportedFile[] {
  const logs = listIfReachable(run.path).filter(
    (name) => /\.log$/.test(name) || name === ('result.json' satisfies (typeof RUN_FILES)[number]),
  );
  const copies = [
    ...logs.map((name) => ({ path: `ulogs/${name}`, copy: join(run.path, name) })),
    ...filesBelow(run.file('guest')).map((name) => ({
      path: `ulogs/guest-${name.replaceAll('/', '-')}`,
      copy: join(run.file('guest'), name),
    })),
    { path: 'assets_private/kernel.config', copy: run.file('kernel.config') },
  ].filter(({ copy }) => lstatIfReachable(copy)?.isFile() === true);
  return [{ path: 'ulogs/xunit.xml', text: formatOpenqa(result) }, ...copies];
}

function filesBelow(directory: string, prefix = ''): string[] {
  return listIfReachable(join(directory, prefix)).flatMap((name) => {
    const path = join(prefix, name);
    const stats = lstatIfReachable(join(directory, path));
    return stats?.isDirectory() === true ? filesBelow(directory, path) : [path];
  });
}

/** The directory appears complete. */
function writeDirectory(to: string, files: readonly ExportedFile[]): void {
  replaceFile(to, (temporary) => {
    mkdirSync(temporary, { mode: 0o755 });
    for (const file of files) {
      const path = join(temporary, file.path);
      makeDirectories(join(path, '..'), 0o755);
      if ('text' in file) writeFileSync(path, file.text, { mode: 0o644, flag: 'wx' });
      else copyFileSync(file.copy, path);
    }
  });
}
