import { formatDuration } from '../ui/format.ts';
import { toPlainText } from '../ui/plain-text.ts';
import { type Column, formatTable } from '../ui/table.ts';
import { isFailure } from './compare.ts';
import { nameReport, type ReportLookup, type TestLookup } from './look-up.ts';
import type { TestStatus } from './run-result.ts';
import { formatWhen, nameKernel, type Paint, type Surroundings } from './show.ts';
import { namesOfIds } from './store.ts';

/** What a table of a history needs: the terminal, and the IDs among which short names must be unique. */
export interface LookupSurroundings extends Surroundings {
  ids: readonly string[];
}

/** A test in the runs of each cut: how it has done, and a row for each run. */
export function formatTestLookup(
  tests: readonly TestLookup[],
  around: LookupSurroundings,
): string[] {
  return tests.flatMap((test, index) => [
    ...(index === 0 ? [] : ['']),
    `${around.paint.bold(toPlainText(test.name))}  ${toPlainText(test.cut)}: ${describeClass(test)}`,
    ...formatRows(test.results, around, [
      ['STATUS', ({ status }) => status, { paint: (cell) => paintStatus(cell, around.paint) }],
      ['TIME', ({ duration }) => (duration === undefined ? '-' : formatDuration(duration)), RIGHT],
      ['KERNEL', ({ kernel }) => toPlainText(nameKernel(kernel)), SHORTENED],
      ['MESSAGE', ({ message }) => toPlainText(message ?? '-'), SHORTENED],
    ]),
  ]);
}

/** A row for each kernel report in each run that has it. */
export function formatReportLookup(
  reports: readonly ReportLookup[],
  around: LookupSurroundings,
): string[] {
  return reports.flatMap((report, index) => [
    ...(index === 0 ? [] : ['']),
    `${around.paint.bold(toPlainText(nameReport(report)))}  ${describeRuns(report.results.length)}`,
    ...formatRows(report.results, around, [
      ['CUT', ({ cut }) => toPlainText(cut), SHORTENED],
      ['COUNT', ({ count }) => String(count), RIGHT],
      ['DURING', ({ during }) => toPlainText(during ?? '-'), SHORTENED],
      ['KERNEL', ({ kernel }) => toPlainText(nameKernel(kernel)), SHORTENED],
      ['EXPECTED', ({ excused }) => toPlainText(excused ?? '-'), SHORTENED],
    ]),
  ]);
}

/** A row for each test. */
export function formatFlaky(
  tests: readonly TestLookup[],
  { paint, width }: Surroundings,
): string[] {
  const column = (title: string, cell: (test: TestLookup) => string, rest = {}): Column => ({
    title,
    cells: tests.map(cell),
    ...rest,
  });
  const count = (test: TestLookup, has: (status: TestStatus) => boolean): number =>
    test.results.filter(({ status }) => has(status)).length;
  const columns = [
    column('TEST', ({ name }) => toPlainText(name), SHORTENED),
    column('CUT', ({ cut }) => toPlainText(cut), SHORTENED),
    column('FLIPS', ({ flips }) => String(flips), RIGHT),
    column(
      'FAILED',
      (test) => `${count(test, (status) => isFailure({ status }))} of ${test.results.length}`,
      RIGHT,
    ),
    column('NOW', ({ results, streak }) => `${results[0]?.status ?? '-'}, ${streak} in a row`),
  ];
  return formatTable(columns, { width, paintTitles: paint.bold });
}

const RIGHT = { align: 'right' } as const;
const SHORTENED = { shortest: 8 } as const;

type ColumnOf<Row> = [title: string, cell: (row: Row) => string, rest: Partial<Column>];

/** A table with the start and the name of the run in front. Columns without content are omitted. */
function formatRows<Row extends { run: string; started: string }>(
  rows: readonly Row[],
  { paint, width, now, timeZone, ids }: LookupSurroundings,
  columns: readonly ColumnOf<Row>[],
): string[] {
  const shorten = namesOfIds(ids);
  const all: ColumnOf<Row>[] = [
    ['WHEN', ({ started }) => formatWhen(new Date(started), now, timeZone), {}],
    ['RUN', ({ run }) => toPlainText(shorten(run)), {}],
    ...columns,
  ];
  const filled = all
    .map(([title, cell, rest]): Column => ({ title, cells: rows.map(cell), ...rest }))
    .filter(({ cells }) => cells.some((cell) => cell !== '-'));
  return formatTable(filled, { width, paintTitles: paint.bold });
}

function describeClass({ class: name, flips, streak, results }: TestLookup): string {
  const flipped = flips === 0 ? [] : [flips === 1 ? '1 flip' : `${flips} flips`];
  return [name, ...flipped, `${streak} in a row`, describeRuns(results.length)].join(', ');
}

function describeRuns(count: number): string {
  return count === 1 ? '1 run' : `${count} runs`;
}

function paintStatus(status: string, paint: Paint): string {
  if (isFailure({ status: status as TestStatus })) return paint.red(status);
  return status === 'pass' ? paint.green(status) : paint.yellow(status);
}
