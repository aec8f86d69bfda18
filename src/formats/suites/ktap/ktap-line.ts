import { stripVTControlCharacters } from 'node:util';
import { shorten } from '../../../sys/text.ts';

/**
 * One line of KTAP 1 or TAP 13/14, without context. Its margin shows what it belongs to: kselftest's
 * runner prefixes the output of a test with `# `, all others indent with spaces.
 *
 * Sources: Documentation/dev-tools/ktap.rst, tools/testing/selftests/kselftest/runner.sh,
 * kselftest.h, kselftest_harness.h and lib/kunit/test.c of Linux; testanything.org for TAP.
 */
export type KtapLine =
  | { kind: 'version'; margin: Margin; ktap: boolean }
  /** `1..N`; `skip` is the reason of `1..0 # SKIP reason`. */
  | { kind: 'plan'; margin: Margin; count: number; skip: string | undefined }
  | ResultLine
  | { kind: 'bail-out'; margin: Margin; reason: string }
  /** `# text`; the margin is that of the `#`. */
  | { kind: 'diagnostic'; margin: Margin; text: string }
  /** What KTAP calls an unknown line: output of another program or of the kernel. */
  | { kind: 'other'; text: string };

export interface ResultLine {
  kind: 'result';
  margin: Margin;
  status: KtapStatus;
  /** Optional in TAP, required in KTAP. */
  number: number | undefined;
  /** Empty if there is none. */
  name: string;
  /** The line has no name, so the reason of its directive is used: `ok 3 # SKIP reason`. */
  isUnnamed: boolean;
  message: string | undefined;
}

export type KtapStatus = 'pass' | 'fail' | 'skip' | 'xfail' | 'xpass';

/** The indentation of a line: a number of `# `, then a number of spaces. */
export interface Margin {
  hashes: number;
  spaces: number;
}

/** Longer names and messages are cut. */
const LONGEST_TEXT = 1000;

/** `<6>[   76.784878][    T1] `: level, time and caller (CONFIG_PRINTK_CALLER) of the kernel log. */
const KERNEL_LOG_PREFIX = /^(?:(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?)+/;

const VERSION = /^(K?)TAP version \d+$/;
const PLAN = /^1\.\.(\d{1,9})(?:\s*#\s*(.*))?$/;
const RESULT = /^(not )?ok(?:\s+(\d{1,9})(?=[\s#]|$))?(?:\s*(#.*)|\s+(.*))?$/;
const BAIL_OUT = /^Bail out!\s*(.*)$/;

/** Removes what a terminal and the kernel log add to a line: CR, colours, timestamps. */
export function stripLine(line: string): string {
  const plain = line.includes('\x1b') ? stripVTControlCharacters(line) : line;
  let end = plain.length;
  // Not /\r+$/, which takes quadratic time on lines that a guest may choose.
  while (plain[end - 1] === '\r') end--;
  return plain.slice(0, end).replace(KERNEL_LOG_PREFIX, '');
}

/** Parses a line that `stripLine` returned. Never throws. */
export function parseKtapLine(line: string): KtapLine {
  const [whole, marks, blanks] = /^((?:# )*)([ \t]*)/.exec(line)!;
  const hashes = marks!.length / 2;
  const margin = { hashes, spaces: blanks!.replaceAll('\t', '    ').length };
  const content = line.slice(whole.length).trimEnd();

  const parsed = parseContent(content.slice(0, 4 * LONGEST_TEXT), margin);
  if (parsed !== undefined) return parsed;
  if (content.startsWith('#')) {
    return { kind: 'diagnostic', margin, text: content.replace(/^# ?/, '') };
  }
  if (hashes === 0) return { kind: 'other', text: line.trimEnd() };
  return {
    kind: 'diagnostic',
    margin: { hashes: hashes - 1, spaces: 0 },
    text: line.slice(marks!.length).trimEnd(),
  };
}

function parseContent(content: string, margin: Margin): KtapLine | undefined {
  const version = VERSION.exec(content);
  if (version !== null) return { kind: 'version', margin, ktap: version[1] === 'K' };
  const plan = PLAN.exec(content);
  if (plan !== null) {
    const skip = /^SKIP\S*\s*(.*)$/i.exec(plan[2] ?? '');
    return { kind: 'plan', margin, count: Number(plan[1]), skip: skip?.[1] };
  }
  const bailOut = BAIL_OUT.exec(content);
  if (bailOut !== null)
    return { kind: 'bail-out', margin, reason: shorten(bailOut[1]!, LONGEST_TEXT) };
  const result = RESULT.exec(content);
  return result === null ? undefined : parseResult(result, margin);
}

function parseResult(result: RegExpExecArray, margin: Margin): ResultLine | undefined {
  const [, not, number, comment, rest = comment ?? ''] = result;
  // `ok then` is not a result: without a number there must be a dash, a comment or nothing.
  if (number === undefined && !/^(?:- |#|$)/.test(rest)) return undefined;
  const isOk = not === undefined;
  const { name, directive, reason } = splitDirective(rest.replace(/^-(?:\s+|$)/, ''), isOk);
  const status = judge(isOk, directive);
  const message =
    directive === 'TIMEOUT' || directive === 'ERROR' ? `${directive} ${reason}` : reason;
  return {
    kind: 'result',
    margin,
    status,
    number: number === undefined ? undefined : Number(number),
    // kselftest.h prints `ok 3 # SKIP name of the test`: the reason is the name.
    name: shorten(name === '' ? reason : name, LONGEST_TEXT),
    isUnnamed: name === '',
    message: message.trim() === '' ? undefined : shorten(message, LONGEST_TEXT),
  };
}

const DIRECTIVE = /(?:^|\s)#\s*(SKIP|TODO|XFAIL|XPASS|TIMEOUT|ERROR)(?!\w*=)\w*:?(?:\s+|$)(.*)$/i;

/** Splits `name # DIRECTIVE reason` or `name # reason`. A `#` within a word does not separate. */
function splitDirective(
  text: string,
  isOk: boolean,
): { name: string; directive: string; reason: string } {
  const known = DIRECTIVE.exec(text);
  // In `ok 5 open # error as expected`, `error` is prose; in `not ok 5 # error …` of kselftest.h, a directive.
  const isProse = known !== null && isOk && /^(?:timeout|error)$/.test(known[1]!);
  if (known !== null && !isProse) {
    const name = unescapeHashes(text.slice(0, known.index));
    return { name, directive: known[1]!.toUpperCase(), reason: known[2]! };
  }
  const comment = /(?:^|\s)#\s+/.exec(text);
  if (comment === null) return { name: unescapeHashes(text), directive: '', reason: '' };
  return {
    name: unescapeHashes(text.slice(0, comment.index)),
    directive: '',
    reason: text.slice(comment.index + comment[0].length),
  };
}

/** TAP 14 writes `\#` for a `#` that does not begin a directive. */
function unescapeHashes(name: string): string {
  return name.replaceAll('\\#', '#').trim();
}

/**
 * For an expected failure, kselftest prints `ok # XFAIL`, and TAP `not ok # TODO`. `ok # TODO` is a test
 * that was expected to fail and passed. A test with the directive TIMEOUT or ERROR has failed even if its
 * line begins with `ok`.
 */
function judge(isOk: boolean, directive: string): KtapStatus {
  switch (directive) {
    case 'SKIP':
      return 'skip';
    case 'XFAIL':
      return 'xfail';
    case 'XPASS':
      return 'xpass';
    case 'TODO':
      return isOk ? 'xpass' : 'xfail';
    case 'TIMEOUT':
    case 'ERROR':
      return 'fail';
    default:
      return isOk ? 'pass' : 'fail';
  }
}
