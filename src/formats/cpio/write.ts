import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { errorCode, UserError } from '../../errors.ts';
import {
  ARCHIVE_ALIGNMENT,
  CPIO_FIELDS,
  CPIO_MAGIC,
  type CpioHeader,
  FIELD_BYTES,
  FIELD_MAX,
  type FileType,
  fileTypeOf,
  formatPath,
  HEADER_BYTES,
  MAGIC_BYTES,
  NAME_MAX,
  PATH_MAX,
  paddingAfter,
  TRAILER_NAME,
  unpackedSize,
} from './format.ts';

/** The metadata of every member of an archive. */
interface CpioMetadata {
  /**
   * Path relative to the root of the initramfs. A name that is not UTF-8 is a Buffer. Directories must
   * precede their content, because the kernel silently drops entries without a directory.
   */
  path: string | Buffer;
  /** Type and permission bits, including setuid and so on, as returned by lstat. */
  mode: number;
  /** Default: 0, root. */
  uid?: number | undefined;
  /** Default: 0, root. */
  gid?: number | undefined;
  /** Seconds since 1970, default 0; clamped to the range of the format, 0 to 2^32-1. */
  mtime?: number | undefined;
  /**
   * Further paths of the same inode. They are written together with `path`, so all their directories must
   * precede the entry. Not for directories and symlinks, which the kernel does not link.
   */
  hardLinks?: readonly (string | Buffer)[] | undefined;
}

/** A regular file with this content. */
interface CpioData {
  data: Uint8Array | string;
}

/** A regular file that is copied from the host while the archive is written. */
interface CpioHostFile {
  file: string | Buffer;
  /** Bytes, as returned by lstat. A file whose size has changed since is rejected. */
  size: number;
}

interface CpioSymlink {
  target: string | Buffer;
}

/** A block or character device. */
interface CpioDevice {
  rdev: { major: number; minor: number };
}

/** A directory, fifo or socket: only metadata. */
type CpioPlain = object;

/** One file to archive. Its `mode` determines which content it must have. */
export type CpioEntry = CpioMetadata &
  (CpioData | CpioHostFile | CpioSymlink | CpioDevice | CpioPlain);

export interface CpioWritten {
  /** Size of the archive with trailer and padding: a multiple of 512. */
  bytes: number;
  /** Number of members: one for each path, including hard links, without the trailer. */
  entries: number;
  /** Bytes that the content takes in the root filesystem, by `unpackedSize`. */
  unpacked: number;
}

/**
 * Writes one newc archive at the current position of `fd`, which stays open.
 *
 * Equal entries give equal bytes: inodes are numbered from 1 in the order of the entries. Hard links share
 * an inode number and the last one has the data, as GNU cpio expects and the kernel accepts. After an error,
 * the output is an incomplete archive and must be discarded.
 *
 * @param options.outputName the name of the output in messages
 * @throws UserError for entries that the kernel would drop or that do not fit into the format, for host
 *   files that cannot be read or whose size changes (several at once, in `problems`), and if the output
 *   cannot be written, such as on a full disk
 * @throws TypeError for an entry that contradicts itself, such as a directory with data
 */
export function writeCpio(
  fd: number,
  entries: Iterable<CpioEntry>,
  options: { outputName: string },
): CpioWritten {
  const sink = openSink(fd, options.outputName);
  const problems: EntryProblem[] = [];
  let inodes = 0;
  let written = 0;
  let unpacked = 0;
  for (const entry of entries) {
    inodes += 1;
    try {
      const body = bodyOf(entry);
      written += writeEntry(sink, entry, body, inodes);
      unpacked += unpackedSize(body.size);
    } catch (error) {
      if (!(error instanceof EntryProblem)) throw error;
      problems.push(error);
      // The archive has failed. Continue only to report other bad entries too.
      sink.discard = true;
      if (problems.length === MAX_PROBLEMS) break;
    }
  }
  if (problems.length > 0) throw describeProblems(problems, options.outputName);
  writeMember(sink, EMPTY_HEADER, TRAILER);
  putZeros(sink, paddingAfter(sink.flushed + sink.used, ARCHIVE_ALIGNMENT));
  flush(sink);
  return { bytes: sink.flushed, entries: written, unpacked };
}

/** How many bad entries are reported at once. */
const MAX_PROBLEMS = 20;

/** Why one entry cannot be archived; the user can correct it. */
class EntryProblem extends Error {
  readonly hint: string | undefined;

  constructor(message: string, details: { hint?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.hint = details.hint;
  }
}

function describeProblems(problems: readonly EntryProblem[], outputName: string): UserError {
  const messages = problems.map((problem) => problem.message);
  const [hint, ...others] = new Set(problems.map((problem) => problem.hint));
  const details = {
    cause: problems[0]?.cause,
    ...(hint === undefined || others.length > 0 ? {} : { hint }),
  };
  if (problems.length === 1) {
    return new UserError(`${outputName}: cannot add ${messages[0]}`, details);
  }
  const more = problems.length === MAX_PROBLEMS ? ' or more' : '';
  return new UserError(`${outputName}: cannot add ${problems.length}${more} files`, {
    problems: messages,
    ...details,
  });
}

/** Writes an entry and its hard links. @returns the number of members */
function writeEntry(sink: Sink, entry: CpioEntry, body: Body, ino: number): number {
  const header = headerOf(entry, body, ino);
  let path = entry.path;
  for (const link of entry.hardLinks ?? []) {
    writeMember(sink, header, encodePath(path));
    path = link;
  }
  writeMember(sink, { ...header, size: body.size }, encodePath(path));
  writeBody(sink, body);
  return 1 + (entry.hardLinks?.length ?? 0);
}

function writeMember(sink: Sink, header: CpioHeader, name: Uint8Array): void {
  const nameSize = name.length + 1;
  const padding = paddingAfter(HEADER_BYTES + nameSize);
  reserve(sink, HEADER_BYTES + nameSize + padding);
  encodeHeader(sink.buffer, sink.used, { ...header, nameSize });
  sink.buffer.set(name, sink.used + HEADER_BYTES);
  sink.used += HEADER_BYTES + name.length;
  putZeros(sink, 1 + padding);
}

/** Puts a header at `offset` of `target`. */
function encodeHeader(target: Uint8Array, offset: number, header: CpioHeader): void {
  for (let index = 0; index < MAGIC_BYTES; index += 1) {
    target[offset + index] = CPIO_MAGIC.newc.charCodeAt(index);
  }
  let end = offset + MAGIC_BYTES;
  for (const field of CPIO_FIELDS) {
    end += FIELD_BYTES;
    let value = header[field];
    for (let index = 1; index <= FIELD_BYTES; index += 1) {
      target[end - index] = HEX_DIGITS[value & 0xf]!;
      value >>>= 4;
    }
  }
}

const HEX_DIGITS = Buffer.from('0123456789ABCDEF');

/** The data after a member's name, checked against the type of the entry. */
type Body = { type: FileType; size: number } & (
  | { bytes: Uint8Array }
  | { file: string | Buffer }
  | { rdev: { major: number; minor: number } }
  | object
);

function bodyOf(entry: CpioEntry): Body {
  const type = checkShape(entry);
  if ('data' in entry) {
    const bytes = typeof entry.data === 'string' ? Buffer.from(entry.data) : entry.data;
    return { type, size: checkSize(bytes.length, entry.path), bytes };
  }
  if ('file' in entry) {
    return { type, size: checkSize(entry.size, entry.file), file: entry.file };
  }
  if ('target' in entry) {
    const bytes = encodeTarget(entry.target, entry.path);
    return { type, size: bytes.length, bytes };
  }
  return 'rdev' in entry ? { type, size: 0, rdev: entry.rdev } : { type, size: 0 };
}

function checkShape(entry: CpioEntry): FileType {
  const type = fileTypeOf(entry.mode);
  if (type === undefined || !Number.isInteger(entry.mode) || entry.mode > 0o177777) {
    throw contradiction(entry, `invalid mode ${entry.mode}`);
  }
  if ((type === 'directory' || type === 'symlink') && entry.hardLinks?.length) {
    throw contradiction(entry, `a ${type} cannot have hard links`);
  }
  const allowed = CONTENT_OF_TYPE[type];
  const content = CONTENT_KEYS.filter((key) => key in entry);
  const fits = allowed.length === 0 ? content.length === 0 : content.length === 1;
  if (!fits || !content.every((key) => allowed.includes(key))) {
    throw contradiction(entry, `a ${type} takes ${allowed.join(' or ') || 'no content'}`);
  }
  return type;
}

const CONTENT_KEYS = ['data', 'file', 'target', 'rdev'] as const;

const CONTENT_OF_TYPE: Record<FileType, readonly (typeof CONTENT_KEYS)[number][]> = {
  file: ['data', 'file'],
  symlink: ['target'],
  block: ['rdev'],
  char: ['rdev'],
  directory: [],
  fifo: [],
  socket: [],
};

function contradiction(entry: CpioEntry, what: string): TypeError {
  return new TypeError(`cpio entry ${formatPath(entry.path)}: ${what}`);
}

function checkSize(size: number, path: string | Buffer): number {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new TypeError(`cpio entry ${formatPath(path)}: invalid size ${size}`);
  }
  if (size > FIELD_MAX) {
    throw new EntryProblem(
      `${formatPath(path)}: ${size} bytes, but a file in an initramfs can have at most ${FIELD_MAX}`,
      { hint: 'omit it, or provide it to the VM on a disk or in a shared directory' },
    );
  }
  return size;
}

/** The header of all members of an entry, except the names and the size of the last one. */
function headerOf(entry: CpioEntry, body: Body, ino: number): CpioHeader {
  const rdev = 'rdev' in body ? body.rdev : undefined;
  return {
    ...EMPTY_HEADER,
    ino,
    mode: entry.mode,
    uid: checkNumber(entry, 'uid', entry.uid ?? 0),
    gid: checkNumber(entry, 'gid', entry.gid ?? 0),
    // A directory has 2 by convention: its name in its parent and its own ".".
    nlink: body.type === 'directory' ? 2 : 1 + (entry.hardLinks?.length ?? 0),
    mtime: clampTime(entry),
    rdevMajor: checkNumber(entry, 'major device number', rdev?.major ?? 0),
    rdevMinor: checkNumber(entry, 'minor device number', rdev?.minor ?? 0),
  };
}

const EMPTY_HEADER: CpioHeader = {
  ino: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  nlink: 1,
  mtime: 0,
  size: 0,
  devMajor: 0,
  devMinor: 0,
  rdevMajor: 0,
  rdevMinor: 0,
  nameSize: 0,
  checksum: 0,
};

function checkNumber(entry: CpioEntry, what: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= FIELD_MAX) return value;
  throw contradiction(entry, `the ${what} ${value} is not an unsigned 32-bit number`);
}

function clampTime(entry: CpioEntry): number {
  const seconds = Math.floor(entry.mtime ?? 0);
  if (Number.isNaN(seconds)) throw contradiction(entry, 'the mtime is not a number');
  return Math.min(Math.max(seconds, 0), FIELD_MAX);
}

/** The bytes of a member's name. @throws EntryProblem for names that the kernel would not unpack */
function encodePath(path: string | Buffer): Buffer {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  const problem = findTextProblem(path, bytes) ?? findPathProblem(bytes);
  if (problem !== undefined) throw new EntryProblem(`${formatPath(path)}: the path ${problem}`);
  return bytes;
}

function encodeTarget(target: string | Buffer, path: string | Buffer): Buffer {
  const bytes = typeof target === 'string' ? Buffer.from(target) : target;
  const problem = findTextProblem(target, bytes);
  if (problem === undefined) return bytes;
  throw new EntryProblem(`${formatPath(path)}: the target of the symlink ${problem}`);
}

/** @returns why a path or target is invalid (`bytes` is its encoding), or undefined */
function findTextProblem(text: string | Buffer, bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'is empty';
  if (bytes.length >= PATH_MAX) return `is longer than ${PATH_MAX - 1} bytes`;
  if (bytes.includes(0)) return 'contains a NUL byte';
  if (typeof text === 'string' && /\p{Surrogate}/u.test(text)) {
    return 'contains an unpaired surrogate, which UTF-8 cannot encode: pass it as bytes';
  }
  return undefined;
}

/** Why a path cannot be the name of a member, or undefined if it can. */
function findPathProblem(path: Buffer): string | undefined {
  if (path[0] === SLASH) return 'is absolute, but must be relative to the root of the image';
  if (path.equals(TRAILER)) return 'is reserved for the trailer of a cpio archive';
  for (let start = 0; start <= path.length; ) {
    const slash = path.indexOf(SLASH, start);
    const end = slash === -1 ? path.length : slash;
    const length = end - start;
    if (length === 0) return 'has an empty component';
    if (length > NAME_MAX) return `has a component longer than ${NAME_MAX} bytes`;
    if (length === 2 && path[start] === DOT && path[start + 1] === DOT) return 'contains ".."';
    start = end + 1;
  }
  return undefined;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const TRAILER = Buffer.from(TRAILER_NAME);

function writeBody(sink: Sink, body: Body): void {
  if ('bytes' in body) putBytes(sink, body.bytes);
  else if ('file' in body) copyHostFile(sink, body.file, body.size);
  putZeros(sink, paddingAfter(body.size));
}

/** Appends a host file, which must have exactly `size` bytes. */
function copyHostFile(sink: Sink, file: string | Buffer, size: number): void {
  const fd = openHostFile(file);
  try {
    let left = size;
    for (;;) {
      // Requests one more byte than expected: a short count then shows the end of the file, so most files
      // need only one read.
      reserve(sink, Math.min(left + 1, sink.buffer.length));
      const asked = Math.min(left + 1, sink.buffer.length - sink.used);
      const got = readHostFile(fd, sink, asked, file);
      if (got > left) throw resized(file, 'grew', size);
      if (got === 0 && left > 0) throw resized(file, 'shrank', size);
      sink.used += got;
      left -= got;
      if (left === 0 && got < asked) return;
    }
  } finally {
    closeSync(fd);
  }
}

function openHostFile(file: string | Buffer): number {
  try {
    // O_NONBLOCK: if the file is now a fifo, fails instead of waiting for a writer.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw describeReadError(error, file);
  }
}

function readHostFile(fd: number, sink: Sink, length: number, file: string | Buffer): number {
  try {
    return readSync(fd, sink.buffer, sink.used, length, null);
  } catch (error) {
    throw describeReadError(error, file);
  }
}

const CHANGED_HINT = 'another process is changing these files: try again when it has finished';

function resized(file: string | Buffer, how: 'grew' | 'shrank', size: number): EntryProblem {
  return new EntryProblem(
    `${formatPath(file)}: it ${how} while it was being added; before, it had ${size} bytes`,
    {
      hint: CHANGED_HINT,
    },
  );
}

function describeReadError(cause: unknown, file: string | Buffer): unknown {
  const code = errorCode(cause);
  if (code === undefined) return cause;
  const { what, hint } = READ_ERRORS[code] ?? { what: `it cannot be read (${code})` };
  return new EntryProblem(`${formatPath(file)}: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}

const READ_ERRORS: Record<string, { what: string; hint?: string }> = {
  ENOENT: { what: 'it no longer exists', hint: CHANGED_HINT },
  ENOTDIR: { what: 'it no longer exists', hint: CHANGED_HINT },
  EISDIR: { what: 'it is now a directory', hint: CHANGED_HINT },
  EACCES: { what: 'you are not allowed to read it', hint: 'make it readable, or omit it' },
  EPERM: { what: 'you are not allowed to read it', hint: 'make it readable, or omit it' },
};

/** The archive on its way to `fd`. */
interface Sink {
  fd: number;
  outputName: string;
  buffer: Buffer;
  /** Bytes in `buffer` that are not yet written. */
  used: number;
  /** Bytes written. */
  flushed: number;
  /** The archive has failed: do not write any more. */
  discard: boolean;
}

/** Large enough for few system calls, small enough for the cache of a CPU. */
const BUFFER_BYTES = 1024 * 1024;

function openSink(fd: number, outputName: string): Sink {
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  return { fd, outputName, buffer, used: 0, flushed: 0, discard: false };
}

/** Makes room for `length` bytes, at most a whole buffer. */
function reserve(sink: Sink, length: number): void {
  if (sink.buffer.length - sink.used < length) flush(sink);
}

function putZeros(sink: Sink, count: number): void {
  reserve(sink, count);
  sink.buffer.fill(0, sink.used, sink.used + count);
  sink.used += count;
}

function putBytes(sink: Sink, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    reserve(sink, 1);
    const count = Math.min(bytes.length - done, sink.buffer.length - sink.used);
    sink.buffer.set(bytes.subarray(done, done + count), sink.used);
    sink.used += count;
    done += count;
  }
}

function flush(sink: Sink): void {
  try {
    for (let done = 0; done < sink.used && !sink.discard; ) {
      done += writeSync(sink.fd, sink.buffer, done, sink.used - done);
    }
  } catch (error) {
    throw describeWriteError(error, sink.outputName);
  }
  sink.flushed += sink.used;
  sink.used = 0;
}

function describeWriteError(error: unknown, outputName: string): unknown {
  const reason = WRITE_ERRORS[errorCode(error) ?? ''];
  if (reason === undefined) return error;
  return new UserError(`${outputName}: ${reason.what}`, { hint: reason.hint, cause: error });
}

const WRITE_ERRORS: Record<string, { what: string; hint: string }> = {
  ENOSPC: { what: 'no space left on its filesystem', hint: 'free some space there' },
  EDQUOT: { what: 'your disk quota is exceeded', hint: 'free some space there' },
  EFBIG: { what: 'larger than the limit for files there', hint: 'check the limit: ulimit -f' },
  EIO: { what: 'its disk reports an I/O error', hint: 'see the kernel log: dmesg' },
};
