import type { RunResult } from '../results/run-result.ts';
import { type Case, type CaseSuite, casesOf, failsRun, makeUnique } from './cases.ts';
import { describeProperties } from './properties.ts';
import { escapeXml, formatAttributes, formatSeconds, toXmlText } from './xml.ts';

/** The output of the command, or the end of it. */
export interface RunOutput {
  stdout: string;
  stderr: string;
}

/** Maximum length of an output in the report, in characters; of a longer one, the end is kept. */
const MAX_OUTPUT = 64 * 1024;
const LEAST_OUTPUT = 64;

/** GitLab rejects a larger file, in bytes. https://docs.gitlab.com/administration/instance_limits/ */
const LARGEST_REPORT = 30_000_000;

/**
 * Formats a run as JUnit XML, as read by Jenkins, GitLab and GitHub actions: `testsuites`, `testsuite`, `testcase`,
 * and in it `failure`, `error` or `skipped`; times in seconds. There is no standard; this follows the output of Maven
 * Surefire.
 *
 * It contains a failure or an error if and only if the verdict is not `pass`. Names are unique.
 * @param limit of the size of the file, in bytes. To stay below it, first outputs are shortened, then passed and
 *   skipped tests are left out.
 */
export function formatJunit(result: RunResult, output: RunOutput, limit = LARGEST_REPORT): string {
  const suites = casesOf(result);
  const format = (most: number): string => formatReport(result, suites, output, most);
  const fits = (xml: string): boolean => Buffer.byteLength(xml) <= limit;
  let withoutOutput: string | undefined;
  for (let most = MAX_OUTPUT; most >= LEAST_OUTPUT; most /= 4) {
    if (estimateSize(suites, most) > limit) continue;
    const xml = format(most);
    if (fits(xml)) return xml;
    withoutOutput ??= format(0);
    if (!fits(withoutOutput)) break;
  }
  withoutOutput ??= format(0);
  return fits(withoutOutput)
    ? withoutOutput
    : formatReport(result, keepFailures(suites, limit), output, 0);
}

/** The least size of the report, so that no attempt is made that must fail. */
function estimateSize(suites: readonly CaseSuite[], most: number): number {
  const sizeOf = ({ output = '' }: Case): number => Math.min(output.length, most);
  return suites.flatMap(({ cases }) => cases).reduce((sum, one) => sum + sizeOf(one), 0);
}

/** Room for a case with its name, class and message, escaped, in bytes. */
const LARGEST_CASE = 20_000;

/** Only the cases that failed, as many as fit, and one that says how many others there are. */
function keepFailures(suites: readonly CaseSuite[], limit: number): CaseSuite[] {
  const all = suites.flatMap(({ cases }) => cases);
  const kept = new Set(all.filter(failsRun).slice(0, Math.floor(limit / LARGEST_CASE) - 2));
  const name = `${all.length - kept.size} more cases: the report would be too large`;
  return suites.map((suite, index) => ({
    ...suite,
    cases: [
      ...suite.cases.filter((one) => kept.has(one)),
      ...(index === 0 ? [{ name, kind: 'skip' as const, message: 'see result.json' }] : []),
    ],
  }));
}

function formatReport(
  result: RunResult,
  suites: readonly CaseSuite[],
  output: RunOutput,
  most: number,
): string {
  const names = makeUnique(suites.map(({ name }) => toXmlText(name)));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${formatAttributes({
      name: `rapido ${result.cut}`,
      ...countCases(suites.flatMap((suite) => suite.cases)),
      time: formatSeconds(result.times.total),
    })}>`,
    ...suites.flatMap((suite, index) =>
      formatSuite({ ...suite, name: names[index]! }, result, index === 0 ? output : NONE, most),
    ),
    '</testsuites>',
    '',
  ].join('\n');
}

const NONE: RunOutput = { stdout: '', stderr: '' };

const COUNTED = {
  failures: ['fail'],
  errors: ['error'],
  skipped: ['skip', 'expected'],
} as const satisfies Record<string, readonly Case['kind'][]>;

function countCases(cases: readonly Case[]): Record<string, string> {
  const count = (kinds: readonly Case['kind'][]): string =>
    String(cases.filter(({ kind }) => kinds.includes(kind)).length);
  return {
    tests: String(cases.length),
    failures: count(COUNTED.failures),
    errors: count(COUNTED.errors),
    skipped: count(COUNTED.skipped),
  };
}

/** The first suite has the properties of the run and the output of the command. */
function formatSuite(
  suite: CaseSuite,
  result: RunResult,
  output: RunOutput,
  most: number,
): string[] {
  const time = suite.cases.reduce((sum, { duration }) => sum + (duration ?? 0), 0);
  const names = makeUnique(suite.cases.map(({ name }) => toXmlText(name)));
  return [
    `  <testsuite ${formatAttributes({
      name: suite.name,
      ...countCases(suite.cases),
      time: formatSeconds(suite.duration ?? time),
      // Surefire writes no time zone, and Jenkins assumes UTC.
      timestamp: result.started.replace(/\.\d+/, '').replace(/Z$/, ''),
      // The VM has no permanent name.
      hostname: result.id,
    })}>`,
    ...(output === NONE ? [] : formatProperties(describeProperties(result))),
    ...suite.cases.flatMap((one, index) =>
      formatCase({ ...one, name: names[index]! }, suite.name, most),
    ),
    ...formatText('    ', 'system-out', output.stdout, most),
    ...formatText('    ', 'system-err', output.stderr, most),
    '  </testsuite>',
  ];
}

/** Also for the XUnit of openQA. */
export function formatProperties(properties: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(properties).map(
    ([name, value]) => `      <property ${formatAttributes({ name, value })}/>`,
  );
  return ['    <properties>', ...lines, '    </properties>'];
}

const ELEMENTS = { fail: 'failure', error: 'error', skip: 'skipped', expected: 'skipped' } as const;

function formatCase(one: Case, suite: string, most: number): string[] {
  const { name, kind, message = '', type, output, duration } = one;
  const open = `    <testcase ${formatAttributes({ name, classname: suite, time: formatSeconds(duration ?? 0) })}`;
  if (kind === 'pass') return enclose(open, formatText('      ', 'system-out', output, most));
  const element = ELEMENTS[kind];
  if (!failsRun(one)) {
    const skipped = `      <${element} ${formatAttributes({ message })}/>`;
    return enclose(open, [skipped, ...formatText('      ', 'system-out', output, most)]);
  }
  const tag = `${element} ${formatAttributes({ message, ...(type !== undefined && { type }) })}`;
  const text = output === undefined ? '' : lastPart(output, most);
  return enclose(open, [
    text === '' ? `      <${tag}/>` : `      <${tag}>${escapeXml(text)}</${element}>`,
  ]);
}

function enclose(open: string, inner: readonly string[]): string[] {
  return inner.length === 0 ? [`${open}/>`] : [`${open}>`, ...inner, '    </testcase>'];
}

function formatText(
  indent: string,
  element: string,
  text: string | undefined,
  most: number,
): string[] {
  const shown = lastPart(text ?? '', most);
  return shown === '' ? [] : [`${indent}<${element}>${escapeXml(shown)}</${element}>`];
}

function lastPart(text: string, most: number): string {
  if (text.length <= most) return text;
  if (most === 0) return '';
  return `[the first ${text.length - most} characters are omitted]\n${text.slice(-most)}`;
}
