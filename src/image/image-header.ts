import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { describeReadError, UserError } from '../errors.ts';
import { readCpio, readCpioData } from '../formats/cpio/read.ts';
import type { CpioEntry } from '../formats/cpio/write.ts';
import { moduleNameOfPath } from '../formats/kmod/resolve.ts';
import type { FileSignatures } from '../sys/file-signature.ts';
import type { ImageSources } from './image-sources.ts';
import type { LayerKind } from './layer-cache.ts';
import type { ImageInfo } from './plan.ts';

/**
 * The first member of every image, in an archive of its own, describes the image. An image is therefore a
 * single file, which can be replaced atomically, copied, and booted from anywhere.
 */
const HEADER_PATH = 'rapido/image.json';

export interface ImageHeader {
  version: 9;
  image: ImageInfo;
  /** IDs of the layers and digest of the overlay. If they are equal, the images are equal. */
  parts: Record<LayerKind | 'overlay', string>;
  /** Signatures of the kernel's module files, to detect at boot that the image has outdated modules. */
  moduleFiles: FileSignatures;
  /** The same for all other sources. */
  sources: ImageSources;
  /** Size of the unpacked layers in the root filesystem, in bytes. */
  unpacked: number;
}

/** Absolute paths of the modules from which an image was made. */
export function modulePaths({ moduleFiles }: Pick<ImageHeader, 'moduleFiles'>): string[] {
  return Object.keys(moduleFiles).filter((path) => /\.ko(\.\w+)?$/.test(path));
}

/** Names of the modules in an image, from the names of their files. */
export function moduleNames(header: Pick<ImageHeader, 'moduleFiles'>): string[] {
  return modulePaths(header).map(moduleNameOfPath);
}

export function headerMembers(header: ImageHeader): CpioEntry[] {
  return [
    { path: 'rapido', mode: constants.S_IFDIR | 0o755 },
    { path: HEADER_PATH, mode: constants.S_IFREG | 0o644, data: JSON.stringify(header) },
  ];
}

/**
 * The last member of every image, in an archive of its own. It detects images that were truncated, by a full
 * disk or an incomplete copy.
 */
export function endMembers(header: ImageHeader): CpioEntry[] {
  return [
    { path: 'rapido', mode: constants.S_IFDIR | 0o755 },
    { path: 'rapido/complete', mode: constants.S_IFREG | 0o644, data: digestHeader(header) },
  ];
}

/** The identity of an image: the hash of its header, which names all parts. */
export function digestHeader(header: ImageHeader): string {
  return createHash('sha256').update(JSON.stringify(header)).digest('hex');
}

/** Upper limit for the size of the archive with the last member. */
const END_BYTES = 1024;

function hasEnd(fd: number, header: ImageHeader): boolean {
  const { size } = fstatSync(fd);
  const buffer = Buffer.alloc(Math.min(END_BYTES, size));
  readSync(fd, buffer, 0, buffer.length, size - buffer.length);
  return buffer.includes(digestHeader(header));
}

/**
 * @throws UserError if the file cannot be read or is not an image of this version of rapido
 */
export function readImageHeader(path: string): ImageHeader {
  const header = tryReadImageHeader(path);
  if (header === 'incomplete') {
    throw new UserError(`${path}: the image is incomplete`, { hint: 'cut it again: `rapido cut`' });
  }
  if (header !== undefined) return header;
  throw new UserError(`${path}: not an image that this rapido version made`, {
    hint: 'cut one with `rapido cut NAME`; `rapido list` shows the names',
  });
}

/** @returns undefined for a file that is not an image of this version */
function tryReadImageHeader(path: string): ImageHeader | 'incomplete' | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new UserError(describeReadError(path, cause), { cause });
  }
  try {
    for (const member of readCpio(fd)) {
      const name = member.path.toString();
      if (name === 'rapido') continue;
      if (name !== HEADER_PATH) return undefined;
      const header: ImageHeader = JSON.parse(readCpioData(fd, member).toString());
      if (header.version !== 9) return undefined;
      return hasEnd(fd, header) ? header : 'incomplete';
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether `path` begins as an image of any version of rapido does, complete or not. Its atime, which says when it was
 * used last, does not change.
 */
export function isImage(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOATIME);
  } catch {
    return false;
  }
  try {
    const [directory, header] = firstTwo(readCpio(fd));
    return directory === 'rapido' && header === HEADER_PATH;
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}

function firstTwo(members: Iterable<{ path: Buffer }>): string[] {
  const names: string[] = [];
  for (const { path } of members) {
    if (names.push(path.toString()) === 2) break;
  }
  return names;
}

/** Whether `path` is the image that `header` describes. */
export function isSameImage(path: string, header: ImageHeader): boolean {
  try {
    return JSON.stringify(tryReadImageHeader(path)) === JSON.stringify(header);
  } catch {
    return false;
  }
}
