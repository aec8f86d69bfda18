import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import {
  type KernelCompression,
  type KernelPayload,
  readPayload,
} from '../formats/bzimage/bzimage.ts';
import { findElfNote } from '../formats/elf/notes.ts';
import { startTool } from '../sys/exec.ts';
import { signatureOf } from '../sys/file-signature.ts';
import { keepNewest, markUsed } from '../sys/keep-newest.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { statIfReachable } from '../sys/stat.ts';
import { removeLitter, temporaryNameFor } from '../sys/temporary.ts';

/**
 * A kernel that QEMU can start directly, or the reason why there is none, as part of a sentence.
 *
 * A bzImage unpacks itself in the guest, which takes an emulated CPU seconds. QEMU can also start the vmlinux in the
 * bzImage, if that has a PVH entry (CONFIG_PVH).
 */
export type UnpackedKernel = { path: string } | { reason: string };

/** How many unpacked kernels are kept; each takes about 60 MB. */
const KEPT = 4;

/** How long QEMU may take to open a kernel in the cache, in milliseconds. Until then, the kernel is not removed. */
const START_GRACE = 60_000;

/** Programs that unpack from stdin to stdout. For gzip, no program is needed. */
const UNPACKERS: Readonly<Partial<Record<KernelCompression, [string, ...string[]]>>> = {
  bzip2: ['bzip2', '-dc'],
  lzma: ['xz', '--format=lzma', '-dc'],
  xz: ['xz', '-dc'],
  lzo: ['lzop', '-dc'],
  lz4: ['lz4', '-dc'],
  zstd: ['zstd', '-dc'],
};

/** The path of an image's unpacked kernel in the cache, whether or not it exists; undefined: there is no image. */
export function unpackedKernelPath(image: string, cache: string): string | undefined {
  const stats = statIfReachable(image);
  if (stats === undefined) return undefined;
  const digest = createHash('sha256')
    .update(`${image}\0${signatureOf(stats)}`)
    .digest('hex');
  return join(cache, 'kernels', `${digest.slice(0, 24)}.vmlinux`);
}

/**
 * Unpacks a kernel image into the cache, unless it is there already.
 * @param image path of a bzImage
 * @param cache rapido's cache directory
 */
export async function unpackKernel(image: string, cache: string): Promise<UnpackedKernel> {
  const path = unpackedKernelPath(image, cache);
  if (path === undefined) return { reason: `cannot read ${image}` };
  const found = statIfReachable(path);
  if (found !== undefined) markUsed(path);
  else {
    const failure = await makeUnpacked(image, path);
    if (failure !== undefined) return { reason: failure };
  }
  // A kernel without a PVH entry is kept as an empty file, so that it is not unpacked again to find that out.
  return statIfReachable(path)?.size === 0 ? { reason: NO_ENTRY } : { path };
}

const NO_ENTRY = 'the kernel has no PVH entry (CONFIG_PVH)';

/** @returns why it failed; undefined: it succeeded */
async function makeUnpacked(image: string, path: string): Promise<string | undefined> {
  const directory = join(path, '..');
  makePrivateDirectory(directory);
  removeLitter(directory);
  const payload = payloadOf(image);
  if (payload === undefined) return `${image} has no kernel payload in its header`;
  const temporary = temporaryNameFor(path);
  try {
    const failure = await unpack(image, payload, temporary);
    if (failure !== undefined) return failure;
    // A build may have replaced the image meanwhile.
    if (unpackedKernelPath(image, join(directory, '..')) !== path) return `${image} has changed`;
    if (!hasPvhEntry(temporary)) emptyFile(temporary);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
  keepNewest(directory, { suffix: '.vmlinux', count: KEPT, grace: START_GRACE });
  return undefined;
}

function payloadOf(image: string): KernelPayload | undefined {
  return reading(image, readPayload);
}

/**
 * Xen's note 18, XEN_ELFNOTE_PHYS32_ENTRY, marks a kernel that QEMU can start directly
 * (https://xenbits.xen.org/docs/unstable/misc/pvh.html).
 */
function hasPvhEntry(path: string): boolean {
  return reading(path, (read) => findElfNote(read, 'Xen', 18)) !== undefined;
}

/** Calls `use` with a function that reads bytes of a file; at the end of the file, it returns fewer bytes. */
function reading<Result>(
  path: string,
  use: (read: (offset: number, length: number) => Buffer) => Result,
): Result {
  const fd = openSync(path, 'r');
  try {
    return use((offset, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
    });
  } finally {
    closeSync(fd);
  }
}

/** @returns why it failed; undefined: it succeeded */
async function unpack(
  image: string,
  { offset, length, compression, unpackedSize }: KernelPayload,
  target: string,
): Promise<string | undefined> {
  const packed = createReadStream(image, { start: offset, end: offset + length - 1 });
  const unpacker = UNPACKERS[compression];
  try {
    if (compression === 'uncompressed') await pipeline(packed, createWriteStream(target, NEW));
    else if (compression === 'gzip') {
      await pipeline(packed, createGunzip(), createWriteStream(target, NEW));
    } else if (unpacker !== undefined) await unpackWith(unpacker, packed, target);
  } catch (error) {
    return `the kernel could not be unpacked: ${error instanceof Error ? error.message : error}`;
  }
  const size = statIfReachable(target)?.size;
  return size === unpackedSize
    ? undefined
    : `the kernel unpacked to ${size} bytes, not to ${unpackedSize} as its header says`;
}

const NEW = { flags: 'wx', mode: 0o600 } as const;

async function unpackWith(
  argv: [string, ...string[]],
  packed: Readable,
  target: string,
): Promise<void> {
  const fd = openSync(target, NEW.flags, NEW.mode);
  try {
    const tool = startTool(argv, {
      stdio: ['pipe', fd, 'ignore'],
      deathSignal: 'KILL',
      detached: false,
    });
    const exited = once(tool, 'exit');
    // A program that exits early or does not start closes its input; the status below shows the failure.
    if (tool.stdin !== null) await pipeline(packed, tool.stdin).catch(() => {});
    const [status] = await exited;
    if (status !== 0) throw new Error(`${argv[0]} failed with status ${status}`);
  } finally {
    closeSync(fd);
  }
}

function emptyFile(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    if (fstatSync(fd).size > 0) ftruncateSync(fd, 0);
  } finally {
    closeSync(fd);
  }
}
