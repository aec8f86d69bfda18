/**
 * The compressed kernel inside an x86 kernel image (bzImage, vmlinuz). Offsets are those of
 * Documentation/arch/x86/boot.rst.
 */
export interface KernelPayload {
  /** Where the compressed data is in the file, in bytes. */
  offset: number;
  /** How long it is, without what the kernel's build adds at its end. */
  length: number;
  compression: KernelCompression;
  /** Bytes of the kernel once unpacked. */
  unpackedSize: number;
}

/** How a kernel may be packed: CONFIG_KERNEL_GZIP and its like, in lower case. */
export type KernelCompression =
  | 'gzip'
  | 'bzip2'
  | 'lzma'
  | 'xz'
  | 'lzo'
  | 'lz4'
  | 'zstd'
  | 'uncompressed';

/** How much of a file is looked at first: the setup header ends before. */
const HEAD_BYTES = 0x268;

/** `HdrS`, at 0x202. */
const MAGIC = 0x53726448;

/** First protocol that tells where the payload is, of Linux 2.6.26. */
const PAYLOAD_PROTOCOL = 0x0208;

const SECTOR = 512;

const COMPRESSIONS: readonly [magic: string, KernelCompression][] = [
  ['\x1f\x8b', 'gzip'],
  ['BZh', 'bzip2'],
  ['\x5d\0\0', 'lzma'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x89LZO', 'lzo'],
  ['\x02\x21\x4c\x18', 'lz4'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['\x7fELF', 'uncompressed'],
];

/**
 * Finds the payload of a kernel image.
 * @param read gives bytes of the file, fewer at its end
 * @returns undefined for what is no bzImage, or one that says nothing of its payload
 */
export function readPayload(
  read: (offset: number, length: number) => Buffer,
): KernelPayload | undefined {
  const head = read(0, HEAD_BYTES);
  if (head.length < HEAD_BYTES || head.readUInt32LE(0x202) !== MAGIC) return undefined;
  if (head.readUInt16LE(0x206) < PAYLOAD_PROTOCOL) return undefined;
  // Boot sector and setup code come first; a kernel with 0 there has four sectors of the latter.
  const start = (1 + (head.readUInt8(0x1f1) || 4)) * SECTOR;
  const offset = start + head.readUInt32LE(0x248);
  const length = head.readUInt32LE(0x24c);
  if (length < 8) return undefined;
  const first = read(offset, 6).toString('latin1');
  const compression = COMPRESSIONS.find(([magic]) => first.startsWith(magic))?.[1];
  if (compression === undefined) return undefined;
  if (compression === 'uncompressed') {
    return { offset, length, compression, unpackedSize: length };
  }
  // gzip's own trailer ends with the size; the build adds the same to all others (`size_append` in
  // scripts/Makefile.lib), where a tool would take it for garbage.
  const size = read(offset + length - 4, 4);
  if (size.length < 4) return undefined;
  const own = compression === 'gzip' ? length : length - 4;
  return { offset, length: own, compression, unpackedSize: size.readUInt32LE(0) };
}

/** Longer than any release (`__NEW_UTS_LEN`), with who built the kernel and when behind it. */
const VERSION_BYTES = 256;

/**
 * The release of the kernel in an image, as `uname -r` would print it: `kernel_version` points to a text that begins
 * with it.
 * @param read gives bytes of the file, fewer at its end
 * @returns undefined for what is no bzImage, or one that does not say
 */
export function readImageRelease(
  read: (offset: number, length: number) => Buffer,
): string | undefined {
  const head = read(0, HEAD_BYTES);
  if (head.length < HEAD_BYTES || head.readUInt32LE(0x202) !== MAGIC) return undefined;
  const pointer = head.readUInt16LE(0x20e);
  if (pointer === 0) return undefined;
  const text = read(pointer + 0x200, VERSION_BYTES).toString('latin1');
  return /^[\x21-\x7e]+/.exec(text.split('\0', 1)[0] ?? '')?.[0];
}
