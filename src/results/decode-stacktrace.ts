import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { runTool } from '../sys/exec.ts';
import { isFile } from '../sys/stat.ts';
import { findUntrusted, type Trust } from '../sys/trust.ts';
import type { RunSplat } from './run-result.ts';

/** How many splats are decoded: each takes a few seconds. */
const MAX_DECODED = 5;

/** How long one may take, in milliseconds. */
const TIMEOUT = 60_000;

/** The script uses these to select addr2line and readelf. */
const BINUTILS_VARIABLES = ['CROSS_COMPILE', 'LLVM'];

/** The script that decodes traces of a kernel, or why it must not be run. */
export type Decoder = { script: string; vmlinux: string; tree: string } | { unusable: string };

/**
 * Finds scripts/decode_stacktrace.sh of the kernel tree. It runs on the host, so it must be trusted.
 * @param tree KERNEL_SRC; an O= build directory has a link `source`
 * @returns undefined if the tree has no such script or no vmlinux
 */
export function findDecoder(tree: string | undefined, trust: Trust): Decoder | undefined {
  if (tree === undefined) return undefined;
  const script = ['.', 'source']
    .map((directory) => join(tree, directory, 'scripts/decode_stacktrace.sh'))
    .find(isFile);
  const vmlinux = join(tree, 'vmlinux');
  if (script === undefined || !isFile(vmlinux)) return undefined;
  const untrusted = findUntrusted(script, trust);
  if (untrusted === undefined) return { script, vmlinux, tree };
  return { unusable: `${script} is not trusted: ${untrusted.path} ${untrusted.why}` };
}

/**
 * Adds the text with files and lines to splats.
 * @param modules directory with the modules of the kernel
 */
export async function decodeSplats(
  splats: readonly RunSplat[],
  { script, vmlinux, tree }: Exclude<Decoder, { unusable: string }>,
  modules: string | undefined,
): Promise<RunSplat[]> {
  let left = MAX_DECODED;
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

/** A symbol at the end of a line, as printed by `%pS` of the kernel, with its module and the module's build ID. */
const SYMBOL_AT_END =
  /(?:^|[ \t])\(?(?:[\w.]+:)?[\w.]+\+0x[\da-f]+\/0x[\da-f]+\)?(?:[ \t]+\[[\w-]+(?:[ \t][\da-f]+)?\]\)?)?[ \t]*$/;

/** A line whose last words some version of the script looks up. */
const LOOKED_UP = /\[<|\+0x/;

/** The bytes at the instruction pointer, which scripts/decodecode passes to an assembler. */
const CODE_BYTES = /\bCode: [\da-f<>() ]+$/;

/**
 * Makes the text of a splat safe for the script, which pastes the last words of a line into an awk program and into
 * an arithmetic expression of bash. Root in the guest can write any line to the kernel log, and quotes in these words
 * would run commands on the host.
 */
export function toInert(text: string): string {
  // read of bash drops NULs and backslashes and joins the text around them.
  const lines = text
    .replace(/[\x00-\x08\x0b-\x1f]/g, ' ')
    .replace(/\\/g, '_')
    .split('\n');
  return lines
    .map((line) => (CODE_BYTES.test(line) ? line : line.replace(/Code:/g, 'Code')))
    .map((line) =>
      LOOKED_UP.test(line) && !SYMBOL_AT_END.test(line) ? escapeLastWords(line) : line,
    )
    .join('\n');
}

/** The script uses up to three words: a symbol, its module, and the module's build ID. */
function escapeLastWords(line: string): string {
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
      timeout: TIMEOUT,
      returns: 'stdout',
    });
    // Without debug information, the output has no lines and less text than before.
    return /\(\S+\.\w+:\d+/.test(decoded) ? decoded : undefined;
  } catch (error) {
    // If decoding fails, the original text remains.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
