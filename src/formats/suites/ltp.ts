import { stripVTControlCharacters } from 'node:util';
import { createRecentLines, type RecentLines } from './recent-lines.ts';
import type {
  SuiteListener,
  SuiteOutcome,
  SuiteParser,
  SuiteTest,
  TestMark,
  TestStatus,
} from './suite.ts';

/** autorun/ltp.sh logs `run-ltp: getpid01`. */
export const LTP_MARK: TestMark = { clue: 'run-ltp: ', line: /^run-ltp: (\S+)$/ };

/**
 * Bits of the exit status of a test: `include/tst_res_flags.h` of https://github.com/linux-test-project/ltp.
 * TCONF means that the test cannot run here.
 */
const EXIT_BITS = { TFAIL: 1, TBROK: 2, TWARN: 4, TCONF: 32 } as const;

type Problem = keyof typeof EXIT_BITS;

/** From worst to harmless: the worst one decides the result. */
const GRAVITY: readonly Problem[] = ['TBROK', 'TFAIL', 'TWARN', 'TCONF'];

interface OpenTest {
  tag: string | undefined;
  /** Within the output of the test. */
  isOutput: boolean;
  recent: RecentLines;
  /** First message of each kind. */
  messages: Map<string, string>;
  /** From the part <<<execution_status>>>. */
  status: Map<string, string>;
}

interface Parser {
  listener: SuiteListener;
  outcome: SuiteOutcome;
  open: OpenTest | undefined;
  counts: Map<string, number>;
}

/**
 * Parses the format of ltp-pan, which `runltp` and the runner of the cut `ltp` print:
 * `<<<test_start>>>`, `tag=…`, `<<<test_output>>>`, the output of the test, `<<<execution_status>>>` with
 * `duration=`, `termination_type=` and `termination_id=`, and `<<<test_end>>>`.
 */
export function createLtpParser(listener: SuiteListener): SuiteParser {
  const parser: Parser = {
    listener,
    outcome: { found: false, problems: [] },
    open: undefined,
    counts: new Map(),
  };
  return { push: (line) => takeLine(parser, line), end: () => parser.outcome };
}

function takeLine(parser: Parser, line: string): void {
  const [, before = '', mark] =
    /^(.*?)<<<(test_start|test_output|execution_status|test_end)>>>$/.exec(line) ?? [];
  const { open } = parser;
  if (mark === 'test_start') {
    parser.outcome.found = true;
    parser.open = startTest();
  } else if (open === undefined) return;
  else if (mark === 'test_output') open.isOutput = true;
  else if (mark === 'execution_status') {
    // The last line of the output may lack a line feed.
    if (before !== '') addOutput(open, before);
    open.isOutput = false;
  } else if (mark === 'test_end') endTest(parser, open);
  else if (open.isOutput) addOutput(open, line);
  else takeFields(parser, open, line);
}

function startTest(): OpenTest {
  return {
    tag: undefined,
    isOutput: false,
    recent: createRecentLines(),
    messages: new Map(),
    status: new Map(),
  };
}

/** `tag=abs01 stime=1234`, `cmdline="abs01"`, `duration=0 termination_type=exited termination_id=0` */
function takeFields({ listener, counts }: Parser, open: OpenTest, line: string): void {
  const isFirst = open.tag === undefined;
  for (const [, key = '', quoted, plain] of line.matchAll(/(\w+)=(?:"(.*)"|(\S*))/g)) {
    const value = quoted ?? plain ?? '';
    if (key === 'tag' && isFirst) {
      const count = (counts.get(value) ?? 0) + 1;
      counts.set(value, count);
      open.tag = count === 1 ? value : `${value}#${count}`;
      listener.onStart([open.tag]);
    } else open.status.set(key, value);
  }
}

/** `getpid01.c:35: TFAIL: …` in current tests, `abs01  1  TFAIL  :  …` in old ones. */
const MESSAGE = /^\S+(?::\d+:|\s+\d+)\s+(TPASS|TFAIL|TBROK|TCONF|TWARN)\b[^:]*:\s*(.*)$/;

function addOutput(open: OpenTest, raw: string): void {
  const line = stripVTControlCharacters(raw);
  const [, kind, text = ''] = MESSAGE.exec(line) ?? [];
  if (kind !== undefined && !open.messages.has(kind)) open.messages.set(kind, text);
  open.recent.add(line);
}

function endTest(parser: Parser, open: OpenTest): void {
  parser.open = undefined;
  if (open.tag === undefined) {
    parser.outcome.problems.push('a test has no tag');
    return;
  }
  const { status, message } = judge(open);
  const output = open.recent.take();
  const seconds = Number(open.status.get('duration'));
  const test: SuiteTest = {
    path: [open.tag],
    status,
    ...(message !== undefined && { message }),
    ...(status === 'fail' && output !== '' && { output }),
    ...(Number.isFinite(seconds) && { duration: Math.round(seconds * 1000) }),
  };
  parser.listener.onTest(test);
}

/** A test fails if it prints TFAIL, even if it exits with 0, and if it exits with 1 without a message. */
function judge({ status, messages }: OpenTest): { status: TestStatus; message?: string } {
  const type = status.get('termination_type') ?? '';
  const id = Number(status.get('termination_id'));
  if (type !== 'exited' || !Number.isInteger(id)) {
    return { status: 'fail', message: describeTermination(type, status.get('termination_id')) };
  }
  const isKnown = id < 64;
  const worst = GRAVITY.find(
    (kind) => (kind !== 'TCONF' && messages.has(kind)) || (isKnown && (id & EXIT_BITS[kind]) !== 0),
  );
  if (worst === undefined) {
    return id === 0 ? { status: 'pass' } : { status: 'fail', message: `exit status ${id}` };
  }
  const text = messages.get(worst);
  const message = text === undefined ? `${worst} (exit status ${id})` : `${worst}: ${text}`;
  return { status: worst === 'TCONF' ? 'skip' : 'fail', message };
}

function describeTermination(type: string, id = ''): string {
  if (type === 'signaled') return `killed by signal ${id}`;
  return type === '' ? 'unknown termination' : `${type} ${id}`.trim();
}
