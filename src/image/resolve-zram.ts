import { parseSize } from '../conf/values.ts';
import { requireKeys } from './expand-keys.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';

/** Modules that compress for zram: the kernel takes the one it was configured for. */
export const ZRAM_COMPRESSORS = ['lzo', 'lzo-rle', 'lz4', 'zstd'];

/**
 * Sizes of the zram devices that a cut wants, in bytes by name, in its order. Those of size 0 and those
 * whose condition does not hold are not there.
 */
export function resolveZram(
  { cut, conf }: ResolveRequest,
  problems: Problem[],
): Record<string, number> {
  const devices: Record<string, number> = {};
  for (const [name, device] of Object.entries(cut.cut.zram ?? {})) {
    const { size, when = {} } = typeof device === 'string' ? { size: device } : device;
    for (const key of Object.keys(when).filter((each) => conf.entry(each) === undefined)) {
      problems.push({ message: `zram: ${name}: there is no conf key ${key}` });
    }
    const isWanted = Object.entries(when).every(([key, value]) => conf.entry(key)?.text === value);
    const text = isWanted ? requireKeys(size, 'zram', conf, problems) : '0';
    if (text === undefined) continue;
    const bytes = parseSize(text);
    if (bytes === undefined) {
      problems.push({ message: `zram: ${name}: "${text}" is no size: 512M, 2G` });
    } else if (bytes > 0) devices[name] = bytes;
  }
  return devices;
}
