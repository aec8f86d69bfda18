const GLUED = /^(.*?)((?:not )?ok \d+ (selftests: [^:]+: (?:(?!ok \d+ selftests: ).)+?))( # .*)?$/;

/**
 * A result of kselftest's runner behind output of a program that did not end its last line:
 * `# Successok 2 selftests: net: tls`.
 * @param isAwaited whether the runner has announced the test of this name, and not told its result
 * @returns the output and the result; undefined where the line is none of that
 */
export function splitGluedResult(
  text: string,
  isAwaited: (name: string) => boolean,
): [output: string, result: string] | undefined {
  if (!text.includes(' selftests: ')) return undefined;
  const [, output = '', result = '', name = '', comment = ''] = GLUED.exec(text) ?? [];
  // A program that prints such a line as its own has nothing but the runner's `# ` before it.
  if (/^(?:# )*$/.test(output) || !isAwaited(name)) return undefined;
  return [output, result + comment];
}
