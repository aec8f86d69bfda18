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

/** Refuses disks of the command line that cannot be, before any work is done. */
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
 * @param forDryRun nothing will be made: scratch disks get a name that says what they are
 * @throws UsageError with everything that is wrong with them
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
      // Nothing is recognised on a device: an image format there is rare, and would be a guest's trick.
      const head = found.isBlockDevice ? Buffer.alloc(0) : found.head;
      facts.set(source.path, { identity: found.identity, recognised: recogniseFormat(head) });
    }
  }
  if (problems.length > 0) {
    throw new UsageError('the VM cannot have these disks', { problems: [...new Set(problems)] });
  }
  return facts;
}

function scratchDirectory({ cache }: Context['directories']): string {
  return join(cache, 'scratch');
}

/**
 * Makes the scratch disks of a VM, and first removes those of VMs whose rapido was killed.
 * @returns what removes them again
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
      `${dirname(path)}: a file of ${formatSize(bytes)} is larger than the file system can have`,
      { cause, hint: 'a smaller scratch disk, or XDG_CACHE_HOME on another file system' },
    );
  } finally {
    closeSync(fd);
  }
}
