import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { runTool } from '../sys/exec.ts';
import { isFile } from '../sys/stat.ts';
import { findStranger, type Trust } from '../sys/trust.ts';
import type { RunSplat } from './run-result.ts';

/** How many splats are decoded: each takes some seconds. */
const MOST = 5;

/** Milliseconds that one may take. */
const PATIENCE = 60_000;

/** By these the script knows which addr2line and readelf to call. */
const BINUTILS_VARIABLES = ['CROSS_COMPILE', 'LLVM'];
/** What decodes traces of a kernel, or why it must not be run. */
export type Decoder = { script: string; vmlinux: string; tree: string } | { strange: string };

/**
 * The kernel's own scripts/decode_stacktrace.sh, where the tree has it and a vmlinux. It runs on the host:
 * that of another user's tree is not trusted.
 * @param tree KERNEL_SRC, or an O= build directory with its link `source`
 */
export function findDecoder(tree: string | undefined, trust: Trust): Decoder | undefined {
  if (tree === undefined) return undefined;
  const script = ['.', 'source']
    .map((directory) => join(tree, directory, 'scripts/decode_stacktrace.sh'))
    .find(isFile);
  const vmlinux = join(tree, 'vmlinux');
  if (script === undefined || !isFile(vmlinux)) return undefined;
  const stranger = findStranger(script, trust);
  if (stranger === undefined) return { script, vmlinux, tree };
  return { strange: `${script} is not trusted: ${stranger.path} ${stranger.why}` };
}

/**
 * Adds file and line to the addresses of splats.
 * @param modules directory with the modules that ran
 */
export async function decodeSplats(
  splats: readonly RunSplat[],
  { script, vmlinux, tree }: Exclude<Decoder, { strange: string }>,
  modules: string | undefined,
): Promise<RunSplat[]> {
  let left = MOST;
  const decoded: RunSplat[] = [];
  for (const splat of splats) {
    const isWorthIt = left > 0 && splat.severity !== 'note' && splat.text.includes('\n');
    if (isWorthIt) left--;
    const lines = isWorthIt
      ? await decode([script, vmlinux, tree, modules ?? tree], toInert(splat.text))
      : undefined;
    decoded.push({ ...splat, decoded: lines });
  }
  return decoded;
}

/** A symbol at the end of a line, as `%pS` of the kernel prints it, with its module and that one's build id. */
const SYMBOL_AT_END =
  /(?:^|[ \t])\(?(?:[\w.]+:)?[\w.]+\+0x[\da-f]+\/0x[\da-f]+\)?(?:[ \t]+\[[\w-]+(?:[ \t][\da-f]+)?\]\)?)?[ \t]*$/;

/** A line of which the script looks up the last words, in any version of it. */
const LOOKED_UP = /\[<|\+0x/;

/** The bytes at the instruction pointer, which scripts/decodecode hands to an assembler. */
const CODE_BYTES = /\bCode: [\da-f<>() ]+$/;

/**
 * The text of a splat in which nothing is taken for a symbol that is none. The script pastes the last words
 * of a line into a program of awk and into an arithmetic expression of bash; and root in the guest can have
 * any line in the kernel's log. With quotes in these words, it would run commands on the host.
 */
export function toInert(text: string): string {
  // read(1) of bash drops NULs and backslashes, and joins what stands around them.
  const lines = text
    .replace(/[\x00-\x08\x0b-\x1f]/g, ' ')
    .replace(/\\/g, '_')
    .split('\n');
  return lines
    .map((line) => (CODE_BYTES.test(line) ? line : line.replace(/Code:/g, 'Code')))
    .map((line) =>
      LOOKED_UP.test(line) && !SYMBOL_AT_END.test(line) ? disarmLastWords(line) : line,
    )
    .join('\n');
}

/** Three of them: a symbol, its module, and that one's build id. */
function disarmLastWords(line: string): string {
  return line.replace(/(?:[^ \t]+[ \t]*){1,3}$/, (words) => words.replace(/["'`$()/;|&~]/g, '_'));
}

async function decode(
  argv: readonly [string, ...string[]],
  input: string,
): Promise<string | undefined> {
  try {
    const purpose = 'decoding a stack trace';
    const decoded = await runTool(['bash', '-f', ...argv], {
      purpose,
      input,
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
