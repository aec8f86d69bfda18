import { formatSeconds } from '../ui/format.ts';
import { toPlainText } from '../ui/plain-text.ts';
import { isFailure } from './compare.ts';
import { describeBlockedTask, excerptOf, firstOf, informativeLines } from './excerpt.ts';
import { listPhases } from './phases.ts';
import type { RunResult, RunSplat, TestResult, Verdict } from './run-result.ts';
import type { Paint } from './show.ts';
import { isCrash } from './verdict.ts';

const WORDS: Readonly<Record<Verdict, string>> = {
  pass: 'PASS',
  fail: 'FAIL',
  crash: 'CRASH',
  splat: 'SPLAT',
  timeout: 'TIMEOUT',
  interrupted: 'INTERRUPTED',
  error: 'ERROR',
};

/** How many entries of a list are shown: the rest is in the files. */
const MAX = { tests: 10, splats: 5, excused: 5, blocked: 10, console: 16 } as const;

export interface SummaryFiles {
  /** The directory of the run. */
  directory: string;
  /** The end of console.log. */
  consoleTail: string;
  /** Whether the guest wrote files to it. */
  hasGuestFiles?: boolean | undefined;
}

/** Summarizes a run in a few lines. */
export function formatSummary(
  result: RunResult,
  { directory, consoleTail, hasGuestFiles }: SummaryFiles,
  paint: Paint,
): string[] {
  const {
    verdict,
    cut,
    reason,
    times,
    tests,
    splats,
    blockedTasks = [],
    dumps = [],
    notes,
  } = result;
  const colour = verdict === 'pass' ? paint.green : paint.red;
  const notable = tests.filter((test) => isFailure(test) || test.status === 'interrupted');
  return [
    `${colour(paint.bold(WORDS[verdict]))} ${cut}: ${toPlainText(reason)} ${paint.dim(`(${formatTimes(times)})`)}`,
    ...firstOf(notable.map(describeTest), MAX.tests),
    ...describeSplats(splats.filter(isWorthShowing(result))),
    ...firstOf(
      blockedTasks.map((task) => `  blocked: ${describeBlockedTask(task)}`),
      MAX.blocked,
    ),
    ...traceOf(splats).map((line) => `  ${paint.dim(line)}`),
    ...consoleEnd(result, consoleTail).map((line) => `  ${paint.dim(line)}`),
    ...notes.map((note) => paint.dim(`  note: ${toPlainText(note)}`)),
    ...dumps.map((dump) => `  dump: ${directory}/${dump}`),
    ...(verdict === 'pass' && hasGuestFiles !== true ? [] : [`  results: ${directory}`]),
  ];
}

/** Without the power-off. */
function formatTimes(times: RunResult['times']): string {
  const phases = listPhases(times).filter(([name]) => name !== 'power off');
  const all = [...phases, ['total', times.total] as const];
  return all.map(([name, ms]) => `${name} ${formatSeconds(ms)}`).join(', ');
}

function describeTest({ name, status, message }: TestResult): string {
  const word = status === 'interrupted' ? 'interrupted' : 'failed';
  return `  ${word}: ${toPlainText(name)}${message === undefined ? '' : `: ${toPlainText(message)}`}`;
}

/** The ones that count come first. Excused ones have a limit of their own. */
function describeSplats(splats: readonly RunSplat[]): string[] {
  const isExcused = ({ excused }: RunSplat): boolean => excused !== undefined;
  const others = splats.filter((splat) => !isExcused(splat));
  const isNote = ({ severity }: RunSplat): boolean => severity === 'note';
  const byWeight = others.toSorted((a, b) => Number(isNote(a)) - Number(isNote(b)));
  return [
    ...firstOf(byWeight.map(describeSplat), MAX.splats),
    ...firstOf(splats.filter(isExcused).map(describeSplat), MAX.excused),
  ];
}

function describeSplat({ title, severity, count, during, excused, vm }: RunSplat): string {
  const times = count === 1 ? '' : `, ${count} times`;
  const where = during === undefined ? '' : `, during ${toPlainText(during)}`;
  const excuse = excused === undefined ? '' : `; expected: ${toPlainText(excused)}`;
  const whose = vm === undefined ? '' : `, in ${vm}`;
  return `  kernel ${severity}: ${toPlainText(title)}${times}${where}${whose}${excuse}`;
}

/** A note about an unstable clock on an emulated machine says nothing about the kernel. */
function isWorthShowing({ vm }: RunResult): (splat: RunSplat) => boolean {
  return ({ kind, severity }) =>
    !(vm?.accelerator === 'tcg' && kind === 'clock' && severity === 'note');
}

/** The trace of the splat that ended or failed the run. */
function traceOf(splats: readonly RunSplat[]): string[] {
  const worst =
    splats.find(isCrash) ??
    splats.find(({ severity, excused }) => severity === 'error' && excused === undefined);
  return worst === undefined ? [] : excerptOf(worst);
}

/** The end of the console, if there is no trace and the command did not end. */
function consoleEnd({ verdict, commandStatus, splats }: RunResult, consoleTail: string): string[] {
  const isExplained = splats.some(isCrash);
  if (!['fail', 'crash', 'error'].includes(verdict) || commandStatus !== undefined) return [];
  if (isExplained) return [];
  const lines = informativeLines(consoleTail.split('\n'));
  return lines.length === 0 ? [] : ['the console ended with:', ...lines.slice(-MAX.console)];
}
