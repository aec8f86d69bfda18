import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, lstatSync, openSync, readSync, realpathSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTool } from '../sys/exec.ts';
import { signatureOf } from '../sys/file-signature.ts';
import { temporaryNameFor } from '../sys/temporary.ts';
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
  const hash = createHash('sha256');
  try {
    for (const { source, target, exclude } of trees) {
      // The kernel gives names in the same order as long as a directory is the same.
      const root = realpathSync(source);
      hash.update(`${target}\0${signatureOf(lstatSync(root))}\0`);
      const output = openUnnamed();
      try {
        if (!(await find(root, exclude, output))) return undefined;
        hashFile(output, hash);
      } finally {
        closeSync(output);
      }
    }
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

/** What a file is told by: name, permissions, type, size, inode, times of change to the nanosecond. */
const FORMAT = '%P\\0%m%y:%s:%i:%T@:%C@\\0';

/** @returns whether it could read all */
async function find(root: string, exclude: readonly string[], output: number): Promise<boolean> {
  const argv = ['find', root, '-mindepth', '1', ...prunings(root, exclude), '-printf', FORMAT];
  const child = startTool(argv as [string, ...string[]], {
    stdio: ['ignore', output, 'ignore'],
    // It takes no harm, nor does any, if it outlives us by a moment; setpriv would take another exec.
    deathSignal: undefined,
    detached: false,
  });
  const [status] = await once(child, 'exit');
  return status === 0;
}

/** What is excluded, as far as find can say it. A path with `*` it cannot: its stars match slashes, too. */
function prunings(root: string, exclude: readonly string[]): string[] {
  const tests = exclude
    .map((pattern) => ({ isPath: pattern.includes('/'), text: pattern.replace(/^\/|\/$/g, '') }))
    .filter(({ isPath, text }) => !isPath || !text.includes('*'))
    .map(({ isPath, text }) => {
      const literal = text.replace(/[?[\]\\]/g, '\\$&');
      return isPath
        ? ['-path', `${root.replace(/[*?[\]\\]/g, '\\$&')}/${literal}`]
        : ['-name', literal];
    });
  if (tests.length === 0) return [];
  const any = tests.flatMap((test, index) => (index === 0 ? test : ['-o', ...test]));
  return ['(', ...any, ')', '-prune', '-o'];
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
