import { parseSize } from '../conf/values.ts';
import { requireKeys } from './expand-keys.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';

/** Compression modules for zram. The configuration of the kernel determines which one it uses. */
export const ZRAM_COMPRESSORS = ['lzo', 'lzo-rle', 'lz4', 'zstd'];

/**
 * Sizes of the cut's zram devices, name to bytes, in the order of the cut. Devices of size 0 and devices whose
 * condition is false are omitted.
 */
export function resolveZram(
  { cut, conf }: ResolveRequest,
  problems: Problem[],
): Record<string, number> {
  const devices: Record<string, number> = {};
  for (const [name, device] of Object.entries(cut.cut.zram ?? {})) {
    const { size, when = {} } = typeof device === 'string' ? { size: device } : device;
    for (const key of Object.keys(when).filter((each) => conf.entry(each) === undefined)) {
      problems.push({ message: `zram: ${name}: unknown conf key ${key}` });
    }
    const isWanted = Object.entries(when).every(([key, value]) => conf.entry(key)?.text === value);
    const text = isWanted ? requireKeys(size, 'zram', conf, problems) : '0';
    if (text === undefined) continue;
    const bytes = parseSize(text);
    if (bytes === undefined) {
      problems.push({
        message: `zram: ${name}: "${text}" is not a valid size: use a number with a unit, such as 512M or 2G`,
      });
    } else if (bytes > 0) devices[name] = bytes;
  }
  return devices;
}
