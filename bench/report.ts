import { formatTable } from '../src/ui/format.ts';
import type { Spread } from './measure.ts';

/** One line of the table. */
export interface Finding {
  /** What was measured. */
  what: string;
  /** What it was measured against; undefined: nothing, the figure stands for itself. */
  against?: string;
  /** Milliseconds of each, or another unit. */
  value: Spread;
  other?: Spread;
  unit: 'ms' | 'MiB' | 'MB/s' | '%' | 'ratio';
  /** A to B, pair by pair. */
  ratio?: Spread;
  /** The largest ratio, or value where there is none, that is as it should be. */
  atMost?: number;
}

/** What a whole call found, for machines; kept in bench/history where it matters. */
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
  return formatTable([
    ['what', 'median (min–max)', 'against', '', 'ratio', 'at most', ''],
    ...rows,
  ]);
}

function formatSpread({ min, median, max }: Spread, unit: Finding['unit']): string {
  const show = (value: number): string =>
    unit === 'ms'
      ? `${(value / 1000).toFixed(value < 1000 ? 3 : 2)}`
      : value.toFixed(unit === 'ratio' || value < 10 ? 2 : 0);
  const suffix = unit === 'ms' ? ' s' : unit === 'ratio' ? '' : ` ${unit}`;
  return `${show(median)}${suffix} (${show(min)}–${show(max)})`;
}
