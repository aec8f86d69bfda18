import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Programs that unpack modules, by what the name of a packed file ends in. */
const UNPACKERS = { '': undefined, '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' } as const;

/** What follows `.ko` in the name of an installed module: distributions pack them, or not. */
export function packedSuffix(path: string): keyof typeof UNPACKERS | undefined {
  const suffixes = Object.keys(UNPACKERS) as (keyof typeof UNPACKERS)[];
  return suffixes.find((suffix) => existsSync(`${path}${suffix}`));
}

/**
 * The module itself, as it was built.
 * @param path where it would be if it were not packed: `…/xfs.ko`
 */
export function readModuleFile(path: string): Buffer {
  const suffix = packedSuffix(path);
  if (suffix === undefined) throw new Error(`there is no ${path}, packed or not`);
  const unpacker = UNPACKERS[suffix];
  const file = `${path}${suffix}`;
  if (unpacker === undefined) return readFileSync(file);
  return execFileSync(unpacker, ['-dc', file], { maxBuffer: 256 * 1024 * 1024 });
}
