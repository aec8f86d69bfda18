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
  /** The names of the tests that it is nested in, outermost first, and its own: never empty. */
  path: string[];
  /** As printed; where none was, the one that is due. */
  number: number;
  status: KtapStatus;
  /**
   * The reason of a directive or what follows a `#`: `exit=1`, `TIMEOUT 45 seconds`. Of a failure without
   * one, what it printed about it.
   */
  message?: string;
  /** What was printed since the last result: the last 100 lines, 16 KiB at most. */
  output?: string;
}

export interface KtapOutcome {
  /** Whether there was any KTAP or TAP at all. */
  found: boolean;
  /** Why the results cannot be taken for whole, each in one line; the first hundred. */
  problems: string[];
  /** Paths of the tests that should have had a result; `#3` where the name is not known. */
  missing: string[][];
  /** Those of them that had begun when the output ended. */
  unfinished: string[][];
  /** The reason of `1..0 # SKIP reason`, where the output as a whole says so. */
  skipped?: string;
}

export interface KtapParser {
  /** Takes the next line, without its line feed. Never throws. */
  push: (line: string) => void;
  /** The output is over. */
  end: () => KtapOutcome;
}

/** What goes from a block to the one it is nested in, and from the outermost to the caller. */
type Item = { path: string[] } & (
  | { kind: 'test'; test: Omit<KtapTest, 'path'> }
  | { kind: 'problem'; text: string }
  | { kind: 'missing' }
);

/** Results of one level: of a program, a kunit suite, a test with subtests. */
interface Block {
  parent: Block | undefined;
  margin: Margin;
  /** The name of the test it is the subtests of; undefined until a header or its result tells. */
  name: string[] | undefined;
  /** Begun by kunit's `# Subtest:`, which stands in the block itself. */
  kunit: boolean;
  version: 'TAP' | 'KTAP' | undefined;
  plan: number | undefined;
  planSkip: string | undefined;
  /** The plan came once more after the results: what follows are others. */
  isOver: boolean;
  numbers: NumberRanges;
  last: number;
  results: number;
  /** Its program only counts, and prints no results: the totals and the plan agree, none failed. */
  isCounted: boolean;
  /** Results that no suite of kunit came with. */
  ownResults: number;
  counts: Record<KtapStatus, number>;
  /** The same for the tests that have no subtests, at any depth. */
  leaves: Record<KtapStatus, number>;
  hasFailed: boolean;
  /** What waits for the name. */
  waiting: Item[];
  /** Blocks that are over, whose parent's result has not come. */
  orphans: Block[];
  /** Tests that were announced and have no result yet. */
  announced: string[][];
  /** What a program of kselftest_harness.h is at, in case that it does not live to tell. */
  running: string | undefined;
  /** The subtests that come next are of this test; `comment` is TAP 14's `# Subtest:`. */
  next: { name: string[]; comment: boolean } | undefined;
}

/** How deep subtests may be nested, and how much may wait for a name: garbage cannot fill the memory. */
const DEEPEST = 32;
const MOST_WAITING = 10_000;
const MOST_WAITING_WITH_OUTPUT = 200;
const MOST_ANNOUNCED = 1000;
const MOST_REPORTED = 100;
const MOST_NUMBERS = 10;

interface Parser {
  onTest: (test: KtapTest) => void;
  outcome: KtapOutcome;
  /** What was printed since the last result. */
  recent: RecentLines;
  /** The blocks that are open, each nested in the one before: never empty. */
  stack: Block[];
  /** How far TAP's YAML is indented, while in it. */
  yaml: number | undefined;
}

/**
 * Parses the results of kselftest, kunit and whatever else prints KTAP 1 or TAP 13/14, as they come.
 * `onTest` is called once for each test that has no subtests, as soon as its whole path is known,
 * and for one that failed although its subtests did not.
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
  // `1..5` alone may be anything.
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

/** Closes blocks until the innermost is the one at the margin or one that it would be nested in. */
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

/** The block at a margin, begun if need be; undefined where nothing can be nested any deeper. */
function openBlock(parser: Parser, margin: Margin): Block | undefined {
  const outer = closeTo(parser, margin);
  if (isAt(outer, margin)) return outer;
  if (parser.stack.length >= DEEPEST) return undefined;
  const block = createBlock(outer, margin, outer.next?.name);
  parser.stack.push(block);
  return block;
}

/** A second version line or plan: other results begin where the block's were. */
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
 * Whether a line at a margin can be of TAP: a block is open there, or a header has announced one.
 * Anything else that looks like a plan or a result is another program's.
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
  if (block.isOver) {
    const { plan } = block;
    block = restart(parser, block);
    block.plan = plan;
  }
  // kselftest_harness.h of Linux 6.1 names a test that it skips only when that begins.
  const name = line.isUnnamed ? (block.running ?? line.name) : line.name;
  addResult(parser, block, { ...line, name });
  return true;
}

function isPlausible(parser: Parser, line: ResultLine): boolean {
  const block = parser.stack.find((open) => isAt(open, line.margin));
  if (line.number === undefined) return block?.version === 'TAP' || block?.plan !== undefined;
  // TAP without a version and a plan before it may do: but `ok 5 files` of another program is none.
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
  // A suite of kunit without any test is not in its totals.
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
 * kunit numbers its suites from 1, under a plan where they are built in. Those of modules have none before
 * Linux 6.6: they count on through all modules before 6.0, and begin anew with each module since.
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

/** The blocks of subtests that a result sums up; whatever waited for its name goes on. */
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
    // A test that was skipped half-way has said so: its plan is void.
    finish(parser, child, line.status === 'skip');
  }
  return mine;
}

function noteNumber(parser: Parser, block: Block, number: number): void {
  const isNew = addNumber(block.numbers, number);
  if (!isNew) complain(parser, block, `test number ${number} came twice`);
  else if (number < block.last) {
    complain(parser, block, `test number ${number} came after ${block.last}`);
  }
  block.last = number;
}

function takePlan(parser: Parser, line: KtapLine & { kind: 'plan' }): boolean {
  if (!isExpected(parser, line.margin)) return false;
  let block = openBlock(parser, line.margin);
  if (block === undefined) return false;
  if (block.plan === line.count && block.results > 0) {
    // A program that forks with lines in its buffer prints them again: no results follow then.
    block.isOver = true;
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

/** kunit prints `# Subtest: name` at the top of the subtests, TAP 14 above them. */
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

/** Whether TAP 14 has announced the subtests that a margin stands in. */
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
 * `# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0` of kselftest counts the results of its
 * own level, `# Totals: pass:16 fail:0 skip:0 total:16` of kunit those of the suite above it.
 */
function checkTotals(parser: Parser, block: Block, text: string): boolean {
  const said = new Map(
    [...text.matchAll(/(\w+):(\d+)/g)].map(([, key, value]) => [key!, Number(value)]),
  );
  if (isCounted(block, said)) {
    block.isCounted = true;
    return true;
  }
  const suite = parser.stack[parser.stack.indexOf(block) + 1] ?? block.orphans.at(-1);
  const { pass, fail, skip, xfail, xpass } =
    (said.has('total') ? suite?.leaves : undefined) ?? block.counts;
  // Older kunit prints a parameter that was skipped as `ok`.
  const seen = said.has('total')
    ? { fail, total: pass + fail + skip + xfail + xpass }
    : { pass, fail, skip, xfail, xpass };
  const error = said.get('error') ?? 0;
  for (const [key, count] of Object.entries(seen)) {
    const claimed = said.has(key) ? said.get(key)! + (key === 'fail' ? error : 0) : count;
    if (claimed !== count) {
      complain(
        parser,
        suite?.kunit && said.has('total') ? suite : block,
        `its totals say ${key}:${claimed}, its lines ${key}:${count}`,
      );
    }
  }
  return true;
}

/**
 * kcmp_test and others of kselftest count what passed (`ksft_inc_pass_cnt`) and print no result of it.
 * Theirs is that of the program.
 */
function isCounted(block: Block, said: ReadonlyMap<string, number>): boolean {
  const sum = [...said.values()].reduce((total, count) => total + count, 0);
  const failed = (said.get('fail') ?? 0) + (said.get('error') ?? 0);
  return (
    block.parent !== undefined &&
    block.results === 0 &&
    sum === block.plan &&
    sum > 0 &&
    failed === 0
  );
}

/** A block is over: says what its plan had and it had not. */
function finish(parser: Parser, block: Block, isExcused: boolean): void {
  const begun =
    block.running === undefined ? block.announced : [...block.announced, [block.running]];
  const orphans = block.orphans.flatMap((child) => (child.name === undefined ? [] : [child.name]));
  const isUnheardOf = begun.length > 0 && block.orphans.length === 0;
  for (const child of block.orphans.splice(0)) finishOrphan(parser, child);
  if (isExcused || block.isCounted) return;
  if (block.kunit && block.results === 0 && !block.plan)
    complain(parser, block, 'no test is in it');
  const missing = missingNumbers(block.numbers, block.plan ?? block.last);
  const numbers = firstNumbers(missing);
  const isWhole = block.plan !== undefined && missing.length === 0;
  const names = isWhole ? [] : unique([...begun, ...orphans]);
  names.push(...numbers.slice(names.length).map((number) => [`#${number}`]));
  for (const path of names) deliver(parser, block, { kind: 'missing', path });
  if (block.plan === undefined) {
    if (isUnheardOf) complain(parser, block, 'a test did not end');
    if (missing.length > 0) complain(parser, block, `no result of test ${formatNumbers(missing)}`);
    // Suites of kunit that come in modules may do without; then there is no version either.
    const isPlanned = block.version !== undefined || block.ownResults > 0;
    if (block.parent === undefined && isPlanned) {
      complain(parser, block, 'no plan (1..N): there is no telling whether these are all tests');
    }
  } else if (missing.length > 0 || block.results !== block.plan) {
    const which = missing.length === 0 ? '' : `: no result of test ${formatNumbers(missing)}`;
    complain(parser, block, `planned ${block.plan}, saw ${block.results}${which}`);
  }
}

function finishOrphan(parser: Parser, block: Block): void {
  if (block.name === undefined) nameBlock(parser, block, [placeholder(block.parent!)]);
  complain(parser, block, 'subtests without the result of the test itself');
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

/** TAP's YAML stands below its result, which is gone already; it is not the next test's. */
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
    isOver: false,
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

/** One level is two spaces at least. */
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

/** The first numbers of some ranges, as many as are worth a line each. */
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

/** Without those that another one is nested in. */
function innermost(paths: readonly string[][]): string[][] {
  const isAround = (path: readonly string[], other: readonly string[]): boolean =>
    other.length > path.length && path.every((part, index) => part === other[index]);
  return paths.filter((path) => !paths.some((other) => isAround(path, other)));
}

/** What a program printed is shown as it printed it. */
function withoutMargin(line: string, hashes: number): string {
  let rest = line;
  for (let i = 0; i < hashes && rest.startsWith('# '); i++) rest = rest.slice(2);
  return rest;
}
