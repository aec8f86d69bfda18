import { formatCommandLine } from '../sys/command-line.ts';
import { formatBytes, formatDuration } from '../ui/format.ts';
import { toPlainText } from '../ui/plain-text.ts';
import { type Column, formatTable } from '../ui/table.ts';
import { describeDisk } from '../vm/disks.ts';
import {
  type ComparedRun,
  type ComparedSplat,
  isFailure,
  type RunComparison,
  type TestChange,
} from './compare.ts';
import { countsAgainstPass } from './counting.ts';
import { describeBlockedTask, excerptOf } from './excerpt.ts';
import { countLines, locateSplat } from './locate-splat.ts';
import { listPhases } from './phases.ts';
import type {
  RunBoot,
  RunCommand,
  RunKernel,
  RunResult,
  RunServer,
  RunSplat,
  RunTimes,
  TestResult,
} from './run-result.ts';
import { namesOfIds, parseId, type RunFile, type StoredRun } from './store.ts';
import { nameOfScript } from './verdict.ts';

/** Functions of chalk, with colours for stdout or without. */
export type Paint = Record<'bold' | 'dim' | 'green' | 'red' | 'yellow', (text: string) => string>;

/** The terminal, the time and the time zone of the output. */
export interface Surroundings {
  paint: Paint;
  /** Columns of the terminal; undefined: not a terminal, so nothing is shortened. */
  width: number | undefined;
  now: Date;
  /** IANA name, for example `Europe/Berlin`; undefined: that of the host. */
  timeZone: string | undefined;
}

/** How many entries of a list are shown; --json has all. */
const LONGEST_LIST = 30;

const GAP = '  ';

/**
 * Formats runs as a table with a heading.
 * @param ids of all existing runs, among which short names must be unique
 */
export function formatRunTable(
  runs: readonly StoredRun[],
  { paint, width, now, timeZone }: Surroundings,
  ids: readonly string[] = runs.map(({ id }) => id),
): string[] {
  if (runs.length === 0) return [];
  const shorten = namesOfIds(ids);
  const rows = runs.map((run) => describeRow(run, shorten, now, timeZone));
  const column = (name: keyof Row, title: string, rest: Partial<Column> = {}): Column => ({
    title,
    cells: rows.map((row) => row[name]),
    ...rest,
  });
  const columns = [
    column('when', 'WHEN'),
    column('run', 'RUN'),
    column('cut', 'CUT', { shortest: 8 }),
    column('verdict', 'VERDICT', { paint: (cell) => paintVerdict(cell, paint) }),
    column('tests', 'P/F/S', { align: 'right' }),
    column('splats', 'SPLATS', { align: 'right' }),
    column('time', 'TIME', { align: 'right' }),
    column('kernel', 'KERNEL', { shortest: 8 }),
    column('command', 'COMMAND', { shortest: 8 }),
  ];
  return formatTable(columns.filter(hasContent), { width, paintTitles: paint.bold });
}

/** Columns such as tests and splats are omitted if all their cells are empty. */
function hasContent({ cells }: Column): boolean {
  return cells.some((cell) => cell !== '-');
}

type Row = Record<
  'when' | 'run' | 'cut' | 'verdict' | 'tests' | 'splats' | 'time' | 'kernel' | 'command',
  string
>;

function describeRow(
  run: StoredRun,
  shorten: (id: string) => string,
  now: Date,
  timeZone: string | undefined,
): Row {
  const id = toPlainText(shorten(run.id));
  if (run.state === 'finished') {
    const { result } = run;
    return {
      when: formatWhen(new Date(result.started), now, timeZone),
      run: id,
      cut: toPlainText(result.cut),
      verdict: result.verdict,
      tests: result.tests.length === 0 ? '-' : formatCounts(result.tests),
      splats: formatCount(result.splats.filter(countsAgainstPass).length),
      time: formatDuration(result.times.total),
      kernel: toPlainText(nameKernel(result.kernel)),
      command: result.command === undefined ? '-' : toPlainText(formatCommand(result.command)),
    };
  }
  const { started, cut } = parseId(run.id) ?? { started: now, cut: '' };
  return {
    when: formatWhen(started, now, timeZone),
    run: id,
    cut: toPlainText(cut),
    verdict: run.state,
    tests: '-',
    splats: '-',
    time: run.state === 'running' ? formatDuration(now.getTime() - started.getTime()) : '-',
    kernel: '-',
    command: '-',
  };
}

function formatCount(count: number): string {
  return count === 0 ? '-' : String(count);
}

/** A run and its files. */
export interface ShownRun {
  result: RunResult;
  /** Absolute paths of the files in its directory. */
  files: readonly { name: RunFile; path: string }[];
  /** The line of console.log, from 1, at which the text of each splat begins; undefined: not found. */
  splatLines: readonly (number | undefined)[];
}

/** Formats a run: the verdict first, the files last. */
export function formatRun(run: ShownRun, { paint, now, timeZone }: Surroundings): string[] {
  const { result } = run;
  const { kernel, vm, times, blockedTasks = [] } = result;
  const traced = result.splats.filter(countsAgainstPass).slice(0, MAX_TRACES);
  const facts: [string, string | undefined][] = [
    ['run', `${result.id}  (${formatWhen(new Date(result.started), now, timeZone)})`],
    ['status', `rapido run exited with ${result.status}`],
    [
      'kernel',
      kernel &&
        [kernel.release, kernel.git && `(${kernel.git})`, kernel.image].filter(Boolean).join('  '),
    ],
    ['servers', result.servers?.map(describeServer).join('; ')],
    ['command', result.command && `${formatCommand(result.command)}  (${describeEnd(result)})`],
    ['autorun', formatAutorun(result.autorun)],
    [
      'machine',
      vm &&
        `${vm.accelerator}, ${vm.cpus} CPU${vm.cpus === 1 ? '' : 's'}, ${formatBytes(vm.memory)}`,
    ],
    ['disks', vm?.disks?.map(describeDisk).join('; ') || undefined],
    ['times', formatTimes(times)],
    ['boots', result.boots && formatBoots(result.boots)],
    ['tests', result.tests.length === 0 ? undefined : formatSummary(result.tests)],
  ];
  return [
    `${paintVerdict(result.verdict, paint)}: ${toPlainText(result.reason)}`,
    ...facts
      .filter(([, text]) => text !== undefined)
      .map(([name, text]) => `  ${name.padEnd(8)} ${toPlainText(text ?? '')}`),
    ...formatTests('failed tests', result.tests.filter(isFailure), paint.red, paint),
    ...formatTests('interrupted tests', result.tests.filter(isInterrupted), paint.yellow, paint),
    ...section(
      'splats',
      result.splats.flatMap((splat, index) => [
        ...formatSplat(splat, index, run, paint),
        ...formatTrace(splat, traced.includes(splat), paint),
      ]),
      paint,
    ),
    ...section(
      'blocked tasks',
      [...blockedTasks.slice(0, LONGEST_LIST).map(describeBlockedTask), ...andMore(blockedTasks)],
      paint,
    ),
    ...section('notes', result.notes.map(toPlainText), paint),
    ...section(
      'files',
      run.files.map(({ path }) => toPlainText(path)),
      paint,
    ),
  ];
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : ['', paint.bold(title), ...lines.map((line) => `  ${line}`)];
}

/** With the name of its console log. */
function describeServer({ cut, number, failure, console }: RunServer): string {
  return `${cut} (VM ${number}, ${console})${failure === undefined ? '' : `: ${failure}`}`;
}

function describeEnd({ commandStatus, autorun }: RunResult): string {
  if (commandStatus !== undefined) return `exit status ${commandStatus}`;
  return autorun.some(({ status }) => status !== 0) ? 'not started' : 'end not reported';
}

export function formatCommand(command: RunCommand): string {
  if ('arguments' in command) return formatCommandLine(command.arguments);
  return 'shell' in command
    ? `-x ${formatCommandLine([command.shell])}`
    : `-f ${formatCommandLine([command.script])}`;
}

function formatAutorun(scripts: RunResult['autorun']): string | undefined {
  if (scripts.length === 0) return undefined;
  return scripts
    .map(({ script, status }) => {
      const name = nameOfScript(script);
      return status === 0 ? name : `${name} (exit status ${status})`;
    })
    .join(', ');
}

function formatTimes(times: RunTimes): string {
  const phases = listPhases(times).map(([name, ms]) => `${name} ${formatDuration(ms)}`);
  return [...phases, `total ${formatDuration(times.total)}`].join(', ');
}

function formatBoots(boots: readonly RunBoot[]): string {
  const crashed = boots.filter(({ verdict }) => verdict === 'crash').length;
  return `${boots.length}, of which ${crashed === boots.length ? 'all' : crashed} crashed`;
}

function formatTests(
  title: string,
  tests: readonly TestResult[],
  colour: (text: string) => string,
  paint: Paint,
): string[] {
  const lines = tests.slice(0, LONGEST_LIST).flatMap(({ name, duration, message }) => {
    const notes = duration === undefined ? [] : [formatDuration(duration)];
    return [
      [colour(toPlainText(name)), ...notes].join(GAP),
      ...(message === undefined ? [] : [`  ${toPlainText(message)}`]),
    ];
  });
  return section(title, [...lines, ...andMore(tests)], paint);
}

function isInterrupted({ status }: TestResult): boolean {
  return status === 'interrupted';
}

function andMore({ length }: readonly unknown[]): string[] {
  return length > LONGEST_LIST ? [`… and ${length - LONGEST_LIST} more; --json lists all`] : [];
}

function formatSplat(splat: RunSplat, index: number, run: ShownRun, paint: Paint): string[] {
  const file = (name: RunFile): string | undefined =>
    run.files.find((each) => each.name === name)?.path;
  const line = run.splatLines[index];
  const console = line === undefined ? undefined : file('console.log');
  const json = formatCommandLine([file('result.json') ?? 'result.json']);
  const query = (field: keyof RunSplat): string => `jq -r '.splats[${index}].${field}' ${json}`;
  return [
    formatSplatLine(splat, paint),
    `  text: ${console === undefined ? query('text') : `${console}:${line}`}`,
    ...(splat.decoded === undefined ? [] : [`  decoded: ${query('decoded')}`]),
  ];
}

/** How many splats are shown with their trace. */
const MAX_TRACES = 5;

function formatTrace(splat: RunSplat, isShown: boolean, paint: Paint): string[] {
  return isShown ? excerptOf(splat).map((line) => `    ${paint.dim(line)}`) : [];
}

function formatSplatLine(splat: ComparedSplat, paint: Paint): string {
  const title = toPlainText(`${splat.kind}: ${splat.title}`);
  const details = [
    splat.severity,
    splat.count === 1 ? 'once' : `${splat.count} times`,
    ...(splat.during === undefined ? [] : [`during ${splat.during}`]),
    ...(splat.vm === undefined ? [] : [`in ${splat.vm}`]),
    ...(splat.excused === undefined ? [] : [`excused: ${splat.excused}`]),
  ];
  return `${countsAgainstPass(splat) ? paint.red(title) : title}  ${paint.dim(toPlainText(`(${details.join(', ')})`))}`;
}

/**
 * Finds the line of a console log, from 1, at which the text of each splat begins. If messages of another CPU
 * interrupt the text, its first line is used, if it is unique.
 */
export function locateSplats(
  log: string,
  splats: readonly Pick<RunSplat, 'text' | 'vm'>[],
): (number | undefined)[] {
  // Lines of a serial console end with CR LF.
  const lines = log.replace(/\r/g, '');
  return splats.map((splat) => {
    // Splats of a server are in the server's console log.
    if (splat.vm !== undefined) return undefined;
    const found = locateSplat(lines, splat.text.replace(/\r/g, '').trim());
    return found && countLines(lines.slice(0, found.at));
  });
}

/** Formats the changes from A to B; whether B is worse comes first. */
export function formatComparison(
  comparison: RunComparison,
  { paint }: Pick<Surroundings, 'paint'>,
): string[] {
  const { a, b, tests, splats, worse } = comparison;
  const list = (title: string, changes: readonly TestChange[]): string[] =>
    section(
      `${title}: ${changes.length}`,
      changes.length === 0
        ? []
        : [...changes.slice(0, LONGEST_LIST).flatMap(formatChange), ...andMore(changes)],
      paint,
    );
  const listSplats = (title: string, found: readonly ComparedSplat[]): string[] =>
    section(
      `${title}: ${found.length}`,
      found.map((splat) => formatSplatLine(splat, paint)),
      paint,
    );
  return [
    worse.length === 0 ? paint.green('B is not worse than A') : paint.red('B is worse than A'),
    ...worse.map((reason) => `  - ${toPlainText(reason)}`),
    ...formatSides(a, b, paint),
    ...list('newly failing', tests.newlyFailing),
    ...list('newly passing', tests.newlyPassing),
    ...list('newly skipped', tests.newlySkipped),
    ...list('still failing', tests.stillFailing),
    ...(tests.interrupted.length === 0 ? [] : list('interrupted', tests.interrupted)),
    ...list('only in A', tests.onlyInA),
    ...list('only in B', tests.onlyInB),
    ...listSplats('new splats', splats.new),
    ...listSplats('splats gone', splats.gone),
    ...(tests.unchanged === 0 ? [] : ['', `tests unchanged: ${tests.unchanged}`]),
  ];
}

export function nameKernel(kernel: RunKernel | undefined): string {
  return kernel?.git ?? kernel?.release ?? '-';
}

function formatSides(a: ComparedRun, b: ComparedRun, paint: Paint): string[] {
  const sides: [string, ComparedRun][] = [
    ['A', a],
    ['B', b],
  ];
  const lines = sides.map(
    ([name, { id, verdict, reason, kernel }]) =>
      `  ${name}  ${toPlainText(id)}  ${toPlainText(nameKernel(kernel))}  ` +
      `${paintVerdict(verdict, paint)}: ${toPlainText(reason)}`,
  );
  const note = `  these are runs of different cuts: ${toPlainText(`${a.cut}, ${b.cut}`)}`;
  return a.cut === b.cut ? lines : [...lines, paint.yellow(note)];
}

function formatChange({ name, a, b, message }: TestChange): string[] {
  const both = a !== undefined && b !== undefined && a !== b ? `${a} → ${b}` : (b ?? a);
  return [
    `${toPlainText(name)}  (${a === undefined ? `${b}, not in A` : both})`,
    ...(message === undefined ? [] : [`  ${toPlainText(message)}`]),
  ];
}

function paintVerdict(verdict: string, paint: Paint): string {
  switch (verdict) {
    case 'pass':
      return paint.green(verdict);
    case 'interrupted':
    case 'lost':
      return paint.yellow(verdict);
    case 'running':
      return paint.dim(verdict);
    default:
      return paint.red(verdict);
  }
}

/** PASSED/FAILED/SKIPPED. An expected failure counts as passed; interrupted tests are not counted. */
function formatCounts(tests: readonly TestResult[]): string {
  const ended = tests.filter(({ status }) => status !== 'interrupted');
  const failed = ended.filter(isFailure).length;
  const skipped = ended.filter(({ status }) => status === 'skip').length;
  return [ended.length - failed - skipped, failed, skipped].join('/');
}

const STATUS_WORDS = [
  ['pass', 'passed'],
  ['fail', 'failed'],
  ['skip', 'skipped'],
  ['xfail', 'failed as expected'],
  ['xpass', 'passed unexpectedly'],
  ['interrupted', 'interrupted'],
] as const satisfies readonly (readonly [TestResult['status'], string])[];

function formatSummary(tests: readonly TestResult[]): string {
  return STATUS_WORDS.map(([status, words]) => ({
    count: tests.filter((test) => test.status === status).length,
    words,
  }))
    .filter(({ count, words }) => count > 0 || words === 'passed' || words === 'failed')
    .map(({ count, words }) => `${count} ${words}`)
    .join(', ');
}

/** Formats a date like `ls -l`: `Nov 23 02:15` in this year, `Nov 23  2025` in another. */
export function formatWhen(when: Date, now: Date, timeZone: string | undefined): string {
  const { year, month, day, hour, minute } = partsOf(when, timeZone);
  const time = year === partsOf(now, timeZone).year ? `${hour}:${minute}` : ` ${year}`;
  return `${month} ${day} ${time}`;
}

/** To make one takes longer than to format a date, and a list has thousands of dates. */
const dateFormats = new Map<string | undefined, Intl.DateTimeFormat>();

function partsOf(
  date: Date,
  timeZone: string | undefined,
): Partial<Record<Intl.DateTimeFormatPartTypes, string>> {
  const format =
    dateFormats.get(timeZone) ??
    new Intl.DateTimeFormat('en-US', {
      year: 'numeric',
      month: 'short',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      timeZone,
    });
  dateFormats.set(timeZone, format);
  return Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
}
