import { constants } from 'node:fs';
import { type FileKind, kindOf } from '../formats/elf/libraries.ts';
import { isRacy, signatureOf } from '../sys/file-signature.ts';
import { type TreeFile, typeOf } from './tree-walk.ts';
import type { WalkedTree } from './walked-tree.ts';

/**
 * Writes a list of the files of a trees layer, to find out later which of them changed: after a change of one
 * test, the archive of five thousand need not be rewritten. It is stored with the layer and read only if the
 * listing differs. For each file, in the order of the walk: path, signature and kind, separated by NUL.
 */
export function writeManifest(
  trees: readonly WalkedTree[],
  kinds: ReadonlyMap<string, FileKind>,
  startedMs: number,
): Buffer {
  const fields: string[] = [];
  for (const [tree, root] of withRoots(trees)) {
    for (const file of tree.files) {
      const kind = typeof file.host === 'string' ? (kinds.get(file.host) ?? '') : UNKNOWN_KIND;
      // A file that changed while it was read always counts as changed.
      const signature = isRacy(file.stats, startedMs) ? '' : signatureOf(file.stats);
      fields.push(root + file.name, signature, kind);
    }
  }
  return Buffer.from(fields.join('\0'), 'latin1');
}

/** The kind of a file whose name is not ASCII. */
const UNKNOWN_KIND = '?';

/** If more than this has changed, all files are written again. */
const LIMITS = { files: 500, bytes: 16 * 1024 * 1024 } as const;

/**
 * Finds the files that changed since a manifest was written, by tree.
 * @returns undefined if a later archive cannot express the changes: files were added, removed or changed their
 *   type; a changed file has hard links, which the kernel would all change; a program changed, which may need other
 *   libraries; too many changes
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
      // An unchanged set of files has the same order.
      if (path !== root + file.name) return undefined;
      at += 3;
      if (signature === signatureOf(file.stats)) continue;
      if (!isReplaceable({ signature, kind }, file)) return undefined;
      count++;
      bytes += file.stats.size;
      if (count > LIMITS.files || bytes > LIMITS.bytes) return undefined;
      files.push(file);
    }
    if (files.length > 0) changes.push({ target: tree.target, files });
  }
  return at === fields.length ? changes : undefined;
}

/** Each tree with the prefix of its names, a binary string. */
function withRoots(trees: readonly WalkedTree[]): [WalkedTree, string][] {
  return trees.map((tree) => [tree, `${Buffer.from(tree.target).toString('latin1')}/`]);
}

interface KnownFile {
  signature: string;
  kind: string;
}

/** Whether a member for this file in a later archive is enough to update it. */
function isReplaceable({ signature, kind }: KnownFile, { host, stats }: TreeFile): boolean {
  const type = typeOf(stats);
  if ((Number.parseInt(signature, 8) & constants.S_IFMT) !== type) return false;
  if (type !== constants.S_IFREG) return true;
  if (stats.nlink > 1 || kind === UNKNOWN_KIND || typeof host !== 'string') return false;
  return kind !== 'elf' && kindOf(host) === kind;
}
