/**
 * The compressed kernel inside an x86 kernel image (bzImage, vmlinuz). Offsets are those of
 * Documentation/arch/x86/boot.rst.
 */
export interface KernelPayload {
  /** Offset of the compressed data in the file, in bytes. */
  offset: number;
  /** Its length in bytes, without what the kernel's build appends. */
  length: number;
  compression: KernelCompression;
  /** Size of the uncompressed kernel, in bytes. */
  unpackedSize: number;
}

/** The compression of a kernel: CONFIG_KERNEL_GZIP and so on, in lower case. */
export type KernelCompression =
  | 'gzip'
  | 'bzip2'
  | 'lzma'
  | 'xz'
  | 'lzo'
  | 'lz4'
  | 'zstd'
  | 'uncompressed';

/** The bytes of a file that are read first. The setup header ends before. */
const HEAD_BYTES = 0x268;

/** `HdrS`, at 0x202. */
const MAGIC = 0x53726448;

/** The first protocol with the offset of the payload, of Linux 2.6.26. */
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
 * @param read returns bytes of the file, fewer at its end
 * @returns undefined if it is not a bzImage, or does not describe its payload
 */
export function readPayload(
  read: (offset: number, length: number) => Buffer,
): KernelPayload | undefined {
  const head = read(0, HEAD_BYTES);
  if (head.length < HEAD_BYTES || head.readUInt32LE(0x202) !== MAGIC) return undefined;
  if (head.readUInt16LE(0x206) < PAYLOAD_PROTOCOL) return undefined;
  // The boot sector and the setup code precede it; 0 means four sectors of setup code.
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
  // The trailer of gzip ends with the size. For other formats, the build appends it (`size_append` in
  // scripts/Makefile.lib), and tools would reject it as garbage.
  const size = read(offset + length - 4, 4);
  if (size.length < 4) return undefined;
  const own = compression === 'gzip' ? length : length - 4;
  return { offset, length: own, compression, unpackedSize: size.readUInt32LE(0) };
}

/** Longer than any release (`__NEW_UTS_LEN`), which is followed by the builder and the date. */
const VERSION_BYTES = 256;

/**
 * The release of the kernel in an image, as `uname -r` prints it: `kernel_version` points to a text that begins
 * with it.
 * @param read returns bytes of the file, fewer at its end
 * @returns undefined if it is not a bzImage, or contains no release
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
