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

/** autorun/ltp.sh: `run-ltp: getpid01` */
export const LTP_MARK: TestMark = { clue: 'run-ltp: ', line: /^run-ltp: (\S+)$/ };

/**
 * Bits of the exit status of a test: `include/tst_res_flags.h` of https://github.com/linux-test-project/ltp.
 * A conf is a test that cannot be run here.
 */
const EXIT_BITS = { TFAIL: 1, TBROK: 2, TWARN: 4, TCONF: 32 } as const;

type Problem = keyof typeof EXIT_BITS;

/** From bad to harmless: which of several names the result. */
const GRAVITY: readonly Problem[] = ['TBROK', 'TFAIL', 'TWARN', 'TCONF'];

interface OpenTest {
  tag: string | undefined;
  /** In the part that the test printed. */
  isOutput: boolean;
  recent: RecentLines;
  /** First message of each kind. */
  said: Map<string, string>;
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
 * Reads the form in which ltp-pan told of tests, which `runltp` and the runner of the cut `ltp` print:
 * `<<<test_start>>>`, `tag=…`, `<<<test_output>>>`, what the test prints, `<<<execution_status>>>` with
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
    // A test need not end its last line.
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
    said: new Map(),
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

/** `getpid01.c:35: TFAIL: …` of today's tests, `abs01  1  TFAIL  :  …` of the old ones. */
const MESSAGE = /^\S+(?::\d+:|\s+\d+)\s+(TPASS|TFAIL|TBROK|TCONF|TWARN)\b[^:]*:\s*(.*)$/;

function addOutput(open: OpenTest, raw: string): void {
  const line = stripVTControlCharacters(raw);
  const [, kind, text = ''] = MESSAGE.exec(line) ?? [];
  if (kind !== undefined && !open.said.has(kind)) open.said.set(kind, text);
  open.recent.add(line);
}

function endTest(parser: Parser, open: OpenTest): void {
  parser.open = undefined;
  if (open.tag === undefined) {
    parser.outcome.problems.push('a test without a tag');
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

/** A test that says TFAIL and exits with 0 has failed; so has one that says nothing and exits with 1. */
function judge({ status, said }: OpenTest): { status: TestStatus; message?: string } {
  const type = status.get('termination_type') ?? '';
  const id = Number(status.get('termination_id'));
  if (type !== 'exited' || !Number.isInteger(id)) {
    return { status: 'fail', message: describeTermination(type, status.get('termination_id')) };
  }
  const isKnown = id < 64;
  const worst = GRAVITY.find(
    (kind) => (kind !== 'TCONF' && said.has(kind)) || (isKnown && (id & EXIT_BITS[kind]) !== 0),
  );
  if (worst === undefined) {
    return id === 0 ? { status: 'pass' } : { status: 'fail', message: `exit status ${id}` };
  }
  const text = said.get(worst);
  const message = text === undefined ? `${worst} (exit status ${id})` : `${worst}: ${text}`;
  return { status: worst === 'TCONF' ? 'skip' : 'fail', message };
}

function describeTermination(type: string, id = ''): string {
  if (type === 'signaled') return `killed by signal ${id}`;
  return type === '' ? 'how it ended is not known' : `${type} ${id}`.trim();
}
