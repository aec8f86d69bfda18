import { constants } from 'node:fs';
import { type FileKind, kindOf } from '../formats/elf/libraries.ts';
import { isRacy, signatureOf } from '../sys/file-signature.ts';
import { type TreeFile, typeOf } from './tree-walk.ts';
import type { WalkedTree } from './walked-tree.ts';

/**
 * What a trees layer was made of, file by file, to tell later which of them changed: a developer changes
 * one test, and the archive of five thousand need not be written anew. Kept beside the layer, and read only
 * where a listing differs: path, signature and kind of each file, NUL between, in the order of the walk.
 */
export function writeManifest(
  trees: readonly WalkedTree[],
  kinds: ReadonlyMap<string, FileKind>,
  startedMs: number,
): Buffer {
  const fields: string[] = [];
  for (const [tree, root] of withRoots(trees)) {
    for (const file of tree.files) {
      const kind = typeof file.host === 'string' ? (kinds.get(file.host) ?? '') : STRANGE;
      // One that changed while it was read is never what it was.
      const signature = isRacy(file.stats, startedMs) ? '' : signatureOf(file.stats);
      fields.push(root + file.name, signature, kind);
    }
  }
  return Buffer.from(fields.join('\0'), 'latin1');
}

/** Of a file whose name cannot be looked up by its text. */
const STRANGE = '?';

/** How much may have changed before it is better to write all anew. */
const MOST = { files: 500, bytes: 16 * 1024 * 1024 } as const;

/**
 * The files that changed since a manifest was written, in their trees.
 * @returns undefined where a later archive cannot say so: files that came, went or are of another type;
 *   several names of one file, which the kernel would change all at once; programs, whose libraries may
 *   be others; too many
 */
export function findChanges(
  manifest: Buffer,
  trees: readonly WalkedTree[],
): WalkedTree[] | undefined {
  const fields = manifest.toString('latin1').split('\0');
  let [at, count, bytes] = [0, 0, 0];
  const changes: WalkedTree[] = [];
  for (const [tree, root] of withRoots(trees)) {
    const files: TreeFile[] = [];
    for (const file of tree.files) {
      const [path, signature = '', kind = ''] = [fields[at], fields[at + 1], fields[at + 2]];
      // The same files are in the same order.
      if (path !== root + file.name) return undefined;
      at += 3;
      if (signature === signatureOf(file.stats)) continue;
      if (!isReplaceable({ signature, kind }, file)) return undefined;
      count++;
      bytes += file.stats.size;
      if (count > MOST.files || bytes > MOST.bytes) return undefined;
      files.push(file);
    }
    if (files.length > 0) changes.push({ target: tree.target, files });
  }
  return at === fields.length ? changes : undefined;
}

/** Each tree with what its names begin with, a binary string. */
function withRoots(trees: readonly WalkedTree[]): [WalkedTree, string][] {
  return trees.map((tree) => [tree, `${Buffer.from(tree.target).toString('latin1')}/`]);
}

interface KnownFile {
  signature: string;
  kind: string;
}

/** Whether a later archive member for the file makes it what it is now, and asks for nothing else. */
function isReplaceable({ signature, kind }: KnownFile, { host, stats }: TreeFile): boolean {
  const type = typeOf(stats);
  if ((Number.parseInt(signature, 8) & constants.S_IFMT) !== type) return false;
  if (type !== constants.S_IFREG) return true;
  if (stats.nlink > 1 || kind === STRANGE || typeof host !== 'string') return false;
  return kind !== 'elf' && kindOf(host) === kind;
}
