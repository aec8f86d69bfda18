const GLUED = /^(.*?)((?:not )?ok \d+ (selftests: [^:]+: (?:(?!ok \d+ selftests: ).)+?))( # .*)?$/;

/**
 * Splits a line in which a result of kselftest's runner follows the last, unterminated line of a
 * program's output: `# Successok 2 selftests: net: tls`.
 * @param isAwaited whether the runner has announced a test of this name and not yet printed its result
 * @returns the output and the result, or undefined if the line is no such line
 */
export function splitGluedResult(
  text: string,
  isAwaited: (name: string) => boolean,
): [output: string, result: string] | undefined {
  if (!text.includes(' selftests: ')) return undefined;
  const [, output = '', result = '', name = '', comment = ''] = GLUED.exec(text) ?? [];
  // If only the runner's `# ` precedes it, the program itself printed the line.
  if (/^(?:# )*$/.test(output) || !isAwaited(name)) return undefined;
  return [output, result + comment];
}
