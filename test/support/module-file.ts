import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Programs that decompress modules, by suffix. */
const UNPACKERS = { '': undefined, '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' } as const;

/** The suffix after `.ko` of an installed module. Distributions may compress modules. */
export function packedSuffix(path: string): keyof typeof UNPACKERS | undefined {
  const suffixes = Object.keys(UNPACKERS) as (keyof typeof UNPACKERS)[];
  return suffixes.find((suffix) => existsSync(`${path}${suffix}`));
}

/**
 * Reads a module, decompressed.
 * @param path without the suffix of a compression: `…/xfs.ko`
 */
export function readModuleFile(path: string): Buffer {
  const suffix = packedSuffix(path);
  if (suffix === undefined) throw new Error(`there is no ${path}, packed or not`);
  const unpacker = UNPACKERS[suffix];
  const file = `${path}${suffix}`;
  if (unpacker === undefined) return readFileSync(file);
  return execFileSync(unpacker, ['-dc', file], { maxBuffer: 256 * 1024 * 1024 });
}
