import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, lstatSync, openSync, readSync, realpathSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTool } from '../sys/exec.ts';
import { signatureOf } from '../sys/file-signature.ts';
import { temporaryNameFor } from '../sys/temporary.ts';
import { exclusionExpression } from './exclusions.ts';
import type { PlannedTree } from './walked-tree.ts';

/** A listing that find(1) is at. */
export interface StartedListing {
  trees: readonly PlannedTree[];
  /** Date.now() before it began. */
  startedMs: number;
  /** undefined where find cannot tell. */
  digest: Promise<string | undefined>;
}

/**
 * Begins a digest over what find(1) tells of every file in the trees: it takes a quarter of the time that a
 * walk in Node does, and Node is free for other work. It changes whenever a file does, and sometimes without: it
 * serves to tell that nothing did.
 */
export function startListing(trees: readonly PlannedTree[]): StartedListing {
  return { trees, startedMs: Date.now(), digest: listTrees(trees) };
}

async function listTrees(trees: readonly PlannedTree[]): Promise<string | undefined> {
  const lists: number[] = [];
  try {
    const hash = createHash('sha256');
    const finds: Promise<boolean>[] = [];
    for (const { source, target, exclude } of trees) {
      // The kernel gives names in the same order as long as a directory is the same.
      const root = realpathSync(source);
      const stats = lstatSync(root);
      hash.update(`${target}\0${signatureOf(stats)}\0`);
      if (!stats.isDirectory()) continue;
      const list = openUnnamed();
      lists.push(list);
      finds.push(find(root, exclude, list));
    }
    // All at once: the event loop hears of the end of one only when Node is idle.
    const complete = await Promise.all(finds);
    if (complete.includes(false)) return undefined;
    for (const list of lists) hashFile(list, hash.update('\0'));
    return hash.digest('hex');
  } catch {
    return undefined;
  } finally {
    for (const list of lists) closeSync(list);
  }
}

/** What a file is told by: name, permissions, type, size, inode, times of change to the nanosecond. */
const FORMAT = '%P\\0%m%y:%s:%i:%T@:%C@\\0';

/** @returns whether it could read all */
async function find(root: string, exclude: readonly string[], output: number): Promise<boolean> {
  const left = exclusionExpression(root, exclude);
  const child = startTool(
    [
      ...(['find', root, '-mindepth', '1'] as const),
      ...(left === undefined
        ? []
        : ['-regextype', 'posix-extended', '-regex', left, '-prune', '-o']),
      ...['-printf', FORMAT],
    ],
    {
      stdio: ['ignore', output, 'ignore'],
      // Names are bytes, and looked at twice as fast as such.
      env: { LC_ALL: 'C' },
      // It takes no harm, nor does any, if it outlives us by a moment; setpriv would take another exec.
      deathSignal: undefined,
      detached: false,
    },
  );
  const [status] = await once(child, 'exit');
  return status === 0;
}

/** A file without a name: a pipe that nobody reads meanwhile would hold find up. */
function openUnnamed(): number {
  const path = temporaryNameFor(join(tmpdir(), 'rapido-listing'));
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}

function hashFile(fd: number, hash: ReturnType<typeof createHash>): void {
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let position = 0; ; ) {
    const length = readSync(fd, buffer, 0, buffer.length, position);
    if (length === 0) return;
    hash.update(buffer.subarray(0, length));
    position += length;
  }
}
