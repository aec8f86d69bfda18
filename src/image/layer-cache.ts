import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  futimesSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { removeLitter, temporaryNameFor } from '../sys/temporary.ts';

export type LayerKind = 'userspace' | 'modules' | 'trees' | 'changes';

/**
 * How to make one layer, and how to tell whether one that was made before still holds.
 * `Record` is what was noted about the host while making it: JSON-able.
 */
export interface LayerRecipe<Record> {
  kind: LayerKind;
  /** Everything that decides the content, bar the content of host files. JSON-able. */
  ingredients: unknown;
  /** Why the layer that was made before is stale, in a few words, or undefined if it holds. */
  findChange: (found: FoundLayer<Record>) => string | undefined | Promise<string | undefined>;
  /** Writes the cpio archive to `path`, which does not exist yet. */
  make: (path: string) => MadeLayer<Record> | Promise<MadeLayer<Record>>;
  /** What is kept with the layer that was just made, and only read where its record does not tell enough. */
  attach?: () => Buffer;
}

/** What is known of a layer that was just made. */
export interface MadeLayer<Record> {
  record: Record;
  /** Bytes that it takes in the root file system of a guest. */
  unpacked: number;
}

/** What a layer goes by. */
export type RecipeName = Pick<LayerRecipe<unknown>, 'kind' | 'ingredients'>;

/** A layer in the cache. It is held open: replacing the file does not disturb who uses it. */
export interface Layer<Record = unknown> {
  kind: LayerKind;
  /** Another one each time a layer is made. */
  id: string;
  fd: number;
  /** Size of the archive, which stands at the start of the file. */
  bytes: number;
  /** Bytes that it takes in the root file system of a guest. */
  unpacked: number;
  record: Record;
  /** Why it was made, or undefined if it was reused. */
  madeBecause: string | undefined;
}

/** A layer that was made before, whether it holds or not. */
export interface FoundLayer<Record> extends Layer<Record> {
  /** Reads what `attach` gave when it was made. */
  attachment: () => Buffer;
}

/** What follows archive and attachment in a layer's file; its own length stands in the last 16 bytes. */
interface Trailer<Record> {
  version: 3;
  id: string;
  record: Record;
  unpacked: number;
  /** Bytes of the attachment, which stands behind the archive. */
  attachment: number;
}

const FOOTER_BYTES = 16;

/** Layers that nobody used for so long are removed. */
const KEEP_UNUSED_MS = 14 * 24 * 3600 * 1000;

/**
 * Gives the layer of a recipe, made anew only where it is stale; the caller closes its `fd`.
 *
 * A layer and its record are one file, replaced by rename, so that whoever opens it gets the two
 * that belong together, whatever other processes do meanwhile. The file is named by the
 * fingerprint of the ingredients.
 */
export async function obtainLayer<Record>(
  directory: string,
  recipe: LayerRecipe<Record>,
  rebuild: boolean,
): Promise<Layer<Record>> {
  const found = findLayer<Record>(directory, recipe);
  const stale = rebuild
    ? 'asked to'
    : found === undefined
      ? 'not made before'
      : await recipe.findChange(found);
  if (found !== undefined) {
    if (stale === undefined) return found;
    closeSync(found.fd);
  }
  return makeLayer(pathOf(directory, recipe), recipe, stale ?? 'not made before');
}

function pathOf(directory: string, { kind, ingredients }: RecipeName): string {
  return join(directory, `${kind}-${fingerprint(ingredients)}.layer`);
}

async function makeLayer<Record>(
  path: string,
  recipe: LayerRecipe<Record>,
  madeBecause: string,
): Promise<Layer<Record>> {
  makePrivateDirectory(join(path, '..'));
  const temporary = temporaryNameFor(path);
  let fd: number | undefined;
  try {
    const { record, unpacked } = await recipe.make(temporary);
    fd = openSync(temporary, 'r+');
    const bytes = fstatSync(fd).size;
    const attachment = recipe.attach?.() ?? Buffer.alloc(0);
    const trailer = {
      version: 3,
      id: randomUUID(),
      record,
      unpacked,
      attachment: attachment.length,
    } as const;
    writeTrailer(fd, bytes, attachment, trailer);
    renameSync(temporary, path);
    return { kind: recipe.kind, id: trailer.id, fd, bytes, unpacked, record, madeBecause };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Opens the layer of a recipe as it was made last; the caller closes its `fd`. */
export function findLayer<Record>(
  directory: string,
  recipe: RecipeName,
): FoundLayer<Record> | undefined {
  let fd: number;
  try {
    fd = openSync(pathOf(directory, recipe), 'r');
  } catch {
    return undefined;
  }
  const trailer = readTrailer<Record>(fd);
  if (trailer === undefined) {
    closeSync(fd);
    return undefined;
  }
  markUsed(fd);
  const { id, record, bytes, unpacked } = trailer;
  return {
    kind: recipe.kind,
    id,
    fd,
    bytes,
    unpacked,
    record,
    madeBecause: undefined,
    attachment: () => readAt(fd, bytes, trailer.attachment) ?? Buffer.alloc(0),
  };
}

/** The time of last use decides what is pruned. A cache that is not ours to write works too. */
function markUsed(fd: number): void {
  try {
    const now = new Date();
    futimesSync(fd, now, now);
  } catch {}
}

function writeTrailer(
  fd: number,
  offset: number,
  attachment: Buffer,
  trailer: Trailer<unknown>,
): void {
  const json = Buffer.from(JSON.stringify(trailer));
  const footer = Buffer.from(String(json.length).padStart(FOOTER_BYTES));
  const whole = Buffer.concat([attachment, json, footer]);
  for (let written = 0; written < whole.length; ) {
    written += writeSync(fd, whole, written, whole.length - written, offset + written);
  }
}

function readTrailer<Record>(fd: number): (Trailer<Record> & { bytes: number }) | undefined {
  const { size } = fstatSync(fd);
  const footer = readAt(fd, size - FOOTER_BYTES, FOOTER_BYTES);
  const length = Number(footer?.toString('latin1'));
  if (!Number.isInteger(length) || length <= 0) return undefined;
  const end = size - FOOTER_BYTES - length;
  const json = readAt(fd, end, length);
  if (json === undefined) return undefined;
  try {
    const trailer: Trailer<Record> = JSON.parse(json.toString('utf8'));
    const bytes = end - trailer.attachment;
    return trailer.version === 3 && bytes >= 0 ? { ...trailer, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function readAt(fd: number, position: number, length: number): Buffer | undefined {
  if (position < 0) return undefined;
  const buffer = Buffer.alloc(length);
  return readSync(fd, buffer, 0, length, position) === length ? buffer : undefined;
}

/** Removes layers that were not used for two weeks, and what killed processes left behind. */
export function pruneLayers(directory: string, nowMs: number): void {
  removeLitter(directory);
  for (const name of listIfReachable(directory).filter((name) => name.endsWith('.layer'))) {
    const path = join(directory, name);
    const stats = lstatIfReachable(path);
    if (stats !== undefined && nowMs - stats.mtimeMs > KEEP_UNUSED_MS)
      rmSync(path, { force: true });
  }
}

/** The first 128 bits of the SHA-256 of a JSON-able value, in hexadecimal. */
function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
