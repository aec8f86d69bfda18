/** A reason is one line: longer ones are cut. */
const LONGEST_REASON = 240;

/** kunit: `# test: EXPECTATION FAILED at lib/foo-test.c:12`; what was expected stands below. */
const KUNIT = /^# .*: (?:EXPECTATION|ASSERTION) FAILED at (\S+)$/;

/** kselftest_harness.h: `# foo.c:12:test:Expected a (1) == b (2)`. */
const HARNESS = /^# ?(\S+\.\w+:\d+):[^:]*:(.*)$/;

/** What the harness says of every test, and of every failure. */
const FORMULA =
  /^# +(?:RUN|OK|FAIL|SKIP) +\S|^# Starting \d+ tests? from|^# \S+: Test (?:failed|terminated by assertion)/;

const FAILURE =
  /\b(?:fail\w*|errors?|errno|expected|unexpected|mismatch\w*|differ\w*|assert\w*|abort\w*|bad|broken|wrong|invalid|illegal|missing|cannot|can't|could ?n[o']t|did ?n[o']t|unable|no such|not found|denied|refused|timed? ?out|killed|segmentation|segfault|core dumped|terminated)\b/i;

/**
 * Why a test failed, in one line, from what it printed before its result: what kunit or the harness of
 * kselftest expected and did not find; else the last line that speaks of a failure, or the last at all.
 * @returns undefined where it printed nothing
 */
export function failureReason(output: string): string | undefined {
  const lines = output.split('\n').map((line) => line.trim());
  const reason = kunitReason(lines) ?? harnessReason(lines) ?? lastWords(lines);
  return reason === undefined || reason.length <= LONGEST_REASON
    ? reason
    : `${reason.slice(0, LONGEST_REASON)}…`;
}

function kunitReason(lines: readonly string[]): string | undefined {
  const at = lines.findIndex((line) => KUNIT.test(line));
  if (at < 0) return undefined;
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => line === '' || line.startsWith('#'));
  const said = below.slice(0, end < 0 ? below.length : end).join(' ');
  const where = KUNIT.exec(lines[at]!)![1]!;
  return said === '' ? `expectation failed at ${where}` : `${where}: ${said}`;
}

function harnessReason(lines: readonly string[]): string | undefined {
  const [, where, said] = lines.map((line) => HARNESS.exec(line)).find((found) => found) ?? [];
  return where === undefined ? undefined : `${where}: ${said!.trim()}`;
}

function lastWords(lines: readonly string[]): string | undefined {
  const telling = lines
    .filter((line) => /[\p{L}\p{N}]/u.test(line) && !FORMULA.test(line))
    .map((line) => line.replace(/^(?:# ?)+/, ''));
  return telling.findLast((line) => FAILURE.test(line)) ?? telling.at(-1);
}
