/**
 * The cpio "newc" format, which an initramfs has.
 *
 * A member is a header of ASCII hexadecimal numbers, a name, and data; name and data are each
 * padded with NULs to 4 bytes. A member named `TRAILER!!!` ends an archive. An initramfs is any
 * number of archives one after another, with any number of NULs between members.
 *
 * Sources: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst and
 * init/initramfs.c (which silently skips what it cannot use); cpio(5) of libarchive.
 */
import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';

/** `070701`, and `070702`, whose last field is a sum of the data. */
export const CPIO_MAGIC = { newc: '070701', crc: '070702' } as const;

/** The numbers that follow the magic, in the order of the archive. */
export const CPIO_FIELDS = [
  'ino',
  'mode',
  'uid',
  'gid',
  'nlink',
  'mtime',
  'size',
  'devMajor',
  'devMinor',
  'rdevMajor',
  'rdevMinor',
  /** Bytes of the name, its NUL included. */
  'nameSize',
  'checksum',
] as const;

/** The header of one member; all fields are unsigned 32-bit numbers. */
export type CpioHeader = Record<(typeof CPIO_FIELDS)[number], number>;

/** Bytes of the magic. */
export const MAGIC_BYTES = 6;
/** Bytes of each number: a 32-bit number in hexadecimal. */
export const FIELD_BYTES = 8;
/** Bytes of a header. */
export const HEADER_BYTES = MAGIC_BYTES + CPIO_FIELDS.length * FIELD_BYTES;

/** The largest number that fits into a field, such as the size of a file or the seconds since 1970. */
export const FIELD_MAX = 0xffff_ffff;

/** The name of the member that ends an archive. */
export const TRAILER_NAME = 'TRAILER!!!';

/** Archives are padded to a multiple of this many bytes, as by other tools; the kernel needs only 4. */
export const ARCHIVE_ALIGNMENT = 512;

/** Bytes of the longest path or link target, its NUL included (Linux's limits.h). */
export const PATH_MAX = 4096;
/** Bytes of the longest component of a path (Linux's limits.h). */
export const NAME_MAX = 255;

/** Bytes of a page of memory: the smallest on any architecture. */
const PAGE = 4096;

/**
 * The bytes that an inode takes in the root filesystem: whole pages. An inode without content counts as a page
 * too, because tmpfs limits inodes to the number of pages.
 * @param size of its content, in bytes
 */
export function unpackedSize(size: number): number {
  return Math.max(1, Math.ceil(size / PAGE)) * PAGE;
}

/** The number of NULs that pad `length` bytes to a multiple of `alignment`. */
export function paddingAfter(length: number, alignment = 4): number {
  return (alignment - (length % alignment)) % alignment;
}

export type FileType = 'file' | 'directory' | 'symlink' | 'block' | 'char' | 'fifo' | 'socket';

/** The type of file of a mode (as returned by lstat), or undefined if it has none. */
export function fileTypeOf(mode: number): FileType | undefined {
  return FILE_TYPES.get(mode & constants.S_IFMT);
}

const FILE_TYPES: ReadonlyMap<number, FileType> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFBLK, 'block'],
  [constants.S_IFCHR, 'char'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
]);

/**
 * Formats a path for a message: unchanged if it is printable, else quoted with escapes. The middle of a very
 * long path is omitted.
 */
export function formatPath(path: string | Uint8Array): string {
  const shown = typeof path === 'string' ? quoteText(path) : quoteBytes(path);
  return shown.length <= 300 ? shown : `${shown.slice(0, 140)}…${shown.slice(-140)}`;
}

function quoteBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return quoteText(Buffer.from(bytes).toString());
  return `"${Array.from(bytes, escapeByte).join('')}"`;
}

function quoteText(text: string): string {
  const quoted = JSON.stringify(text).replace(/[\x7f-\x9f]/g, (char) =>
    escapeByte(char.charCodeAt(0)),
  );
  return text !== '' && quoted === `"${text}"` ? text : quoted;
}

function escapeByte(byte: number): string {
  const printable = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
  return printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
}
