import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BaseContext, createContextWithoutCuts, type GlobalOptions } from '../cli/context.ts';
import { parseSize } from '../conf/values.ts';
import { EXIT, explainSystemError, UsageError } from '../errors.ts';
import { type CacheFile, listCache, listImages, mayBeStarting } from '../image/cache-files.ts';
import { imageDirectory, lastImage } from '../image/location.ts';
import { registryDirectory } from '../machine/start.ts';
import { discardRun, listEndedRuns, runsDirectory } from '../results/store.ts';
import { listWithOr } from '../sys/list-words.ts';
import { sizeOnDisk } from '../sys/size-on-disk.ts';
import { chooseSurplus, type Removable, type SurplusLimits } from '../sys/surplus.ts';
import { listLitter } from '../sys/temporary.ts';
import { formatBytes, formatDuration } from '../ui/format.ts';
import type { Ui } from '../ui/terminal.ts';
import { listVms } from '../vm/registry.ts';

export interface CleanOptions extends GlobalOptions {
  olderThan?: string | undefined;
  maxSize?: string | undefined;
  dryRun?: boolean | undefined;
}

/** What can be removed, in the order of the output. */
export const CLEANABLE = ['cache', 'images', 'results'] as const;

type Kind = (typeof CLEANABLE)[number];

interface Candidate extends Removable {
  path: string;
  /** Why it stays, in a few words; undefined: it can be removed. */
  inUse?: string | undefined;
  /** @returns whether it is gone */
  remove: () => boolean;
}

/** `rapido clean [WHAT…]` @returns the exit status */
export async function runClean(
  what: readonly string[],
  options: CleanOptions,
  ui: Ui,
): Promise<number> {
  const kinds = parseKinds(what);
  const now = Date.now();
  const limits = parseLimits(options, now);
  if (kinds.includes('results') && limits.size === undefined && limits.usedSince === undefined) {
    throw new UsageError('results: which?', {
      hint: '`rapido clean results --older-than 30d`, or --max-size 1G',
    });
  }
  const context = createContextWithoutCuts(options, ui);
  let freed = 0;
  for (const kind of kinds) {
    const surplus = chooseSurplus(LISTS[kind](context, now), limits);
    for (const candidate of surplus) {
      const { path, bytes, used, inUse } = candidate;
      const about = `${path}: ${formatBytes(bytes)}, ${describeUse(used, now)}`;
      if (inUse !== undefined) ui.note(`kept ${path}: ${inUse}`);
      else if (options.dryRun === true) ui.result(`would remove ${about}`);
      else if (removeCandidate(candidate, ui)) ui.result(`removed ${about}`);
      else continue;
      if (inUse === undefined) freed += bytes;
    }
  }
  const size = formatBytes(freed);
  ui.result(options.dryRun === true ? `would free ${size}` : `freed ${size}`);
  return EXIT.ok;
}

function describeUse(used: number, now: number): string {
  if (used === 0) return 'left by a killed process';
  return `last used ${formatDuration(now - used, { whole: true })} ago`;
}

function parseKinds(what: readonly string[]): Kind[] {
  if (what.length === 0) return ['cache', 'images'];
  for (const word of what) {
    if ((CLEANABLE as readonly string[]).includes(word)) continue;
    throw new UsageError(`cannot clean "${word}"`, { hint: `use ${listWithOr(CLEANABLE)}` });
  }
  return CLEANABLE.filter((kind) => what.includes(kind));
}

function parseLimits(
  { olderThan, maxSize }: Pick<CleanOptions, 'olderThan' | 'maxSize'>,
  now: number,
): SurplusLimits {
  const size = maxSize === undefined ? undefined : parseSize(maxSize);
  if (maxSize !== undefined && size === undefined) {
    throw new UsageError(`--max-size: "${maxSize}" is not a valid size`, {
      hint: 'use a number with a unit: --max-size 5G',
    });
  }
  return { size, usedSince: olderThan === undefined ? undefined : now - parseAge(olderThan) };
}

const HOUR = 3600 * 1000;

const AGE_UNITS: Readonly<Record<string, number>> = {
  m: HOUR / 60,
  h: HOUR,
  d: 24 * HOUR,
  w: 7 * 24 * HOUR,
};

/** @returns milliseconds @throws UsageError */
function parseAge(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  const factor = AGE_UNITS[unit];
  if (factor !== undefined) return Number(number) * factor;
  throw new UsageError(`--older-than: "${text}" is not a valid age`, {
    hint: 'use a number with a unit of m, h, d or w: --older-than 30d',
  });
}

const LISTS: Readonly<Record<Kind, (context: BaseContext, now: number) => Candidate[]>> = {
  cache: ({ directories: { cache } }, now) => [
    ...listCache(cache).map((file) => ({
      ...fileCandidate(file),
      inUse: mayBeStarting(file, now) ? STARTING : undefined,
    })),
    ...['layers', 'kernels', 'staging', 'scratch'].flatMap((name) => litterIn(join(cache, name))),
  ],
  images: (context, now) => {
    const { conf } = context;
    const running = new Map(
      listVms(registryDirectory(conf, context)).map(({ image, number }) => [image, number]),
    );
    const last = lastImage(conf);
    const named = conf.get('DRACUT_OUT');
    const directory = imageDirectory(conf);
    const images = listImages(directory).flatMap((file) => {
      if (file.path === named) return [];
      const vm = running.get(file.path);
      const inUse =
        vm !== undefined
          ? `VM ${vm} runs it`
          : file.path === last
            ? 'it was cut last, and `rapido boot` boots it'
            : mayBeStarting(file, now)
              ? STARTING
              : undefined;
      return [{ ...fileCandidate(file), inUse }];
    });
    return [...images, ...litterIn(directory), ...litterIn(join(directory, 'run'))];
  },
  results: ({ directories }) => {
    const parent = runsDirectory(directories.state);
    const runs = listEndedRuns(parent).map((run) => ({ ...run, remove: () => discardRun(run) }));
    return [...runs, ...litterIn(parent)];
  },
};

const STARTING = 'used within the last minute, perhaps by a VM that is starting';

function fileCandidate(file: CacheFile): Candidate {
  return {
    ...file,
    remove: () => {
      rmSync(file.path, { recursive: true, force: true });
      return true;
    },
  };
}

/** What killed processes left is of no use, however new it is. */
function litterIn(directory: string): Candidate[] {
  return listLitter(directory).map((path) =>
    fileCandidate({ path, bytes: sizeOnDisk(path), used: 0 }),
  );
}

function removeCandidate({ path, remove }: Candidate, ui: Ui): boolean {
  try {
    if (remove()) return true;
    ui.warn(`${path}: cannot be removed`);
  } catch (error) {
    const explained = explainSystemError(error);
    ui.warn(`${path}: ${explained instanceof Error ? explained.message : explained}`);
  }
  return false;
}
