import { shorten } from '../sys/text.ts';

export interface Column {
  /** Heading; undefined for all columns: the table has none. */
  title?: string;
  /** One for each row. */
  cells: readonly string[];
  align?: 'right';
  /** The width to which it may be shortened. */
  shortest?: number;
  paint?: (cell: string) => string;
}

interface TableOptions {
  /** Columns of the terminal. A wider table is shortened. */
  width?: number | undefined;
  paintTitles?: (titles: string) => string;
}

const GAP = '  ';

/** Formats a table as lines with aligned columns. The least important columns are last: a narrow table omits them. */
export function formatTable(
  all: readonly Column[],
  { width = Number.POSITIVE_INFINITY, paintTitles = (titles) => titles }: TableOptions = {},
): string[] {
  const columns = fitColumns(all, width);
  const line = (cell: (column: Column) => string): string => columns.map(cell).join(GAP).trimEnd();
  const hasTitles = columns.some(({ title }) => title !== undefined);
  const titles = hasTitles ? [paintTitles(line((column) => pad(column.title ?? '', column)))] : [];
  const rows = (columns[0]?.cells ?? []).map((_, row) =>
    line((column) => {
      const cell = column.cells[row] ?? '';
      const painted = column.paint?.(cell) ?? cell;
      return pad(cell, column).replace(cell, () => painted);
    }),
  );
  return [...titles, ...rows];
}

/** Omits columns from the end until the others fit if shortened; then shortens the widest ones first. */
function fitColumns(columns: readonly Column[], width: number): Column[] {
  const wanted = columns.map(widthOf);
  const smallest = columns.map((column, i) =>
    Math.min(wanted[i] ?? 0, column.shortest ?? Number.POSITIVE_INFINITY),
  );
  const isTooWide = (widths: readonly number[]): boolean =>
    widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) > width;
  if (isTooWide(smallest) && columns.length > 1) return fitColumns(columns.slice(0, -1), width);
  const widths = [...wanted];
  while (isTooWide(widths) && widths.some((each, i) => each > (smallest[i] ?? 0))) {
    const slack = widths.map((each, i) => (each > (smallest[i] ?? 0) ? each : 0));
    const longest = slack.indexOf(Math.max(...slack));
    widths[longest] = (widths[longest] ?? 1) - 1;
  }
  return columns.map((column, i) => ({
    ...column,
    cells: column.cells.map((cell) => shorten(cell, widths[i] ?? 0)),
  }));
}

function widthOf({ title = '', cells }: Column): number {
  return Math.max(title.length, ...cells.map(({ length }) => length));
}

function pad(text: string, column: Column): string {
  const width = widthOf(column);
  return column.align === 'right' ? text.padStart(width) : text.padEnd(width);
}
