/** Magic and version of the format that glibc writes since 2.2. */
const MAGIC = 'glibc-ld.so.cache1.1';
/** Until glibc 2.32, a table in the old format preceded the new one, for old programs. */
const OLD_MAGIC = 'ld.so-1.7.0';

const HEADER_SIZE = 48;
const ENTRY_SIZE = 24;
const OLD_HEADER_SIZE = 16;
const OLD_ENTRY_SIZE = 12;
/** Offset in an entry of the bits that show for which CPUs the library is. */
const HWCAP = 16;

/**
 * Parses `/etc/ld.so.cache`. The cache does not reliably show the architecture of a library; the library
 * itself must be read.
 *
 * After the magic follow the number of entries, the size of the strings, and flags. The entries begin at
 * byte 48, each with the offsets of name and path at 4 and 8, relative to the magic. Numbers are in the
 * byte order of the machine. Format: glibc, sysdeps/generic/dl-cache.h.
 *
 * @returns paths by library name, those for any CPU first, otherwise in the order of the file; undefined for
 *   another format
 */
export function parseLdSoCache(file: Buffer): Map<string, string[]> | undefined {
  const start = file.indexOf(MAGIC, 0, 'latin1');
  if (start !== 0 && !isBehindOldTable(file, start)) return undefined;
  const cache = file.subarray(start);
  if (cache.length < HEADER_SIZE) return undefined;
  const little = isLittleEndian(cache);
  const word = (at: number): number => (little ? cache.readUInt32LE(at) : cache.readUInt32BE(at));
  const count = Math.min(word(20), Math.floor((cache.length - HEADER_SIZE) / ENTRY_SIZE));
  const plain: [string, string][] = [];
  const special: [string, string][] = [];
  for (let entry = 0; entry < count; entry += 1) {
    const at = HEADER_SIZE + entry * ENTRY_SIZE;
    const name = readString(cache, word(at + 4));
    const path = readString(cache, word(at + 8));
    const anyCpu = word(at + HWCAP) === 0 && word(at + HWCAP + 4) === 0;
    if (name !== '' && path.startsWith('/')) (anyCpu ? plain : special).push([name, path]);
  }
  return groupByName([...plain, ...special]);
}

function isBehindOldTable(file: Buffer, start: number): boolean {
  if (start < OLD_HEADER_SIZE || file.toString('latin1', 0, OLD_MAGIC.length) !== OLD_MAGIC) {
    return false;
  }
  const little = file.readUInt32LE(12) * OLD_ENTRY_SIZE;
  const big = file.readUInt32BE(12) * OLD_ENTRY_SIZE;
  // The new format is aligned to 8 bytes at most.
  return [little, big].some((size) => {
    const end = OLD_HEADER_SIZE + size;
    return end <= start && start < end + 8;
  });
}

/** Flags since glibc 2.33: 2 little, 3 big. Before, they are 0, and a plausible count decides. */
function isLittleEndian(cache: Buffer): boolean {
  const flag = (cache[28] ?? 0) & 3;
  if (flag >= 2) return flag === 2;
  return HEADER_SIZE + cache.readUInt32LE(20) * ENTRY_SIZE <= cache.length;
}

function readString(cache: Buffer, offset: number): string {
  const end = offset < cache.length ? cache.indexOf(0, offset) : -1;
  return end === -1 ? '' : cache.toString('utf8', offset, end);
}

function groupByName(entries: readonly (readonly [string, string])[]): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  for (const [name, path] of entries) {
    const known = paths.get(name);
    if (known === undefined) paths.set(name, [path]);
    else known.push(path);
  }
  return paths;
}
