import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { runTool } from '../sys/exec.ts';
import { isFile } from '../sys/stat.ts';
import type { RunSplat } from './run-result.ts';

/** How many splats are decoded: each takes some seconds. */
const MOST = 5;

/** Milliseconds that one may take. */
const PATIENCE = 60_000;

/** By these the script knows which addr2line and readelf to call. */
const BINUTILS_VARIABLES = ['CROSS_COMPILE', 'LLVM'];

/**
 * Adds file and line to the addresses of splats by the kernel's own scripts/decode_stacktrace.sh, where
 * the tree has it and a vmlinux.
 * @param tree KERNEL_SRC, or an O= build directory with its link `source`
 * @param modules directory with the modules that ran
 */
export async function decodeSplats(
  splats: readonly RunSplat[],
  tree: string | undefined,
  modules: string | undefined,
): Promise<RunSplat[]> {
  if (tree === undefined) return [...splats];
  const script = ['.', 'source']
    .map((directory) => join(tree, directory, 'scripts/decode_stacktrace.sh'))
    .find(isFile);
  const vmlinux = join(tree, 'vmlinux');
  if (script === undefined || !isFile(vmlinux)) return [...splats];
  let left = MOST;
  const decoded: RunSplat[] = [];
  for (const splat of splats) {
    const isWorthIt = left > 0 && splat.severity !== 'note' && splat.text.includes('\n');
    if (isWorthIt) left--;
    const lines = isWorthIt
      ? await decode([script, vmlinux, tree, modules ?? tree], splat.text)
      : undefined;
    decoded.push({ ...splat, decoded: lines });
  }
  return decoded;
}

async function decode(
  argv: readonly [string, ...string[]],
  input: string,
): Promise<string | undefined> {
  try {
    const purpose = 'decoding a stack trace';
    const decoded = await runTool(['bash', ...argv], {
      ...{ purpose, input },
      passes: BINUTILS_VARIABLES,
      timeout: PATIENCE,
      returns: 'stdout',
    });
    // Without debug information there is no line, and less than before.
    return /\(\S+\.\w+:\d+/.test(decoded) ? decoded : undefined;
  } catch (error) {
    // What cannot be decoded is still there as it was.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
