import { formatTable } from '../src/ui/table.ts';
import type { Spread } from './measure.ts';

/** One line of the table. */
export interface Finding {
  /** The name of the measurement. */
  what: string;
  /** What it is compared with; undefined for an absolute value. */
  against?: string;
  /** Milliseconds of each, or another unit. */
  value: Spread;
  other?: Spread;
  unit: 'ms' | 'MiB' | 'MB/s' | '%' | 'ratio';
  /** Ratios of `what` to `against`, pair by pair. */
  ratio?: Spread;
  /** The target: the largest acceptable ratio, or value if there is no ratio. */
  atMost?: number;
}

/** The result of one call in JSON. Important ones are kept in bench/history. */
export interface Report {
  version: 1;
  /** ISO 8601. */
  date: string;
  /** `git describe` of the checkout. */
  commit: string;
  machine: { cpu: string; cpus: number; memoryGib: number; kernel: string; node: string };
  accelerator: 'kvm' | 'tcg';
  runs: number;
  findings: Finding[];
}

export function isMet({ ratio, value, atMost }: Finding): boolean {
  return atMost === undefined || (ratio ?? value).median <= atMost;
}

export function formatReport(findings: readonly Finding[]): string[] {
  const rows = findings.map((finding) => {
    const { what, against = '', value, other, unit, ratio, atMost } = finding;
    return [
      what,
      formatSpread(value, unit),
      against,
      other === undefined ? '' : formatSpread(other, unit),
      ratio === undefined ? '' : formatSpread(ratio, 'ratio'),
      atMost === undefined ? '' : `${atMost}${ratio === undefined ? ` ${unit}` : ''}`,
      atMost === undefined ? '' : isMet(finding) ? 'met' : 'MISSED',
    ];
  });
  const titles = ['what', 'median (min–max)', 'against', '', 'ratio', 'at most', ''];
  return formatTable(
    titles.map((title, column) => ({ title, cells: rows.map((row) => row[column] ?? '') })),
  );
}

function formatSpread({ min, median, max }: Spread, unit: Finding['unit']): string {
  const show = (value: number): string =>
    unit === 'ms'
      ? `${(value / 1000).toFixed(value < 1000 ? 3 : 2)}`
      : value.toFixed(unit === 'ratio' || value < 10 ? 2 : 0);
  const suffix = unit === 'ms' ? ' s' : unit === 'ratio' ? '' : ` ${unit}`;
  return `${show(median)}${suffix} (${show(min)}–${show(max)})`;
}
