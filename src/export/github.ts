import { excerptOf } from '../results/excerpt.ts';
import type { RunResult, RunSplat, TestResult } from '../results/run-result.ts';
import { formatDuration } from '../ui/format.ts';
import { toPlainLines, toPlainText } from '../ui/plain-text.ts';
import { nameCommand, notableTests } from './cases.ts';

/** The largest summary of a step, in bytes; GitHub rejects a larger one as a whole. */
export const LARGEST_SUMMARY = 1024 * 1024;

/** How many annotations of a kind GitHub shows for a step. It ignores the others. */
const MOST_ANNOTATIONS = 10;

/** Longer outputs are cut, in characters; the end is kept. */
const MAX_OUTPUT = 16 * 1024;

/**
 * Formats a run as the summary of a step of GitHub Actions, in its Markdown. What came from the guest cannot become
 * markup.
 * @param limit what is left of the size of the file, in bytes
 */
export function formatGithubSummary(result: RunResult, limit = LARGEST_SUMMARY): string {
  const parts = [
    ...formatHead(result).map((part) => () => part),
    ...notableTests(result).map((test) => () => formatTest(test)),
    ...result.splats.filter(isWorthShowing).map((splat) => () => formatReport(splat)),
  ];
  return joinWithin(parts, limit);
}

const ICONS = {
  pass: '✅',
  fail: '❌',
  crash: '💥',
  splat: '⚠️',
  timeout: '⏱️',
  interrupted: '⏹️',
  error: '🚫',
} as const satisfies Record<RunResult['verdict'], string>;

function formatHead(result: RunResult): string[] {
  const { verdict, cut, reason, kernel, vm, times, id } = result;
  const rows = [
    ['command', result.command === undefined ? undefined : nameCommand(result)],
    ['kernel', kernel?.git ?? kernel?.release],
    ['commit', kernel?.commit],
    ['machine', vm && `${vm.accelerator}, ${vm.cpus} CPUs`],
    ['tests', result.tests.length === 0 ? undefined : countTests(result)],
    ['time', formatDuration(times.total)],
    ['run', id],
  ] as const;
  return [
    `### ${ICONS[verdict]} ${verdict}: ${escapeText(cut)}\n\n${escapeText(reason)}\n`,
    `<table>\n${rows
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `<tr><th>${name}</th><td>${escapeText(value!)}</td></tr>\n`)
      .join('')}</table>\n`,
  ];
}

function countTests({ tests }: RunResult): string {
  const counts = new Map<string, number>();
  for (const { status } of tests) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
}

function isWorthShowing({ severity }: RunSplat): boolean {
  return severity !== 'note';
}

function formatTest({ name, status, message, output }: TestResult): string {
  const what = status === 'interrupted' ? '⏹️ interrupted' : '❌ failed';
  return details(
    `${what}: <code>${escapeText(name)}</code>`,
    [message, output].filter(Boolean).join('\n'),
  );
}

function formatReport(splat: RunSplat): string {
  const { title, during, excused, decoded, text } = splat;
  const [icon, reason] = excused === undefined ? ['⚠️', ''] : ['☑️', `; expected: ${excused}`];
  const where = during === undefined ? '' : ` during ${during}`;
  return details(
    `${icon} kernel: <code>${escapeText(title)}</code>${escapeText(where + reason)}`,
    decoded ?? text,
  );
}

/** A part that folds. */
function details(summary: string, text: string): string {
  const shown = toPlainLines(text.slice(-MAX_OUTPUT)).trim();
  if (shown === '') return `<p>${summary}</p>\n`;
  return `<details><summary>${summary}</summary>\n\n<pre>${escapeLines(shown)}</pre>\n\n</details>\n`;
}

/** As many parts as fit, and how many others there are. Parts that do not fit are not formatted. */
function joinWithin(parts: readonly (() => string)[], limit: number): string {
  const more = (count: number): string => `<p>… and ${count} more; see result.json</p>\n`;
  const size = (text: string): number => Buffer.byteLength(text) + 1;
  const kept: string[] = [];
  let left = limit - size(more(parts.length));
  if (left < 0) return '';
  for (const format of parts) {
    const part = format();
    left -= size(part);
    if (left < 0) return [...kept, more(parts.length - kept.length)].join('\n');
    kept.push(part);
  }
  return kept.join('\n');
}

/** One line of text that is not markup: neither HTML nor Markdown, no mention of a user or an issue. */
function escapeText(text: string): string {
  return escapeCharacters(toPlainText(text));
}

function escapeLines(text: string): string {
  return text.split('\n').map(escapeCharacters).join('\n');
}

function escapeCharacters(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{Zs}\t]/gu, (character) => `&#${character.codePointAt(0)};`);
}

/**
 * Formats a run as workflow commands that GitHub shows as annotations: an error for what fails the run, a warning for
 * an expected kernel report; at most ten of a kind, the last of which says how many others there are.
 */
export function formatGithubAnnotations(result: RunResult): string[] {
  const { verdict, cut, reason, splats } = result;
  if (verdict === 'pass')
    return annotate('warning', splats.filter(isExcused).map(reportAnnotation));
  const tests = notableTests(result).map(({ name, status, message = '' }) => ({
    title: `${status === 'interrupted' ? 'interrupted' : 'failed'}: ${name}`,
    message: message || status,
  }));
  const reports = splats.filter((splat) => isWorthShowing(splat) && !isExcused(splat));
  const verdictOf = { title: `${cut}: ${verdict}`, message: reason };
  return [
    ...annotate('error', [verdictOf, ...reports.map(reportAnnotation), ...tests]),
    ...annotate('warning', splats.filter(isExcused).map(reportAnnotation)),
  ];
}

interface Annotation {
  title: string;
  message: string;
  /** A place in the kernel's source. */
  file?: string | undefined;
  line?: string | undefined;
}

function isExcused({ excused }: RunSplat): boolean {
  return excused !== undefined;
}

/** `WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo_bar+0x12/0x30`, `kernel BUG at fs/foo.c:12!` */
const PLACE = /\bat ([\w./-]+\.[ch]):(\d+)\b/;

function reportAnnotation(splat: RunSplat): Annotation {
  const { title, text, during, excused } = splat;
  const [, file, line] = PLACE.exec(text) ?? [];
  const why = [
    ...(during === undefined ? [] : [`during ${during}`]),
    ...(excused === undefined ? [] : [`expected: ${excused}`]),
  ].join(', ');
  return { title: `kernel: ${title}`, message: [why, ...excerptOf(splat)].join('\n'), file, line };
}

/** The longest message, in characters. */
const LONGEST_MESSAGE = 2000;

function annotate(kind: 'error' | 'warning', all: readonly Annotation[]): string[] {
  const rest = all.length - MOST_ANNOTATIONS;
  const more = { title: `${rest + 1} more`, message: 'see result.json' };
  const shown = rest > 0 ? [...all.slice(0, MOST_ANNOTATIONS - 1), more] : all;
  return shown.map(({ title, message, file, line }: Annotation) => {
    const place = file === undefined ? [] : [`file=${escapeProperty(file)}`, `line=${line}`];
    const properties = [...place, `title=${escapeProperty(toPlainText(title))}`].join(',');
    return `::${kind} ${properties}::${escapeData(toPlainLines(message).slice(0, LONGEST_MESSAGE))}`;
  });
}

/** https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
