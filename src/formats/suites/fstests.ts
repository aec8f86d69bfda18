import type {
  SuiteListener,
  SuiteOutcome,
  SuiteParser,
  SuiteTest,
  TestMark,
  TestStatus,
} from './suite.ts';

/** `check` logs `run fstests generic/001 at 2026-11-23 02:15:57`. */
export const FSTESTS_MARK: TestMark = {
  clue: 'run fstests ',
  line: /^run fstests (\S+) at /,
};

/** Limits for the output of `check` about one test. */
const MOST_LINES = 100;
const MOST_CHARACTERS = 16 * 1024;
/** Bounds the memory if the output is not that of `check`. */
const MOST_PROBLEMS = 100;

/** The current test: its name has been printed, its result perhaps not. */
interface OpenTest {
  name: string;
  path: string[];
  /** The line without the name; undefined until the line has ended. */
  head: string | undefined;
  lines: string[];
}

/** The summary of `check`: one for each section of its configuration and each iteration. */
interface Summary {
  ran: string[] | undefined;
  notRun: string[] | undefined;
  failed: string[];
  isInterrupted: boolean;
}

interface Parser {
  listener: SuiteListener;
  outcome: SuiteOutcome;
  section: string | undefined;
  open: OpenTest | undefined;
  /** The first result of each test since the last summary; undefined if its line contains none. */
  seen: Map<string, { status: TestStatus | undefined; expunged: boolean; path: string[] }>;
  /** How often each path has occurred: with -i and -L, tests run several times. */
  counts: Map<string, number>;
  summary: Summary;
  summaries: number;
  /** In the repetition at the end: with sections, `check` prints all summaries again. */
  isRepeating: boolean;
}

/**
 * Parses the standard output of xfstests' `check` (https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git,
 * `check`, `run_section` and `_wrapup`): for each test, a line with its name, the time that it took in an
 * earlier run, and its result; below it, lines about a failure; and a summary, which is compared with the
 * results of the lines.
 */
export function createFstestsParser(listener: SuiteListener): SuiteParser {
  const parser: Parser = {
    listener,
    outcome: { found: false, problems: [] },
    section: undefined,
    open: undefined,
    seen: new Map(),
    counts: new Map(),
    summary: emptySummary(),
    summaries: 0,
    isRepeating: false,
  };
  return {
    push: (line) => takeLine(parser, line),
    partial: (text) => takePartial(parser, text),
    end: () => finish(parser),
  };
}

/** `generic/001`, `xfs/1212`, `shared/032-with-a-name`; then blanks, or the end of the line. */
const HEADER = /^([\w-]+\/\d{3,}(?:-[A-Za-z0-9-]+)?)(?:\s+(.*))?$/;

function takePartial(parser: Parser, text: string): void {
  if (parser.isRepeating) return;
  // The blank shows that the name is complete.
  const [, name] = /^(\S+)\s/.exec(text) ?? [];
  if (name === undefined || !HEADER.test(name) || isAside(text)) return;
  if (parser.open?.name === name && parser.open.head === undefined) return;
  openTest(parser, name);
}

function takeLine(parser: Parser, line: string): void {
  if (parser.isRepeating) return;
  if (/^={10,}$/.test(line)) {
    parser.isRepeating = true;
    return;
  }
  const [, name, head = ''] = HEADER.exec(line) ?? [];
  if (name !== undefined && !isAside(line)) takeHeader(parser, name, head.trimEnd());
  else if (takeSummary(parser, line) || takeHeading(parser, line)) return;
  else if (parser.open !== undefined && parser.open.lines.length < MOST_LINES) {
    parser.open.lines.push(line);
  }
}

/** Whether a line begins with the name of a test but is not the line of its result. */
function isAside(line: string): boolean {
  return / - unknown test, ignored$| aggregate results across \d+ runs: /.test(line);
}

function takeHeader(parser: Parser, name: string, head: string): void {
  const [, summary] =
    /^((?:Ran|Not run|Failures): .*|Interrupted!)$/.exec(head.replace(PRELUDE, '')) ?? [];
  if (summary !== undefined) {
    abandonTest(parser, name);
    takeSummary(parser, summary);
    return;
  }
  const isSame = parser.open?.name === name && parser.open.head === undefined;
  const open = isSame ? parser.open! : openTest(parser, name);
  open.head = head;
  const result = readHead(head);
  if (result === undefined) return;
  parser.open = undefined;
  report(parser, open, result);
}

/** If `check` is interrupted during a test, it prints its summary on that test's line: no result follows. */
function abandonTest(parser: Parser, name: string): void {
  const open = parser.open?.name === name ? parser.open : openTest(parser, name);
  parser.open = undefined;
  report(parser, open, undefined);
}

function openTest(parser: Parser, name: string): OpenTest {
  closeTest(parser);
  parser.outcome.found = true;
  const path = numberRepetition(parser, [
    ...(parser.section === undefined ? [] : [parser.section]),
    ...name.split('/'),
  ]);
  parser.open = { name, path, head: undefined, lines: [] };
  parser.listener.onStart(path);
  return parser.open;
}

function numberRepetition(parser: Parser, path: readonly string[]): string[] {
  const key = path.join('/');
  const count = (parser.counts.get(key) ?? 0) + 1;
  parser.counts.set(key, count);
  return count === 1 ? [...path] : [...path.slice(0, -1), `${path.at(-1)} #${count}`];
}

type Result = Pick<SuiteTest, 'status' | 'message' | 'duration' | 'output'> & {
  expunged?: boolean;
};

/** The time of an earlier run, and the timestamp that -T adds: `12s ... `, ` [03:44:03]`. */
const PRELUDE = /^(?:\d+s \.\.\.)?\s*(?:\[\d\d:\d\d:\d\d\]\s*)*/;

/**
 * Parses the line without the name.
 * @returns undefined if the line contains no result
 */
function readHead(head: string): Result | undefined {
  const text = head.replace(PRELUDE, '');
  const [, seconds] = /^(\d+)s$/.exec(text) ?? [];
  if (seconds !== undefined) return { status: 'pass', duration: Number(seconds) * 1000 };
  if (text === '[expunged]') return { status: 'skip', message: 'expunged', expunged: true };
  const [, reason] = /^\[not run\] (.+)$/.exec(text) ?? [];
  if (reason !== undefined) return { status: 'skip', message: reason.trim() };
  if (text === '- no such test?') return { status: 'fail', message: 'no such test' };
  return undefined;
}

/** Ends the current test: its result is in its line and in the lines below it. */
function closeTest(parser: Parser): void {
  const { open } = parser;
  if (open === undefined) return;
  parser.open = undefined;
  const head = (open.head ?? '').replace(PRELUDE, '');
  const lines = [head, ...open.lines].filter((line) => line.trim() !== '');
  report(parser, open, readLines(open.name, lines));
}

/** @returns undefined if nothing was printed about the test: `check -n` only lists names */
function readLines(name: string, lines: readonly string[]): Result | undefined {
  const [first, second] = lines;
  if (first === undefined) return undefined;
  const last = lines.at(-1)!.replace(PRELUDE, '').trim();
  // With -d, the output of the test is between its name and its result.
  const [, seconds] = /^(\d+)s$/.exec(last) ?? [];
  if (seconds !== undefined) return { status: 'pass', duration: Number(seconds) * 1000 };
  if (first === '[not run]') {
    return { status: 'skip', message: second?.trim().replace(`${name} -- `, '') };
  }
  const output = lines.slice(1).join('\n').slice(0, MOST_CHARACTERS);
  const message = first.trim().replace(/^- /, '').replace(/\]- /, '] ');
  return { status: 'fail', message, ...(output === '' ? {} : { output }) };
}

function report(parser: Parser, open: OpenTest, result: Result | undefined): void {
  const { expunged = false, ...test } = result ?? { status: undefined };
  if (!parser.seen.has(open.name)) {
    parser.seen.set(open.name, { status: test.status, expunged, path: open.path });
  }
  if (test.status !== undefined) {
    parser.listener.onTest({ path: open.path, ...test, status: test.status });
  }
}

function takeHeading(parser: Parser, line: string): boolean {
  const [, key, value] = /^(SECTION|FSTYP|PLATFORM|MKFS_OPTIONS|MOUNT_OPTIONS) +-- (.*)$/.exec(
    line,
  ) ?? [undefined, undefined, ''];
  if (key === undefined) return false;
  closeTest(parser);
  parser.outcome.found = true;
  if (key === 'SECTION') parser.section = value!.trim();
  return true;
}

function takeSummary(parser: Parser, line: string): boolean {
  const { summary } = parser;
  const [, unknown] = /^(\S+) - unknown test, ignored$/.exec(line) ?? [];
  if (unknown !== undefined) {
    complain(parser, `there is no test ${unknown}`);
    return true;
  }
  const [, key, names = ''] = /^(Ran|Not run|Failures): (.*)$/.exec(line) ?? [];
  const [, failed = '0', tried] = /^(?:Failed (\d+) of|Passed all) (\d+) tests$/.exec(line) ?? [];
  const isInterrupted = line === 'Interrupted!';
  if (key === undefined && tried === undefined && !isInterrupted) return false;
  closeTest(parser);
  const list = names.split(' ').filter(Boolean);
  if (key === 'Ran') summary.ran = list;
  if (key === 'Not run') summary.notRun = list;
  if (key === 'Failures') summary.failed = list;
  if (isInterrupted) summary.isInterrupted = true;
  if (tried !== undefined) endSummary(parser, Number(failed), Number(tried));
  return true;
}

/** Compares the summary with the results of the lines. */
function endSummary(parser: Parser, failed: number, tried: number): void {
  const { summary, seen } = parser;
  parser.outcome.found = true;
  parser.summaries++;
  decideByCount(parser);
  if (summary.isInterrupted) complain(parser, 'check was interrupted');
  const withStatus = (wanted: TestStatus): string[] =>
    [...seen].flatMap(([name, { status, expunged }]) =>
      status === wanted && !expunged ? [name] : [],
    );
  compare(parser, 'failed', summary.failed, withStatus('fail'));
  if (summary.notRun !== undefined) compare(parser, 'not run', summary.notRun, withStatus('skip'));
  if (failed !== summary.failed.length) {
    complain(parser, `check counts ${failed} failures but lists ${summary.failed.length}`);
  }
  const unreported = (summary.ran ?? []).filter((name) => !seen.has(name));
  for (const name of unreported) complain(parser, `no result for ${name}`);
  const results = [...seen.values()].filter(({ expunged }) => !expunged).length;
  // Tests that are only listed (-n) are not counted.
  if (tried !== 0 && tried !== results) {
    complain(parser, `check ran ${tried} tests, but printed results for ${results}`);
  }
  if (seen.size === 0) complain(parser, 'check ran no tests');
  parser.seen = new Map();
  parser.summary = emptySummary();
}

/** Takes the results of tests whose lines contain none from the summary. */
function decideByCount({ seen, summary, listener }: Parser): void {
  for (const [name, test] of seen) {
    if (test.status !== undefined) continue;
    const isFailed = summary.failed.includes(name);
    if (!isFailed && summary.notRun?.includes(name) !== true) continue;
    test.status = isFailed ? 'fail' : 'skip';
    const message = isFailed ? 'check counts it as failed' : 'not run';
    listener.onTest({ path: test.path, status: test.status, message });
  }
}

function compare(
  parser: Parser,
  what: string,
  counted: readonly string[],
  seen: readonly string[],
): void {
  for (const name of counted.filter((other) => !seen.includes(other))) {
    complain(parser, `check lists ${name} as ${what}, but its line does not`);
  }
  for (const name of seen.filter((other) => !counted.includes(other))) {
    complain(parser, `${name} is ${what} in its line, but check does not list it as ${what}`);
  }
}

function finish(parser: Parser): SuiteOutcome {
  const { open, outcome } = parser;
  // A test whose line has not ended may still be running.
  if (open?.head !== undefined) closeTest(parser);
  if (outcome.found && (parser.summaries === 0 || parser.seen.size > 0)) {
    complain(parser, 'check ended without a summary');
  }
  return outcome;
}

function complain({ outcome: { problems } }: Parser, problem: string): void {
  if (problems.length < MOST_PROBLEMS) problems.push(problem);
}

function emptySummary(): Summary {
  return { ran: undefined, notRun: undefined, failed: [], isInterrupted: false };
}

/** The file in which `check` records the duration of each test. */
export const CHECK_TIME = 'check.time';

/**
 * Parses check.time of xfstests: lines such as `generic/001 4`.
 * @returns seconds by name of the test
 */
export function parseCheckTime(text: string): Map<string, number> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, name, seconds] = /^(\S+) (\d+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(seconds)] as const];
    }),
  );
}

/** Returns the text of check.time, updated with the durations of `tests`, which are in milliseconds. */
export function updateCheckTime(
  text: string,
  tests: readonly { name: string; status: string; duration?: number | undefined }[],
): string {
  const times = parseCheckTime(text);
  for (const { name, status, duration } of tests) {
    if (status === 'pass' && duration !== undefined) times.set(name, Math.round(duration / 1000));
  }
  return [...times].map(([name, seconds]) => `${name} ${seconds}\n`).join('');
}

/** The file in which `check`, when it ends, records what it ran and what failed. */
export const CHECK_LOG = 'check.log';

/**
 * Returns the lines that `check` would have appended to check.log if it had not been interrupted.
 * @param tests `interrupted` is the test that was running
 */
export function summarizeLikeCheck(
  tests: readonly { name: string; status: TestStatus | 'interrupted' }[],
): string[] {
  const withStatus = (wanted: string): string[] =>
    tests.filter(({ status }) => status === wanted).map(({ name }) => name);
  const [skipped, failed, interrupted] = [
    withStatus('skip'),
    withStatus('fail'),
    withStatus('interrupted'),
  ];
  const line = (what: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`${what}: ${names.join(' ')}`];
  const hasPassed = failed.length === 0 && interrupted.length === 0;
  return [
    `Ran: ${tests.map(({ name }) => name).join(' ')}`,
    ...line('Not run', skipped),
    ...line('Interrupted', interrupted),
    ...line('Failures', failed),
    ...(hasPassed ? [`Passed all ${tests.length} tests`] : []),
    ...(failed.length > 0 ? [`Failed ${failed.length} of ${tests.length} tests`] : []),
  ];
}

/** Options with which `check` runs tests several times, so that a test with a result may still run again. */
const REPEATING = ['-i', '-I', '-L'];

export function repeatsTests(words: readonly string[]): boolean {
  return words.some((word) => REPEATING.includes(word));
}

/** @returns the first option of `check` that selects sections of its configuration, as it was given */
export function usesSections(words: readonly string[]): string | undefined {
  const index = words.findIndex((word) => word === '-s' || word === '-S');
  return index === -1 ? undefined : words.slice(index, index + 2).join(' ');
}
