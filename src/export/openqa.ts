import type { RunResult } from '../results/run-result.ts';
import { type Case, type CaseSuite, casesOf, failsRun, makeUnique } from './cases.ts';
import { formatProperties } from './junit.ts';
import { describeProperties } from './properties.ts';
import { escapeXml, formatAttributes, formatSeconds, toXmlText } from './xml.ts';

/** Longer outputs are cut, in characters; the end is kept. openQA makes a file of each. */
const MAX_OUTPUT = 64 * 1024;

/**
 * Formats a run as XML for openQA's parser XUnit (lib/OpenQA/Parser/Format/XUnit.pm). What that parser reads:
 * - `testsuite`: a test module. `name`, of which the part after the first dot is lost; `classname`, the category;
 *   the counts, of which `softfailures`, `failures` and `errors` make the result.
 * - `testcase`: a step with the text of its children `passed`, `skipped`, `softfailure`, `failure` and `error`. It
 *   does not read `system-out`. A soft failure is a known one.
 */
export function formatOpenqa(result: RunResult): string {
  const suites = casesOf(result);
  const names = makeUnique(suites.map(({ name }) => moduleName(name)));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    ...suites.flatMap((suite, index) => formatSuite(suite, names[index]!, index === 0, result)),
    '</testsuites>',
    '',
  ].join('\n');
}

/** The name becomes a part of a URL and of file names. */
function moduleName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_');
}

function formatSuite(
  suite: CaseSuite,
  name: string,
  isFirst: boolean,
  result: RunResult,
): string[] {
  const { cases } = suite;
  const count = (kind: Case['kind']): string =>
    String(cases.filter((one) => one.kind === kind).length);
  const names = makeUnique(cases.map((one) => toXmlText(one.name)));
  return [
    `  <testsuite ${formatAttributes({
      name,
      classname: 'rapido',
      tests: String(cases.length),
      failures: count('fail'),
      errors: count('error'),
      softfailures: count('expected'),
      skipped: count('skip'),
      time: formatSeconds(suite.duration ?? 0),
    })}>`,
    ...(isFirst ? formatProperties(describeProperties(result)) : []),
    ...cases.flatMap((one, index) => formatStep(one, names[index]!)),
    '  </testsuite>',
  ];
}

const ELEMENTS = {
  pass: 'passed',
  fail: 'failure',
  error: 'error',
  skip: 'skipped',
  expected: 'softfailure',
} as const satisfies Record<Case['kind'], string>;

function formatStep(one: Case, name: string): string[] {
  const { kind, message = '', type, duration = 0 } = one;
  const output = (one.output ?? '').slice(-MAX_OUTPUT);
  const element = ELEMENTS[kind];
  const attributes = {
    ...(message !== '' && { message }),
    ...(failsRun(one) && type !== undefined && { type }),
  };
  const tag = [element, formatAttributes(attributes)].filter(Boolean).join(' ');
  return [
    `    <testcase ${formatAttributes({ name, time: formatSeconds(duration) })}>`,
    `      <${tag}>${escapeXml(output)}</${element}>`,
    '    </testcase>',
  ];
}
