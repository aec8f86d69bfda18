import { resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Shard } from '../image/shard.ts';
import { readRun, resultOf } from '../results/store.ts';

/** The options that determine the part, not yet parsed. */
export interface ShardOptions {
  /** `I/N` */
  shard?: string | undefined;
  /** Path of a run whose times balance the parts. */
  times?: string | undefined;
  exec?: string | undefined;
  file?: string | undefined;
}

/** More parts than this are a mistake. */
const MAX_SHARDS = 10_000;

/**
 * Reads `--shard I/N` and `--times RUN`.
 * @throws UsageError
 * @throws UserError if the run of --times has no result
 */
export function readShard(
  { shard, times, exec, file }: ShardOptions,
  cwd: string,
): Shard | undefined {
  if (shard === undefined) {
    if (times === undefined) return undefined;
    throw new UsageError('--times only has a meaning with --shard', { hint: '--shard 1/4' });
  }
  const [index, count] = /^(\d{1,5})\/(\d{1,5})$/.exec(shard)?.slice(1).map(Number) ?? [];
  const isValid = index !== undefined && count !== undefined && index >= 1 && index <= count;
  if (!isValid || count > MAX_SHARDS) {
    throw new UsageError(`--shard: "${shard}" is not a part of a whole`, {
      hint: '--shard 1/4 is the first of four parts',
    });
  }
  if (exec !== undefined || file !== undefined) {
    throw new UsageError(
      '--shard splits the tests of a suite; it cannot be combined with -x or -f',
    );
  }
  return { index, count, times: times === undefined ? new Map() : readTimes(resolve(cwd, times)) };
}

/** The times of the tests of a run, in milliseconds. */
function readTimes(path: string): Map<string, number> {
  const { tests } = resultOf(readRun('.', path));
  return new Map(
    tests.flatMap(({ name, duration }) => (duration === undefined ? [] : [[name, duration]])),
  );
}
