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
import { withLock } from '../sys/lock.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { removeLitter, temporaryNameFor } from '../sys/temporary.ts';

export type LayerKind = 'userspace' | 'modules' | 'trees' | 'changes';

/**
 * How to make one layer, and how to find out whether a cached one is up to date.
 * `Record` is what the layer recorded about the host. It must be serializable as JSON.
 */
export interface LayerRecipe<Record> {
  kind: LayerKind;
  /** Everything that determines the content, except the content of host files. Serializable as JSON. */
  ingredients: unknown;
  /** Why the cached layer is stale, in a few words; undefined if it is up to date. */
  findChange: (found: FoundLayer<Record>) => string | undefined | Promise<string | undefined>;
  /** Writes the cpio archive to `path`, which does not exist yet. */
  make: (path: string) => MadeLayer<Record> | Promise<MadeLayer<Record>>;
  /** Data to store with a new layer that is too large for its record, which is read every time. */
  attach?: () => Buffer;
}

/** The facts about a layer that was just made. */
export interface MadeLayer<Record> {
  record: Record;
  /** Size of its unpacked files in the root filesystem of a guest, in bytes. */
  unpacked: number;
}

/** What identifies a layer in the cache. */
export type RecipeName = Pick<LayerRecipe<unknown>, 'kind' | 'ingredients'>;

/** A layer in the cache. Its file is kept open, so that another process can replace it safely. */
export interface Layer<Record = unknown> {
  kind: LayerKind;
  /** A new ID for each layer that is made. */
  id: string;
  fd: number;
  /** Size in bytes of the archive, which is at the start of the file. */
  bytes: number;
  /** Size of its unpacked files in the root filesystem of a guest, in bytes. */
  unpacked: number;
  record: Record;
  /** Why it was made, or undefined if it was reused. */
  madeBecause: string | undefined;
}

/** A cached layer, which may be stale. */
export interface FoundLayer<Record> extends Layer<Record> {
  /** Reads the data that `attach` returned when the layer was made. */
  attachment: () => Buffer;
}

/** The trailer of a layer's file, after archive and attachment; its length is in the last 16 bytes. */
interface Trailer<Record> {
  version: 3;
  id: string;
  record: Record;
  unpacked: number;
  /** Size in bytes of the attachment, which follows the archive. */
  attachment: number;
}

const FOOTER_BYTES = 16;

/** Layers that were not used for this long are removed. */
const KEEP_UNUSED_MS = 14 * 24 * 3600 * 1000;

/** Layers that take long enough to make that a cut waits for another cut that makes the same one. */
const SHARED: readonly LayerKind[] = ['userspace', 'modules', 'trees'];

interface ObtainOptions {
  /** Makes the layer even if it is up to date. */
  rebuild?: boolean | undefined;
  /** Called if another process is making the layer. */
  onWait?: ((kind: LayerKind) => void) | undefined;
}

/**
 * Returns the layer of a recipe. It is rebuilt only if it is stale. The caller closes its `fd`. Of several processes
 * that need a layer, one makes it, and the others wait for it.
 *
 * A layer and its record are one file, which is replaced by rename(2). A process that opens it therefore
 * gets a matching pair, even if other processes replace it meanwhile. The name of the file is the fingerprint of
 * the ingredients.
 */
export async function obtainLayer<Record>(
  directory: string,
  recipe: LayerRecipe<Record>,
  { rebuild = false, onWait }: ObtainOptions = {},
): Promise<Layer<Record>> {
  const path = pathOf(directory, recipe);
  if (rebuild) return makeLayer(path, recipe, 'rebuild requested');
  const reuseOrMake = async (): Promise<Layer<Record>> => {
    const cached = await findUsable(directory, recipe);
    return typeof cached === 'string' ? makeLayer(path, recipe, cached) : cached;
  };
  if (!SHARED.includes(recipe.kind)) return reuseOrMake();
  const cached = await findUsable(directory, recipe);
  if (typeof cached !== 'string') return cached;
  const lock = `${path}.lock`;
  const makeLocked = async (): Promise<Layer<Record>> => {
    try {
      return await reuseOrMake();
    } finally {
      // Those who wait find the layer. If it could not be made, it is at worst made by two of them.
      rmSync(lock, { force: true });
    }
  };
  return withLock(lock, makeLocked, () => onWait?.(recipe.kind));
}

/** @returns the layer if it is up to date, otherwise why it is not */
async function findUsable<Record>(
  directory: string,
  recipe: LayerRecipe<Record>,
): Promise<FoundLayer<Record> | string> {
  const found = findLayer<Record>(directory, recipe);
  if (found === undefined) return 'not built before';
  const stale = await recipe.findChange(found);
  if (stale === undefined) return found;
  closeSync(found.fd);
  return stale;
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

/** Opens the cached layer of a recipe; the caller closes its `fd`. */
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

/** Sets the time of last use, by which layers are pruned. A cache that is not writable works, too. */
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

/** Removes layers that were not used for two weeks, and temporary files of killed processes. */
export function pruneLayers(directory: string, nowMs: number): void {
  removeLitter(directory);
  // A process that was killed leaves its lock.
  for (const name of listIfReachable(directory).filter((name) => /\.layer(\.lock)?$/.test(name))) {
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
