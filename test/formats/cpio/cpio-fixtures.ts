import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { type CpioMember, type CpioSource, readCpio } from '../../../src/formats/cpio/read.ts';
import { type CpioEntry, type CpioWritten, writeCpio } from '../../../src/formats/cpio/write.ts';

/** A new directory for each test, removed after it. @returns a path inside it */
export function useTempDir(): (...names: string[]) => string {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rapido-cpio-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return (...names) => join(directory, ...names);
}

/** What `program` writes to its standard output; it must succeed. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: SpawnSyncOptions = {},
): Buffer {
  const { error, status, stdout, stderr } = spawnSync(program, args, options);
  if (error === undefined && status === 0) return Buffer.from(stdout);
  throw error ?? new Error(`${program} exited with ${status}: ${stderr}`);
}

/** Writes an archive to `output` from its start. */
export function writeArchive(output: string, entries: Iterable<CpioEntry>): CpioWritten {
  const fd = openSync(output, 'w', 0o600);
  try {
    return writeCpio(fd, entries, { outputName: 'out.cpio' });
  } finally {
    closeSync(fd);
  }
}

/** The bytes of an archive, by way of the file `output`. */
export function packTo(output: string, entries: Iterable<CpioEntry>): Buffer {
  writeArchive(output, entries);
  return readFileSync(output);
}

export function listMembers(source: CpioSource): CpioMember[] {
  return [...readCpio(source, { inputName: 'in.cpio' })];
}

/** The message if `action` fails because of a mistake of the user. */
export function explainFailure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const lines = [error.message, ...error.problems.map((problem) => `- ${problem}`)];
    return [...lines, ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])].join('\n');
  }
  throw new Error('it did not fail');
}

/** An archive as text, for snapshots: NULs as ␀, lines broken where a member starts. */
export function showArchive(archive: Buffer): string {
  return archive
    .toString('latin1')
    .replaceAll(/\0{8,}/g, (nuls) => `␀×${nuls.length}`)
    .replaceAll('\0', '␀')
    .replaceAll(/07070[12](?=[0-9A-Fa-f]{104})/g, '\n$&')
    .trim();
}
