import { shorten } from '../../../sys/text.ts';

/** Longer reasons are cut, because a reason is shown in one line. */
const LONGEST_REASON = 240;

/** kunit: `# test: EXPECTATION FAILED at lib/foo-test.c:12`; the expectation follows in the next lines. */
const KUNIT = /^# .*: (?:EXPECTATION|ASSERTION) FAILED at (\S+)$/;

/** kselftest_harness.h: `# foo.c:12:test:Expected a (1) == b (2)`. */
const HARNESS = /^# ?(\S+\.\w+:\d+):[^:]*:(.*)$/;

/** Lines that kselftest_harness.h prints for every test and for every failure. */
const BOILERPLATE =
  /^# +(?:RUN|OK|FAIL|SKIP) +\S|^# Starting \d+ tests? from|^# \S+: Test (?:failed|terminated by assertion)/;

const FAILURE =
  /\b(?:fail\w*|errors?|errno|expected|unexpected|mismatch\w*|differ\w*|assert\w*|abort\w*|bad|broken|wrong|invalid|illegal|missing|cannot|can't|could ?n[o']t|did ?n[o']t|unable|no such|not found|denied|refused|timed? ?out|killed|segmentation|segfault|core dumped|terminated)\b/i;

/**
 * Finds in the output of a test why it failed: the failed expectation of kunit or kselftest_harness.h,
 * else the last line that mentions a failure, else the last line.
 * @returns one line, or undefined if the test printed nothing
 */
export function failureReason(output: string): string | undefined {
  const lines = output.split('\n').map((line) => line.trim());
  const reason = kunitReason(lines) ?? harnessReason(lines) ?? lastMeaningfulLine(lines);
  return reason === undefined ? undefined : shorten(reason, LONGEST_REASON);
}

function kunitReason(lines: readonly string[]): string | undefined {
  const at = lines.findIndex((line) => KUNIT.test(line));
  if (at < 0) return undefined;
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => line === '' || line.startsWith('#'));
  const text = below.slice(0, end < 0 ? below.length : end).join(' ');
  const where = KUNIT.exec(lines[at]!)![1]!;
  return text === '' ? `expectation failed at ${where}` : `${where}: ${text}`;
}

function harnessReason(lines: readonly string[]): string | undefined {
  const [, where, text] = lines.map((line) => HARNESS.exec(line)).find((found) => found) ?? [];
  return where === undefined ? undefined : `${where}: ${text!.trim()}`;
}

function lastMeaningfulLine(lines: readonly string[]): string | undefined {
  const meaningful = lines
    .filter((line) => /[\p{L}\p{N}]/u.test(line) && !BOILERPLATE.test(line))
    .map((line) => line.replace(/^(?:# ?)+/, ''));
  return meaningful.findLast((line) => FAILURE.test(line)) ?? meaningful.at(-1);
}
