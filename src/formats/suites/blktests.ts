import type { SuiteListener, SuiteOutcome, SuiteParser, TestMark, TestStatus } from './suite.ts';

/** `check` logs `run blktests block/001 at 2026-11-23 02:15:57`, without the device. */
export const BLKTESTS_MARK: TestMark = {
  clue: 'run blktests ',
  line: /^run blktests (\S+) at /,
};

/** Limits for the output of `check` about one test. */
const MOST_LINES = 100;
const MOST_CHARACTERS = 16 * 1024;

/** The current test and the lines below it. */
interface OpenTest {
  path: string[];
  /** Undefined until the result is printed. */
  status: TestStatus | undefined;
  lines: string[];
  characters: number;
  duration: number | undefined;
}

interface Parser {
  listener: SuiteListener;
  outcome: SuiteOutcome;
  open: OpenTest | undefined;
}

const STATUSES: Readonly<Record<string, TestStatus>> = {
  passed: 'pass',
  failed: 'fail',
  'not run': 'skip',
};

/**
 * Parses the output of blktests' `check` without a terminal (https://github.com/linux-blktests/blktests,
 * `check`, `_output_status` to `_output_test_run`): a line with the name of the test that begins, the
 * same line with the result, and indented lines: measured values, reasons, a diff. A test that runs on
 * several devices or under several conditions has a result for each:
 *
 *     block/005 => zram0 (switch schedulers while doing IO)        [passed]
 *         runtime    ...  1.226s
 */
export function createBlktestsParser(listener: SuiteListener): SuiteParser {
  const parser: Parser = { listener, outcome: { found: false, problems: [] }, open: undefined };
  return {
    push: (line) => takeLine(parser, line),
    end: () => {
      closeTest(parser);
      return parser.outcome;
    },
  };
}

function takeLine(parser: Parser, line: string): void {
  const header = parseHeader(line);
  if (header === undefined) {
    addDetail(parser, line);
    return;
  }
  parser.outcome.found = true;
  const path = header.path;
  // The name is printed when the test begins, and again with the result.
  const isSame = parser.open?.status === undefined && isEqual(parser.open?.path, path);
  if (!isSame) {
    closeTest(parser);
    parser.open = { path, status: undefined, lines: [], characters: 0, duration: undefined };
    if (header.status === undefined) parser.listener.onStart(path);
  }
  if (header.status !== undefined) {
    // The lines between the two describe the previous run of the test.
    Object.assign(parser.open!, { status: header.status, lines: [], characters: 0 });
  }
}

/**
 * Group and number (`***`: a whole group that is not run); ` => ` and the devices; the conditions in
 * parentheses (`tr=loop`, `zoned`), if the test runs under several; and the description in parentheses,
 * which may itself contain parentheses.
 */
const HEADER =
  /^([\w-]+\/(?:\d{3,}|\*{3}))(?: => (\S[^()]*?))?(?: \(([^()]+)\)(?= \())?(?: \(.*\))? *(?:\[(passed|failed|not run)\])?$/;

function parseHeader(line: string): { path: string[]; status: TestStatus | undefined } | undefined {
  const [, name, devices, conditions, status] = HEADER.exec(line) ?? [];
  if (name === undefined) return undefined;
  // `check` pads the name with blanks to 60 characters.
  if (status === undefined && line.length < 60) return undefined;
  const path = [...name.split('/'), devices, conditions].filter((part) => part !== undefined);
  return { path, status: status === undefined ? undefined : STATUSES[status] };
}

function addDetail({ open }: Parser, line: string): void {
  if (open?.status === undefined) return;
  const [, seconds] = /^ {4}runtime +(?:\S+ +)?\.\.\. +(\d+(?:\.\d+)?)s$/.exec(line) ?? [];
  if (seconds !== undefined && open.duration === undefined) {
    open.duration = Math.round(Number(seconds) * 1000);
  }
  // Measured values are printed as `name  before  ...  now`; `before` may be missing.
  if (/^ {4}\S.* \.\.\.( |$)/.test(line)) return;
  if (open.lines.length >= MOST_LINES || open.characters + line.length > MOST_CHARACTERS) return;
  open.lines.push(line.replace(/^ {4}/, ''));
  open.characters += line.length;
}

function closeTest(parser: Parser): void {
  const { open, listener } = parser;
  parser.open = undefined;
  // The listener already knows that a test without a result has begun.
  if (open?.status === undefined) return;
  const { path, status, lines, duration } = open;
  const text = lines.join('\n').trimEnd();
  listener.onTest({
    path,
    status,
    ...(status !== 'pass' && text !== '' && { message: summarize(lines) }),
    ...(status === 'fail' && text !== '' && { output: text }),
    ...(duration !== undefined && { duration }),
  });
}

/** The first reason for not running the test, or a fixed text for a diff, which names only its file. */
function summarize(lines: readonly string[]): string {
  const [first = ''] = lines;
  const isDiff = first.startsWith('--- ');
  return isDiff ? 'the output is not as expected' : lines.filter((line) => line !== '')[0]!.trim();
}

function isEqual(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && a.every((part, index) => part === b[index]);
}
