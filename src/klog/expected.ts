import { UsageError } from '../errors.ts';
import { keyOf, type SplatHead } from './splat.ts';

/** A splat that somebody knows of, and why it fails no run. */
export interface ExpectedSplat {
  /** Matched anywhere in `KIND: TITLE`. */
  pattern: RegExp;
  reason: string;
  /** `FILE:LINE` that says so. */
  where: string;
}

/**
 * Reads a file of expected splats: one a line, `PATTERN # REASON`, where PATTERN is a JavaScript
 * regular expression without slashes. A `#` belongs to the pattern unless white space stands on
 * both sides of it. Blank lines and lines that begin with `#` are comments.
 * @param file its name, for messages
 * @throws UsageError naming file and line of everything that is wrong in it
 */
export function parseExpectedSplats(text: string, file: string): ExpectedSplat[] {
  const problems: string[] = [];
  const expected = text.split('\n').flatMap((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return [];
    const where = `${file}:${index + 1}`;
    const entry = parseEntry(line, where);
    if (typeof entry !== 'string') return [entry];
    problems.push(`${where}: ${entry}`);
    return [];
  });
  if (problems.length === 0) return expected;
  throw new UsageError(`${file}: not a list of expected splats`, {
    problems,
    hint: 'write one a line: PATTERN # REASON, such as `warning: WARNING in foo # fixed in 6.13`',
  });
}

/** @returns what is wrong with the line, in words, if something is */
function parseEntry(line: string, where: string): ExpectedSplat | string {
  const [, source = line, reason = ''] = /^(.*?)\s+#(?:\s+(.*))?$/.exec(line) ?? [];
  if (reason === '') return `no reason is given: ${line}`;
  try {
    return { pattern: new RegExp(source), reason, where };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * @returns the reason why a splat is excused, or undefined when it is not; of several lines that
 * match it, the first counts
 */
export function excuse(
  head: Pick<SplatHead, 'kind' | 'title'>,
  expected: readonly ExpectedSplat[],
): string | undefined {
  return expected.find(({ pattern }) => pattern.test(keyOf(head)))?.reason;
}
