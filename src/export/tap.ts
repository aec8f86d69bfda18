import type { RunResult } from '../results/run-result.ts';
import { toPlainLines, toPlainText } from '../ui/plain-text.ts';
import { type Case, type CaseSuite, casesOf, failsRun, makeUnique } from './cases.ts';

/** Longer outputs are cut in TAP and KTAP, in characters; the end is kept. */
const MAX_OUTPUT = 64 * 1024;

/**
 * Formats a run as TAP 14 (testanything.org), without subtests: a test point for each case, with a YAML block of its
 * message, output and time. Failures that do not fail the run have the directive TODO.
 */
export function formatTap(result: RunResult): string {
  const suites = casesOf(result);
  const names = makeUnique(suites.flatMap((suite, index) => tapNames(suite, index === 0)));
  const cases = suites.flatMap((suite) => suite.cases);
  const points = cases.flatMap((one, index) => formatPoint(one, index + 1, names[index]!));
  return `${['TAP version 14', `1..${cases.length}`, ...points].join('\n')}\n`;
}

/** The names of the first suite, which has the tests, are not prefixed. */
function tapNames({ name: suite, cases }: CaseSuite, isFirst: boolean): string[] {
  return cases.map(({ name }) => {
    const plain = toPlainText(name).trim() || UNNAMED;
    return isFirst ? plain : `${suite}: ${plain}`;
  });
}

const UNNAMED = 'unnamed';

function formatPoint(one: Case, number: number, name: string): string[] {
  const isOk = one.kind === 'pass' || one.kind === 'skip';
  const reason = escapeTap(toPlainText(one.message ?? ''));
  const directive =
    one.kind === 'skip' ? ` # SKIP ${reason}` : one.kind === 'expected' ? ` # TODO ${reason}` : '';
  const point = `${isOk ? 'ok' : 'not ok'} ${number} - ${escapeTap(name)}${directive}`;
  return [point.trimEnd(), ...formatDiagnostics(one)];
}

/** A `#` that is not escaped begins a directive. */
function escapeTap(text: string): string {
  return text.replace(/[\\#]/g, '\\$&');
}

/** As YAML, of which JSON is a part: strings in double quotes. */
function formatDiagnostics(one: Case): string[] {
  const { message, type, duration } = one;
  const output = plainOutput(one);
  const fields = {
    ...(failsRun(one) && { message: toPlainText(message ?? '') }),
    ...(type !== undefined && { type }),
    ...(duration !== undefined && { duration_ms: duration }),
    ...(output !== '' && { output }),
  };
  const lines = Object.entries(fields).map(
    ([name, value]) => `  ${name}: ${JSON.stringify(value)}`,
  );
  return lines.length === 0 ? [] : ['  ---', ...lines, '  ...'];
}

function plainOutput({ output = '' }: Case): string {
  return toPlainLines(output.slice(-MAX_OUTPUT)).trimEnd();
}

/**
 * Formats a run as KTAP 1 (Documentation/dev-tools/ktap.rst), a level for the suites and one for their cases. Message
 * and output of a case are diagnostic lines before its result, as KUnit prints them. They begin with `# |`, so that
 * output which looks like KTAP is not taken for results.
 *
 * A failure that does not fail the run is `ok # XFAIL`, as kselftest.h prints it: KTAP has no other way to say so that
 * all readers understand.
 */
export function formatKtap(result: RunResult): string {
  const suites = casesOf(result);
  const names = makeUnique(suites.map(({ name }) => toKtapName(name)));
  const lines = suites.flatMap((suite, index) => [
    ...formatKtapSuite(suite, names[index]!).map((line) => `  ${line}`),
    formatKtapResult(suite.cases.some(failsRun), index + 1, names[index]!),
  ]);
  return `${['KTAP version 1', `1..${suites.length}`, ...lines].join('\n')}\n`;
}

function formatKtapSuite({ cases }: CaseSuite, suite: string): string[] {
  const names = makeUnique(cases.map(({ name }) => toKtapName(name)));
  return [
    'KTAP version 1',
    `# Subtest: ${suite}`,
    `1..${cases.length}`,
    ...cases.flatMap((one, index) => [
      ...formatKtapDiagnostics(one),
      formatKtapResult(failsRun(one), index + 1, names[index]!, ktapDirective(one)),
    ]),
  ];
}

function formatKtapResult(
  hasFailed: boolean,
  number: number,
  name: string,
  directive = '',
): string {
  return `${hasFailed ? 'not ok' : 'ok'} ${number} ${name}${directive}`;
}

/** A `#` would begin a directive, and KTAP has no escapes. */
function toKtapName(name: string): string {
  return toPlainText(name).replaceAll('#', '_').trim() || UNNAMED;
}

function ktapDirective({ kind, message = '' }: Case): string {
  if (kind !== 'skip' && kind !== 'expected') return '';
  const reason = toPlainText(message).replaceAll('#', '_');
  return ` # ${kind === 'skip' ? 'SKIP' : 'XFAIL'} ${reason}`.trimEnd();
}

function formatKtapDiagnostics(one: Case): string[] {
  const output = plainOutput(one);
  const message = failsRun(one) ? [toPlainText(one.message ?? '')] : [];
  const lines = [...message, ...(output === '' ? [] : output.split('\n'))];
  return lines.map((line) => `# | ${line}`.trimEnd());
}
