import { createRecentLines, type RecentLines } from '../recent-lines.ts';
import { failureReason } from './failure-reason.ts';
import { splitGluedResult } from './glued-result.ts';
import {
  type KtapLine,
  type KtapStatus,
  type Margin,
  parseKtapLine,
  type ResultLine,
  stripLine,
} from './ktap-line.ts';
import { addNumber, formatNumbers, missingNumbers, type NumberRanges } from './number-ranges.ts';

export type { KtapStatus } from './ktap-line.ts';

export interface KtapTest {
  /** The names of the tests that it is nested in, outermost first, and its own name: never empty. */
  path: string[];
  /** As printed; if the line has none, the next number. */
  number: number;
  status: KtapStatus;
  /**
   * The reason of a directive or the text after a `#`: `exit=1`, `TIMEOUT 45 seconds`. For a failure
   * without either, the reason that was found in its output.
   */
  message?: string;
  /** The output since the previous result: the last 100 lines, at most 16 KiB. */
  output?: string;
}

export interface KtapOutcome {
  /** Whether the output contains KTAP or TAP. */
  found: boolean;
  /** Why the results are not complete or not reliable, one line each; the first hundred. */
  problems: string[];
  /** Paths of the tests without the result that they should have; `#3` if the name is not known. */
  missing: string[][];
  /** Those missing tests that had begun when the output ended. */
  unfinished: string[][];
  /** The reason of a `1..0 # SKIP reason` for the output as a whole. */
  skipped?: string;
}

export interface KtapParser {
  /** Takes the next line, without its line feed. Never throws. */
  push: (line: string) => void;
  /** Called at the end of the output. */
  end: () => KtapOutcome;
}

/** What a block passes to the block that it is nested in, and the outermost block to the caller. */
type Item = { path: string[] } & (
  | { kind: 'test'; test: Omit<KtapTest, 'path'> }
  | { kind: 'problem'; text: string }
  | { kind: 'missing' }
);

/** The results of one level: of a program, a kunit suite, or a test with subtests. */
interface Block {
  parent: Block | undefined;
  margin: Margin;
  /** The name of the test that these subtests belong to; undefined until a header or its result is read. */
  name: string[] | undefined;
  /** Begun by kunit's `# Subtest:`, which is inside the block. */
  kunit: boolean;
  version: 'TAP' | 'KTAP' | undefined;
  plan: number | undefined;
  planSkip: string | undefined;
  /** The plan was printed again after the results: further results belong to a new block. */
  isComplete: boolean;
  numbers: NumberRanges;
  last: number;
  results: number;
  /** The program prints only totals, which agree with the plan and contain no failure. */
  isCounted: boolean;
  /** Results that are not those of a kunit suite. */
  ownResults: number;
  counts: Record<KtapStatus, number>;
  /** The same for the tests that have no subtests, at any depth. */
  leaves: Record<KtapStatus, number>;
  hasFailed: boolean;
  /** Items that wait until the name of the block is known. */
  waiting: Item[];
  /** Blocks that have ended, but whose parent's result has not been printed yet. */
  orphans: Block[];
  /** Tests that were announced but have no result yet. */
  announced: string[][];
  /** The test that a program of kselftest_harness.h is running, in case the program dies. */
  running: string | undefined;
  /** The test that the next subtests belong to; `comment`: announced by TAP 14's `# Subtest:`. */
  next: { name: string[]; comment: boolean } | undefined;
}

/** Limits that bound the memory if the input is garbage. */
const DEEPEST = 32;
const MOST_WAITING = 10_000;
const MOST_WAITING_WITH_OUTPUT = 200;
const MOST_ANNOUNCED = 1000;
const MOST_REPORTED = 100;
const MOST_NUMBERS = 10;

interface Parser {
  onTest: (test: KtapTest) => void;
  outcome: KtapOutcome;
  /** The output since the last result. */
  recent: RecentLines;
  /** The open blocks, each nested in the one before: never empty. */
  stack: Block[];
  /** The indentation of the current YAML block of TAP, if within one. */
  yaml: number | undefined;
}

/**
 * Parses the results of kselftest, kunit and other programs that print KTAP 1 or TAP 13/14, as they arrive.
 * `onTest` is called once for each test without subtests, as soon as its full path is known, and for each
 * test that failed although none of its subtests did.
 */
export function createKtapParser(onTest: (test: KtapTest) => void): KtapParser {
  const parser: Parser = {
    onTest,
    outcome: { found: false, problems: [], missing: [], unfinished: [] },
    recent: createRecentLines(),
    stack: [createBlock(undefined, { hashes: 0, spaces: 0 }, undefined)],
    yaml: undefined,
  };
  return { push: (line) => pushLine(parser, line), end: () => endOutput(parser) };
}

function pushLine(parser: Parser, raw: string): void {
  const text = stripLine(raw);
  if (isYaml(parser, text)) return;
  const isAwaited = (name: string): boolean => isAnnounced(parser.stack[0]!, nameOf(name, 0));
  for (const part of splitGluedResult(text, isAwaited) ?? [text]) pushText(parser, part);
}

function pushText(parser: Parser, text: string): void {
  const line = parseKtapLine(text);
  const isTaken = takeLine(parser, line);
  if (!isTaken || line.kind === 'bail-out')
    parser.recent.add(withoutMargin(text, parser.stack.at(-1)!.margin.hashes));
  const isProof =
    line.kind === 'version' ||
    line.kind === 'result' ||
    (line.kind === 'plan' && (line.skip !== undefined || parser.stack.length > 1));
  parser.outcome.found ||= isTaken && isProof;
}

function endOutput(parser: Parser): KtapOutcome {
  const root = parser.stack[0]!;
  closeTo(parser, root.margin);
  // `1..5` alone does not show that the output is KTAP.
  if (!parser.outcome.found) return { found: false, problems: [], missing: [], unfinished: [] };
  const before = parser.outcome.missing.length;
  finish(parser, root, false);
  parser.outcome.unfinished = innermost(parser.outcome.missing.slice(before).filter(hasName));
  if (root.planSkip !== undefined) parser.outcome.skipped = root.planSkip;
  return parser.outcome;
}

function deliver(parser: Parser, block: Block, item: Item): void {
  if (block.parent === undefined) {
    release(parser, item);
    return;
  }
  if (block.name !== undefined) {
    deliver(parser, block.parent, { ...item, path: [...block.name, ...item.path] });
    return;
  }
  block.waiting.push(item);
  if (block.waiting.length > MOST_WAITING) nameBlock(parser, block, [placeholder(block.parent)]);
  else if (block.waiting.length > MOST_WAITING_WITH_OUTPUT && item.kind === 'test') {
    delete item.test.output;
  }
}

function release(parser: Parser, item: Item): void {
  if (item.kind === 'test') parser.onTest({ path: item.path, ...item.test });
  else if (item.kind === 'problem') {
    const text = [item.path.join('/'), item.text].filter((part) => part !== '').join(': ');
    if (parser.outcome.problems.length < MOST_REPORTED) parser.outcome.problems.push(text);
  } else if (parser.outcome.missing.length < MOST_REPORTED) parser.outcome.missing.push(item.path);
}

function complain(parser: Parser, block: Block, text: string): void {
  deliver(parser, block, { kind: 'problem', path: [], text });
}

function nameBlock(parser: Parser, block: Block, name: string[]): void {
  block.name = name;
  for (const item of block.waiting.splice(0)) deliver(parser, block, item);
}

/** Closes blocks until the innermost one is at the margin or encloses it. */
function closeTo(parser: Parser, margin: Margin): Block {
  for (;;) {
    const block = parser.stack.at(-1)!;
    const { parent } = block;
    if (parent === undefined || isAt(block, margin) || isInside(margin, block.margin)) return block;
    parser.stack.pop();
    parent.orphans.push(block);
    if (parent.orphans.length > MOST_ANNOUNCED) finishOrphan(parser, parent.orphans.shift()!);
  }
}

/**
 * The block at a margin, which is created if there is none.
 * @returns undefined if the nesting is too deep
 */
function openBlock(parser: Parser, margin: Margin): Block | undefined {
  const outer = closeTo(parser, margin);
  if (isAt(outer, margin)) return outer;
  if (parser.stack.length >= DEEPEST) return undefined;
  const block = createBlock(outer, margin, outer.next?.name);
  parser.stack.push(block);
  return block;
}

/** Replaces a block by a new one at the same margin, after a second version line or plan. */
function restart(parser: Parser, block: Block): Block {
  parser.stack.pop();
  if (block.parent === undefined) {
    finish(parser, block, false);
    parser.stack = [];
  } else block.parent.orphans.push(block);
  const name = block.parent?.next?.name ?? (block.kunit ? undefined : block.name);
  const fresh = createBlock(block.parent, block.margin, name);
  parser.stack.push(fresh);
  return fresh;
}

/**
 * Whether a line at a margin can be TAP: a block is open there, or a header has announced one. Other lines
 * that look like a plan or a result are output of another program.
 */
function isExpected(parser: Parser, margin: Margin): boolean {
  if (parser.stack.some((block) => isAt(block, margin))) return true;
  const outer = parser.stack.findLast((block) => isInside(margin, block.margin));
  if (outer?.next === undefined) return false;
  return outer.next.comment
    ? margin.hashes === outer.margin.hashes
    : margin.hashes === outer.margin.hashes + 1 && margin.spaces === 0;
}

function takeResult(parser: Parser, line: ResultLine): boolean {
  if (!isExpected(parser, line.margin) || !isPlausible(parser, line)) return false;
  let block = openBlock(parser, line.margin);
  if (block === undefined) return false;
  if (block.isComplete) {
    const { plan } = block;
    block = restart(parser, block);
    block.plan = plan;
  }
  // kselftest_harness.h of Linux 6.1 prints the name of a skipped test only when the test begins.
  const name = line.isUnnamed ? (block.running ?? line.name) : line.name;
  addResult(parser, block, { ...line, name });
  return true;
}

function isPlausible(parser: Parser, line: ResultLine): boolean {
  const block = parser.stack.find((open) => isAt(open, line.margin));
  if (line.number === undefined) return block?.version === 'TAP' || block?.plan !== undefined;
  // Without a version or a plan, only result number 1 counts as TAP: a program may print `ok 5 files`.
  const isBare = block !== undefined && block.parent === undefined && !isTap(block);
  const hasSubtests = parser.stack.length > 1 || (block?.orphans.length ?? 0) > 0;
  return !isBare || hasSubtests || line.number === 1;
}

function addResult(parser: Parser, open: Block, line: ResultLine): void {
  const children = adoptChildren(parser, open, line);
  const isSuite = children.some((child) => child.kunit);
  const number = line.number ?? open.last + 1;
  const block = isSuite ? blockOfSuite(parser, open, number) : open;
  noteNumber(parser, block, number);
  if (!isSuite) block.ownResults++;
  block.results++;
  block.counts[line.status]++;
  for (const child of children) addCounts(block.leaves, child.leaves);

  const hasTests = children.some((child) => child.results > 0);
  const failedAlone = line.status === 'fail' && !children.some((child) => child.hasFailed);
  block.hasFailed ||= line.status === 'fail' || children.some((child) => child.hasFailed);
  const output = parser.recent.take();
  if (hasTests && !failedAlone) return;
  // kunit does not count a suite without tests in its totals.
  if (!hasTests && !isSuite) block.leaves[line.status]++;
  const message =
    line.message ??
    children.find((child) => child.planSkip)?.planSkip ??
    (line.status === 'fail' ? failureReason(output) : undefined);
  const test = {
    number,
    status: line.status,
    ...(message === undefined ? {} : { message }),
    ...(output === '' ? {} : { output }),
  };
  deliver(parser, block, { kind: 'test', path: nameOf(line.name, number), test });
}

/**
 * kunit numbers its suites from 1. Built-in suites have a plan. Suites in modules have none before Linux
 * 6.6; their numbers continue from module to module before 6.0, and start at 1 for each module since.
 */
function blockOfSuite(parser: Parser, block: Block, number: number): Block {
  if (block.parent !== undefined || block.results === 0) return block;
  const { last, plan } = block;
  const isFulfilled = plan !== undefined && block.results >= plan;
  if (number !== 1 && !(isFulfilled && number === last + 1)) return block;
  const fresh = restart(parser, block);
  if (number !== 1) {
    fresh.last = last;
    fresh.numbers = [[1, last]];
  }
  return fresh;
}

/** Finds the blocks of subtests that a result belongs to, names them, and delivers what they held back. */
function adoptChildren(parser: Parser, block: Block, line: ResultLine): Block[] {
  const name = nameOf(line.name, line.number ?? block.last + 1);
  const isMine = (other: string[]): boolean => other.join('\n') === name.join('\n');
  const mine = block.orphans.filter((child) => child.name === undefined || isMine(child.name));
  block.orphans = block.orphans.filter((child) => !mine.includes(child));
  block.announced = block.announced.filter((other) => !isMine(other));
  block.next = undefined;
  block.running = undefined;
  for (const child of mine) {
    if (child.name === undefined) nameBlock(parser, child, name);
    // The plan of a test that was skipped half-way does not count.
    finish(parser, child, line.status === 'skip');
  }
  return mine;
}

function noteNumber(parser: Parser, block: Block, number: number): void {
  const isNew = addNumber(block.numbers, number);
  if (!isNew) complain(parser, block, `test number ${number} occurs twice`);
  else if (number < block.last) {
    complain(parser, block, `test number ${number} follows ${block.last}`);
  }
  block.last = number;
}

function takePlan(parser: Parser, line: KtapLine & { kind: 'plan' }): boolean {
  if (!isExpected(parser, line.margin)) return false;
  let block = openBlock(parser, line.margin);
  if (block === undefined) return false;
  if (block.plan === line.count && block.results > 0) {
    // A program that forks with lines in its buffer prints them again; then no results follow.
    block.isComplete = true;
    return true;
  }
  if (block.plan !== undefined) block = restart(parser, block);
  block.plan = line.count;
  block.planSkip = line.skip;
  return true;
}

function takeVersion(parser: Parser, line: KtapLine & { kind: 'version' }): boolean {
  let block = openBlock(parser, line.margin);
  if (block === undefined) return false;
  if (isTap(block)) block = restart(parser, block);
  block.version = line.ktap ? 'KTAP' : 'TAP';
  return true;
}

function takeBailOut(parser: Parser, line: KtapLine & { kind: 'bail-out' }): boolean {
  if (!isExpected(parser, line.margin)) return false;
  const open = parser.stack.find((block) => isAt(block, line.margin));
  if (open !== undefined && open.parent === undefined && !isTap(open)) return false;
  const block = openBlock(parser, line.margin);
  if (block === undefined) return false;
  complain(parser, block, line.reason === '' ? 'Bail out!' : `Bail out! ${line.reason}`);
  return true;
}

function takeDiagnostic(parser: Parser, line: KtapLine & { kind: 'diagnostic' }): boolean {
  const subtest = /^Subtest: (.+)$/.exec(line.text);
  if (subtest !== null) return takeSubtest(parser, line.margin, [subtest[1]!]);
  const block = parser.stack.find((open) => isAt(open, line.margin));
  if (block === undefined) return false;
  if (line.text.startsWith('Totals: ')) return checkTotals(parser, block, line.text);
  if (/^selftests: [^:]+: ./.test(line.text)) {
    announce(closeTo(parser, line.margin), nameOf(line.text, 0), false);
    return true;
  }
  const run = /^ RUN +(\S+) \.\.\.$/.exec(line.text);
  if (run !== null) block.running = run[1]!;
  // Linux 5.10 to 5.15 print the results of parameters as `# test: ok 1 - parameter`.
  const parameter = /^(\S+): ((?:not )?ok \d+ - .*)$/.exec(line.text);
  if (!block.kunit || parameter === null) return false;
  const margin = { ...line.margin, spaces: line.margin.spaces + 4 };
  const result = parseKtapLine(parameter[2]!);
  return (
    takeSubtest(parser, margin, [parameter[1]!]) &&
    takeLine(parser, { ...result, margin } as KtapLine)
  );
}

/** kunit prints `# Subtest: name` inside the block of the subtests, TAP 14 above it. */
function takeSubtest(parser: Parser, margin: Margin, name: string[]): boolean {
  let block = parser.stack.find((open) => isAt(open, margin));
  if (block?.kunit && block.name?.[0] === name[0]) return true;
  if (block === undefined && isBelowComment(parser, margin)) block = openBlock(parser, margin);
  const isAbove =
    block !== undefined && !block.kunit && (block.name !== undefined || block.results > 0);
  if (block !== undefined && (block.parent === undefined || isAbove)) {
    announce(closeTo(parser, margin), name, true);
    return true;
  }
  block = openBlock(parser, margin);
  if (block === undefined) return false;
  if (block.name !== undefined && isTap(block)) block = restart(parser, block);
  block.kunit = true;
  nameBlock(parser, block, name);
  return true;
}

/** Whether a comment of TAP 14 has announced subtests at a margin. */
function isBelowComment(parser: Parser, margin: Margin): boolean {
  const outer = parser.stack.findLast((block) => isInside(margin, block.margin));
  return outer?.next?.comment === true && outer.margin.hashes === margin.hashes;
}

function isAnnounced({ announced }: Block, name: string[]): boolean {
  return announced.some((other) => other.join('\n') === name.join('\n'));
}

function announce(block: Block, name: string[], comment: boolean): void {
  block.next = { name, comment };
  if (block.announced.length < MOST_ANNOUNCED) block.announced.push(name);
}

/**
 * kselftest's `# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0` counts the results of its own level,
 * kunit's `# Totals: pass:16 fail:0 skip:0 total:16` those of the suite above it.
 */
function checkTotals(parser: Parser, block: Block, text: string): boolean {
  const totals = new Map(
    [...text.matchAll(/(\w+):(\d+)/g)].map(([, key, value]) => [key!, Number(value)]),
  );
  if (isCounted(block, totals)) {
    block.isCounted = true;
    return true;
  }
  const suite = parser.stack[parser.stack.indexOf(block) + 1] ?? block.orphans.at(-1);
  const { pass, fail, skip, xfail, xpass } =
    (totals.has('total') ? suite?.leaves : undefined) ?? block.counts;
  // Older versions of kunit print `ok` for a skipped parameter.
  const seen = totals.has('total')
    ? { fail, total: pass + fail + skip + xfail + xpass }
    : { pass, fail, skip, xfail, xpass };
  const error = totals.get('error') ?? 0;
  for (const [key, count] of Object.entries(seen)) {
    const claimed = totals.has(key) ? totals.get(key)! + (key === 'fail' ? error : 0) : count;
    if (claimed !== count) {
      const isWithErrors = key === 'fail' && error > 0;
      const words = isWithErrors
        ? `fail:${claimed - error} and error:${error}`
        : `${key}:${claimed}`;
      complain(
        parser,
        suite?.kunit && totals.has('total') ? suite : block,
        `the totals line has ${words}, but the results are ${key}:${count}`,
      );
    }
  }
  return true;
}

/**
 * kcmp_test and other programs of kselftest count passed tests (`ksft_inc_pass_cnt`) without printing
 * results. Their only result is that of the program.
 */
function isCounted(block: Block, totals: ReadonlyMap<string, number>): boolean {
  const sum = [...totals.values()].reduce((total, count) => total + count, 0);
  const failed = (totals.get('fail') ?? 0) + (totals.get('error') ?? 0);
  return (
    block.parent !== undefined &&
    block.results === 0 &&
    sum === block.plan &&
    sum > 0 &&
    failed === 0
  );
}

/** Ends a block: reports the tests that its plan or its headers announced and that have no result. */
function finish(parser: Parser, block: Block, isExcused: boolean): void {
  const begun =
    block.running === undefined ? block.announced : [...block.announced, [block.running]];
  const orphans = block.orphans.flatMap((child) => (child.name === undefined ? [] : [child.name]));
  const hasUnfinished = begun.length > 0 && block.orphans.length === 0;
  for (const child of block.orphans.splice(0)) finishOrphan(parser, child);
  if (isExcused || block.isCounted) return;
  if (block.kunit && block.results === 0 && !block.plan) complain(parser, block, 'no tests');
  const missing = missingNumbers(block.numbers, block.plan ?? block.last);
  const numbers = firstNumbers(missing);
  const isWhole = block.plan !== undefined && missing.length === 0;
  const names = isWhole ? [] : unique([...begun, ...orphans]);
  names.push(...numbers.slice(names.length).map((number) => [`#${number}`]));
  for (const path of names) deliver(parser, block, { kind: 'missing', path });
  if (block.plan === undefined) {
    if (hasUnfinished) complain(parser, block, 'a test did not end');
    if (missing.length > 0) complain(parser, block, `no result for test ${formatNumbers(missing)}`);
    // kunit suites in modules may have no plan; then they have no version either.
    const isPlanned = block.version !== undefined || block.ownResults > 0;
    if (block.parent === undefined && isPlanned) {
      complain(parser, block, 'no plan (1..N), so some tests may be missing');
    }
  } else if (missing.length > 0 || block.results !== block.plan) {
    const which = missing.length === 0 ? '' : `: no result for test ${formatNumbers(missing)}`;
    complain(parser, block, `planned ${block.plan} tests, got ${block.results} results${which}`);
  }
}

function finishOrphan(parser: Parser, block: Block): void {
  if (block.name === undefined) nameBlock(parser, block, [placeholder(block.parent!)]);
  complain(parser, block, 'subtests, but no result of its own');
  finish(parser, block, false);
}

function takeLine(parser: Parser, line: KtapLine): boolean {
  switch (line.kind) {
    case 'version':
      return takeVersion(parser, line);
    case 'plan':
      return takePlan(parser, line);
    case 'result':
      return takeResult(parser, line);
    case 'bail-out':
      return takeBailOut(parser, line);
    case 'diagnostic':
      return takeDiagnostic(parser, line);
    case 'other':
      return false;
  }
}

/** TAP prints YAML below a result, which has been delivered already. It must not count as output of the next test. */
function isYaml(parser: Parser, line: string): boolean {
  const [, spaces, mark] = /^( *)(---|\.\.\.)?/.exec(line)!;
  if (parser.yaml === undefined) {
    if (mark === '---' && spaces !== '' && parser.outcome.found) parser.yaml = spaces!.length;
    return parser.yaml !== undefined;
  }
  const isInside = spaces!.length >= parser.yaml || line === '';
  if (!isInside || mark === '...') parser.yaml = undefined;
  return isInside;
}

function createBlock(parent: Block | undefined, margin: Margin, name: string[] | undefined): Block {
  const noCounts = { pass: 0, fail: 0, skip: 0, xfail: 0, xpass: 0 };
  return {
    parent,
    margin,
    name,
    kunit: false,
    version: undefined,
    plan: undefined,
    planSkip: undefined,
    isComplete: false,
    numbers: [],
    last: 0,
    results: 0,
    isCounted: false,
    ownResults: 0,
    counts: { ...noCounts },
    leaves: { ...noCounts },
    hasFailed: false,
    waiting: [],
    orphans: [],
    announced: [],
    running: undefined,
    next: undefined,
  };
}

function isAt(block: Block, margin: Margin): boolean {
  return block.margin.hashes === margin.hashes && block.margin.spaces === margin.spaces;
}

/** A level is indented by at least two spaces. */
function isInside(inner: Margin, outer: Margin): boolean {
  if (inner.hashes === outer.hashes) return inner.spaces >= outer.spaces + 2;
  return inner.hashes > outer.hashes && outer.spaces === 0;
}

function isTap(block: Block): boolean {
  return block.version !== undefined || block.plan !== undefined || block.results > 0;
}

/** kselftest's runner calls a test `selftests: directory: program`. */
function nameOf(text: string, number: number): string[] {
  const [, directory, program] = /^selftests: ([^:]+): (.+)$/.exec(text) ?? [];
  if (directory !== undefined && program !== undefined) return [directory, program];
  return [text === '' ? `#${number}` : text];
}

function placeholder(block: Block): string {
  return `#${block.last + 1}`;
}

function addCounts(sum: Record<KtapStatus, number>, more: Record<KtapStatus, number>): void {
  for (const status of Object.keys(sum) as KtapStatus[]) sum[status] += more[status];
}

/** The first numbers of some ranges: as many as are reported separately. */
function firstNumbers(ranges: NumberRanges): number[] {
  const numbers: number[] = [];
  for (const [first, last] of ranges) {
    for (let number = first; number <= last && numbers.length < MOST_NUMBERS; number++) {
      numbers.push(number);
    }
  }
  return numbers;
}

function unique(names: string[][]): string[][] {
  return [...new Map(names.map((name) => [name.join('\n'), name])).values()];
}

function hasName(path: readonly string[]): boolean {
  return !/^#\d+$/.test(path.at(-1) ?? '');
}

/** Only the paths in which no other one is nested. */
function innermost(paths: readonly string[][]): string[][] {
  const isAround = (path: readonly string[], other: readonly string[]): boolean =>
    other.length > path.length && path.every((part, index) => part === other[index]);
  return paths.filter((path) => !paths.some((other) => isAround(path, other)));
}

/** Removes the prefix that kselftest's runner added to a program's output. */
function withoutMargin(line: string, hashes: number): string {
  let rest = line;
  for (let i = 0; i < hashes && rest.startsWith('# '); i++) rest = rest.slice(2);
  return rest;
}
