import { UsageError } from '../../errors.ts';
import { keyOf, type SplatHead } from './splat.ts';

/** How many wrong lines are listed: a file that is not a list has hundreds. */
const LISTED = 5;

/** A known splat that does not fail a run, and the reason. */
export interface ExpectedSplat {
  /** Matched anywhere in `KIND: TITLE`. */
  pattern: RegExp;
  /** Matched against the name of the test: the splat is expected only during such a test. */
  test: RegExp | undefined;
  reason: string;
  /** `FILE:LINE` of the entry. */
  where: string;
}

/**
 * Parses a list of expected splats. Each line is `PATTERN # REASON` or `PATTERN @ TEST # REASON`, where
 * PATTERN and TEST are JavaScript regular expressions without slashes. TEST must match whole parts of a
 * test's name: `ext4/018` matches `ext4/018`, `4k/ext4/018` and `ext4/018 #2`, but not `ext4/0181`. A `#`
 * or `@` separates only with white space on both sides; of several `@`, the last one separates. Blank lines
 * and lines that begin with `#` are comments.
 * @param file its name, for messages
 * @throws UsageError that names file and line of every error
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
  const isSingle = problems.length === 1;
  const listed = problems.slice(0, LISTED);
  const more = problems.length - listed.length;
  throw new UsageError(isSingle ? `${listed[0]}` : `${file}: ${problems.length} bad lines`, {
    problems: isSingle ? [] : [...listed, ...(more > 0 ? [`and ${more} more`] : [])],
    hint: 'write one entry per line: PATTERN # REASON, such as `warning: WARNING in foo # fixed in 6.13`, or PATTERN @ TEST # REASON',
  });
}

/** @returns the entry, or a message if the line is invalid */
function parseEntry(line: string, where: string): ExpectedSplat | string {
  const [, head = line, reason = ''] = /^(.*?)\s+#(?:\s+(.*))?$/.exec(line) ?? [];
  if (reason === '') return 'missing "# REASON"';
  const separated = /^(.*)(?:^|\s)@(?:\s+(.*))?$/.exec(head);
  const [source, test] = separated === null ? [head] : [separated[1]!.trim(), separated[2] ?? ''];
  if (source === '') return 'missing PATTERN';
  if (test === '') return 'missing TEST after the @';
  try {
    return {
      pattern: new RegExp(source),
      test: test === undefined ? undefined : wholeParts(test),
      reason,
      where,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The parts of a name are joined by `/`. A test that runs again has ` #2` or `#2` after its name. */
function wholeParts(source: string): RegExp {
  // Compiled alone first: our own parentheses must not complete an unbalanced expression.
  const { source: checked } = new RegExp(source);
  return new RegExp(`(?:^|/)(?:${checked})(?:$|/| ?#\\d+(?:$|/))`);
}

/**
 * @param tests the names of the tests during one of which the splat occurred; none if no test was running
 * @returns the first entry that matches the splat, and each of the tests if it names some; or undefined
 */
export function findExcuse(
  head: Pick<SplatHead, 'kind' | 'title'>,
  tests: readonly string[],
  expected: readonly ExpectedSplat[],
): ExpectedSplat | undefined {
  const isDuring = (pattern: RegExp): boolean =>
    tests.length > 0 && tests.every((test) => pattern.test(test));
  return expected.find(
    ({ pattern, test }) => pattern.test(keyOf(head)) && (test === undefined || isDuring(test)),
  );
}
