import { stripVTControlCharacters } from 'node:util';
import type { RunResult, RunSplat, TestResult } from './run-result.ts';

/** The output of the command, or the end of it. */
export interface RunOutput {
  stdout: string;
  stderr: string;
}

/** Maximum length of an output in the report, in characters; of a longer one, the end is kept. */
const MAX_OUTPUT = 64 * 1024;

interface Suite {
  name: string;
  cases: Case[];
  /** In milliseconds; undefined: the sum of its cases. */
  duration?: number | undefined;
  /** Properties without a value are omitted. */
  properties?: [name: string, value: string | undefined][];
  output?: RunOutput;
}

interface Case {
  name: string;
  /** undefined: it passed. */
  outcome?: {
    kind: 'failure' | 'error' | 'skipped';
    message: string;
    type?: string;
    text?: string;
  };
  /** Milliseconds. */
  duration?: number | undefined;
  output?: string | undefined;
}

const KERNEL_LOG = 'kernel log';

/** Verdicts that are not the fault of a test. `splat` has its own suite. */
const NO_TEST_FAILURE = ['crash', 'timeout', 'error', 'interrupted'];

/**
 * Formats a run as JUnit XML, as read by Jenkins, GitLab and GitHub actions: `testsuites`, `testsuite`, `testcase`,
 * and in it `failure`, `error` or `skipped`; times in seconds. There is no standard; this follows the output of Maven
 * Surefire.
 *
 * It contains a failure or an error if and only if the verdict is not `pass`.
 */
export function formatJunit(result: RunResult, output: RunOutput): string {
  const suites = [
    commandSuite(result, output),
    autorunSuite(result),
    kernelLogSuite(result),
  ].filter((suite) => suite.cases.length > 0);
  applyVerdict(result, suites);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({
      name: `rapido ${result.cut}`,
      ...countCases(suites.flatMap((suite) => suite.cases)),
      time: seconds(result.times.total),
    })}>`,
    ...suites.flatMap((suite) => formatSuite(suite, result)),
    '</testsuites>',
    '',
  ].join('\n');
}

function commandSuite(result: RunResult, output: RunOutput): Suite {
  const cases = result.tests.map(testCase);
  if (NO_TEST_FAILURE.includes(result.verdict)) {
    const name = `${nameCommand(result)} (${result.verdict})`;
    cases.push({ name, outcome: { kind: 'error', message: result.reason, type: result.verdict } });
  } else if (cases.length === 0) cases.push(commandCase(result));
  return {
    name: result.cut,
    cases,
    duration: result.times.command,
    properties: Object.entries({
      run: result.id,
      verdict: result.verdict,
      cut: result.cut,
      'kernel.release': result.kernel?.release,
      'kernel.image': result.kernel?.image,
      'kernel.git': result.kernel?.git,
      accelerator: result.vm?.accelerator,
      cpus: result.vm?.cpus,
      memory: result.vm?.memory,
    }).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    output,
  };
}

function testCase(test: TestResult): Case {
  const { name, duration, output, status, message = '' } = test;
  switch (status) {
    case 'pass':
      return { name, duration, output };
    case 'skip':
      return { name, duration, output, outcome: { kind: 'skipped', message } };
    case 'xfail': {
      const reason = `failed as expected${message === '' ? '' : `: ${message}`}`;
      return { name, duration, output, outcome: { kind: 'skipped', message: reason } };
    }
    case 'fail': {
      const text = output === undefined ? {} : { text: output };
      return { name, duration, outcome: { kind: 'failure', message, type: status, ...text } };
    }
    case 'interrupted':
      // Neither a failure nor a result: the verdict of the run says why.
      return { name, duration, output, outcome: { kind: 'error', message, type: status } };
    case 'xpass':
      // Not a failure. Whether it fails the run depends on the verdict.
      return { name, duration, output: [message, output].filter(Boolean).join('\n') };
  }
}

/** The command itself, if its output contains no tests. */
function commandCase(result: RunResult): Case {
  const name = nameCommand(result);
  const duration = result.command === undefined ? result.times.autorun : result.times.command;
  const hasFailed = result.commandStatus !== undefined && result.commandStatus !== 0;
  if (!hasFailed) return { name, duration };
  const message = `exit status ${result.commandStatus}`;
  return { name, duration, outcome: { kind: 'failure', message, type: 'status' } };
}

function nameCommand({ command }: RunResult): string {
  if (command === undefined) return 'autorun';
  if ('arguments' in command) return command.arguments.join(' ');
  return 'shell' in command ? command.shell : command.script;
}

function autorunSuite(result: RunResult): Suite {
  // Only the sum of the durations is known.
  const duration = result.autorun.length === 1 ? result.times.autorun : undefined;
  const cases = result.autorun.map(({ script, status }): Case => {
    if (status === 0) return { name: script, duration };
    return {
      name: script,
      duration,
      outcome: { kind: 'failure', message: `exit status ${status}`, type: 'status' },
    };
  });
  return { name: 'autorun', cases, duration: result.times.autorun };
}

function kernelLogSuite(result: RunResult): Suite {
  return { name: KERNEL_LOG, cases: result.splats.map(splatCase) };
}

function splatCase(splat: RunSplat): Case {
  const { kind, title, excused, severity, during, count } = splat;
  const text = splat.decoded ?? splat.text;
  if (excused !== undefined) {
    return { name: title, output: text, outcome: { kind: 'skipped', message: excused } };
  }
  if (severity === 'note') return { name: title, output: text };
  const message = [
    title,
    ...(during === undefined ? [] : [`during ${during}`]),
    ...(count > 1 ? [`${count} times`] : []),
  ].join(', ');
  return { name: title, outcome: { kind: 'failure', message, type: kind, text } };
}

/**
 * Adjusts the cases to the verdict: failures that do not count become skipped, and if no case shows the reason for
 * the verdict, one is added.
 */
function applyVerdict(result: RunResult, suites: Suite[]): void {
  const { verdict, reason } = result;
  const bad = suites.flatMap(({ cases }) => cases.filter(isBad));
  if (verdict === 'pass') {
    for (const one of bad) {
      one.output = [one.outcome!.message, one.outcome!.text].filter(Boolean).join('\n');
      one.outcome = { kind: 'skipped', message: `does not fail the run: ${reason}` };
    }
    return;
  }
  // A kernel report does not show that the command failed as well.
  const relevant = suites.filter(({ name }) => verdict === 'splat' || name !== KERNEL_LOG);
  if (relevant.some(({ cases }) => cases.some(isBad))) return;
  const outcome = { kind: 'failure', message: reason, type: verdict } as const;
  suites[0]!.cases.push({ name: `${nameCommand(result)} (${verdict})`, outcome });
}

function isBad({ outcome }: Case): boolean {
  return outcome?.kind === 'failure' || outcome?.kind === 'error';
}

function countCases(cases: readonly Case[]): Record<string, string> {
  const count = (kind: string): string =>
    String(cases.filter(({ outcome }) => outcome?.kind === kind).length);
  return {
    tests: String(cases.length),
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
  };
}

function formatSuite(suite: Suite, result: RunResult): string[] {
  const time = suite.cases.reduce((sum, { duration }) => sum + (duration ?? 0), 0);
  return [
    `  <testsuite ${attributes({
      name: suite.name,
      ...countCases(suite.cases),
      time: seconds(suite.duration ?? time),
      // Surefire writes no time zone, and Jenkins assumes UTC.
      timestamp: result.started.replace(/\.\d+/, '').replace(/Z$/, ''),
      // The VM has no permanent name.
      hostname: result.id,
    })}>`,
    ...formatProperties(suite.properties ?? []),
    ...suite.cases.flatMap((one) => formatCase(one, suite.name)),
    ...formatText('    ', 'system-out', suite.output?.stdout),
    ...formatText('    ', 'system-err', suite.output?.stderr),
    '  </testsuite>',
  ];
}

function formatProperties(properties: readonly [string, string | undefined][]): string[] {
  const known = properties.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  if (known.length === 0) return [];
  const lines = known.map(([name, value]) => `      <property ${attributes({ name, value })}/>`);
  return ['    <properties>', ...lines, '    </properties>'];
}

function formatCase(one: Case, suite: string): string[] {
  const { name, outcome, output, duration } = one;
  const open = `    <testcase ${attributes({ name, classname: suite, time: seconds(duration ?? 0) })}`;
  const inner = formatText('      ', 'system-out', output);
  if (outcome !== undefined) {
    const { kind, message, type, text } = outcome;
    const element = `${kind} ${attributes({ message, ...(type === undefined ? {} : { type }) })}`;
    inner.unshift(
      text === undefined || text === ''
        ? `      <${element}/>`
        : `      <${element}>${escapeXml(lastPart(text))}</${kind}>`,
    );
  }
  return inner.length === 0 ? [`${open}/>`] : [`${open}>`, ...inner, '    </testcase>'];
}

function formatText(indent: string, element: string, text: string | undefined): string[] {
  if (text === undefined || text === '') return [];
  return [`${indent}<${element}>${escapeXml(lastPart(text))}</${element}>`];
}

function lastPart(text: string): string {
  if (text.length <= MAX_OUTPUT) return text;
  return `[the first ${text.length - MAX_OUTPUT} characters are omitted]\n${text.slice(-MAX_OUTPUT)}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escapeAttribute(value)}"`)
    .join(' ');
}

/** An XML parser converts line ends and tabs in an attribute to spaces, unless they are escaped. */
function escapeAttribute(value: string): string {
  return escapeXml(value).replace(/[\t\n]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * XML 1.0 cannot represent most of these, escaped or not. The others, C1 and invisible characters
 * (`ui/plain-text.ts`), could control a terminal that shows the report.
 */
const NOT_TEXT =
  /[^\t\n\r\u{20}-\u{7e}\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]|[\u2028\u2029\p{Cf}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/** Escapes any text for XML: without colours, and with `\ufffd` in place of other control characters. */
function escapeXml(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .replace(NOT_TEXT, '\ufffd')
    .replace(/[&<>"\r]/g, (character) => ENTITIES[character]!);
}
