import { closeSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Context } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import { formatSize } from '../conf/values.ts';
import { errorCode, UsageError, UserError } from '../errors.ts';
import { probeDiskFile } from '../host/disk-files.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { removeLitter, temporaryNameFor } from '../sys/temporary.ts';
import { HEAD_BYTES, recogniseFormat } from '../vm/disk-format.ts';
import {
  type DiskFacts,
  type DiskPlan,
  type DiskRequest,
  mergeDisks,
  parseDisk,
  parseDisks,
  planDisks,
} from '../vm/disks.ts';

/** Rejects disks of the command line that cannot be used, before any work is done. */
export function checkDiskOptions(
  texts: readonly string[] | undefined,
  cwd: string,
  env: Context['env'],
): void {
  probeAll(readDiskOptions(texts, cwd, env));
}

function readDiskOptions(
  texts: readonly string[] | undefined,
  cwd: string,
  env: Context['env'],
): DiskRequest[] {
  const home = env.HOME || homedir();
  return (texts ?? []).map((text) => parseDisk(text, { where: '--disk', base: cwd, home }));
}

/**
 * Finds the disks of VM `number`: those of its section in the conf and those of the command line.
 * @param forDryRun nothing will be created: scratch disks get a readable name instead of a temporary one
 * @throws UsageError with all problems
 */
export function findDisks(
  number: number,
  { conf, options, context }: DiskSources,
  forDryRun: boolean,
): DiskPlan[] {
  const { cwd, env, directories } = context;
  const ofConf = disksOfSection(number, conf, env);
  const requests = mergeDisks(ofConf, readDiskOptions(options.disk, cwd, env));
  if (requests.length === 0) return [];
  const directory = scratchDirectory(directories);
  return planDisks(requests, probeAll(requests), (position) => {
    const path = join(directory, `vm${number}-disk${position}.raw`);
    return forDryRun ? path : temporaryNameFor(path);
  });
}

interface DiskSources {
  conf: Conf;
  options: { disk?: string[] | undefined };
  context: Context;
}

function disksOfSection(number: number, conf: Conf, env: Context['env']): DiskRequest[] {
  const entry = conf.vmEntries(number).find(({ name }) => name === 'DISKS');
  if (entry?.text === undefined) return [];
  const { origin, text } = entry;
  const file = origin.from === 'file' ? origin.file : '/';
  const line = origin.from === 'file' ? `:${origin.line}` : '';
  return parseDisks(text, {
    where: `${conf.source?.name ?? file}${line}: DISKS of [vm${number}]`,
    base: dirname(file),
    home: env.HOME || homedir(),
  });
}

function probeAll(requests: readonly DiskRequest[]): Map<string, DiskFacts> {
  const problems: string[] = [];
  const facts = new Map<string, DiskFacts>();
  for (const { source, readonly, where } of requests) {
    if (!('path' in source)) continue;
    const found = probeDiskFile(source.path, { readonly, headBytes: HEAD_BYTES });
    if (typeof found === 'string') problems.push(`${where}: ${source.path}: ${found}`);
    else {
      // A block device is always raw: an image format on one is rare, and a guest could have written it.
      const head = found.isBlockDevice ? Buffer.alloc(0) : found.head;
      facts.set(source.path, { identity: found.identity, recognised: recogniseFormat(head) });
    }
  }
  if (problems.length > 0) {
    throw new UsageError('these disks cannot be used', { problems: [...new Set(problems)] });
  }
  return facts;
}

function scratchDirectory({ cache }: Context['directories']): string {
  return join(cache, 'scratch');
}

/**
 * Creates the scratch disks of a VM, after removing those that a killed rapido has left.
 * @returns a function that removes them
 */
export function makeScratchDisks(disks: readonly DiskPlan[], context: Context): () => void {
  const directory = scratchDirectory(context.directories);
  removeLitter(directory);
  const made: string[] = [];
  const remove = (): void => {
    for (const path of made) rmSync(path, { force: true });
  };
  try {
    for (const { path, scratch } of disks) {
      if (scratch === undefined) continue;
      makePrivateDirectory(directory);
      made.push(path);
      makeSparseFile(path, scratch);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}

function makeSparseFile(path: string, bytes: number): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    ftruncateSync(fd, bytes);
  } catch (cause) {
    if (errorCode(cause) !== 'EFBIG' && errorCode(cause) !== 'EINVAL') throw cause;
    throw new UserError(
      `${dirname(path)}: the filesystem does not support a file of ${formatSize(bytes)}`,
      {
        cause,
        hint: 'use a smaller scratch disk, or set XDG_CACHE_HOME to a directory of another filesystem',
      },
    );
  } finally {
    closeSync(fd);
  }
}
