import { gzipSync } from 'node:zlib';
import { countLines, locateSplat } from '../results/locate-splat.ts';
import type { RunSplat } from '../results/run-result.ts';
import { toPlainLines } from '../ui/plain-text.ts';
import type { Log, LogMark } from './data.ts';
import { cutLongLines } from './plain.ts';

/** A log as rapido stored it. */
export interface RawLog {
  /** Name of the file. */
  name: string;
  text: string;
}

/** A log with its text, packed with gzip and base64. */
export interface PackedLog extends Log {
  packed: string;
}

/** How much of a log is embedded: browsers limit the height of an element to about a million lines. */
const MOST_LINES = 400_000;
const MOST_CHARACTERS = 48 * 1024 * 1024;

/** A splat, and its anchor in the page. */
export interface AnchoredSplat {
  splat: Pick<RunSplat, 'text' | 'severity' | 'kind' | 'title' | 'vm'>;
  anchor: string;
}

/**
 * Packs a log for a page: plain text in lines of limited length, of a huge log the first quarter and the end.
 * @param splats those that may be in this log
 */
export function packLog(
  { name, text }: RawLog,
  ids: Pick<Log, 'id' | 'prefix'>,
  splats: readonly AnchoredSplat[],
): PackedLog {
  const plain = toPlainLines(text.replace(/\r/g, '')).replace(/\n$/, '');
  const all = plain.split('\n');
  const marks = splats.flatMap((splat) => markSplat(plain, splat) ?? []);
  const lines = cutLongLines(all);
  const gap = findGap(lines);
  const shown =
    gap === undefined
      ? lines
      : [
          ...lines.slice(0, gap.after),
          `… ${gap.count} lines are left out; they are in ${name}`,
          ...lines.slice(gap.after + gap.count),
        ];
  return {
    ...ids,
    name,
    lines: all.length,
    ...(gap !== undefined && { gap }),
    marks: marks
      .sort((a, b) => a.line - b.line)
      .filter((mark, index, sorted) => {
        const last = sorted[index - 1];
        return last === undefined || mark.line >= last.line + last.length;
      }),
    packed: gzipSync(shown.join('\n'), { level: 5 }).toString('base64'),
  };
}

/** Chooses the lines to leave out; undefined: none. */
function findGap(lines: readonly string[]): Log['gap'] {
  const sizes = lines.map(({ length }) => length + 1);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (lines.length <= MOST_LINES && total <= MOST_CHARACTERS) return undefined;
  const after = countFitting(sizes, MOST_LINES / 4, MOST_CHARACTERS / 4);
  const rest = sizes.slice(after).reverse();
  const atEnd = countFitting(rest, (MOST_LINES * 3) / 4, (MOST_CHARACTERS * 3) / 4);
  return { after, count: lines.length - after - atEnd };
}

function countFitting(sizes: readonly number[], most: number, characters: number): number {
  let left = characters;
  const end = sizes.findIndex((size, index) => {
    left -= size;
    return left < 0 || index >= most;
  });
  return end === -1 ? sizes.length : end;
}

/** Finds the lines of a splat; of one whose text is interrupted, only the first. */
function markSplat(log: string, { splat, anchor }: AnchoredSplat): LogMark | undefined {
  const text = toPlainLines(splat.text.replace(/\r/g, '')).trim();
  const found = locateSplat(log, text);
  if (found === undefined) return undefined;
  return {
    line: countLines(log.slice(0, found.at)),
    length: found.isWhole ? countLines(text) : 1,
    severity: splat.severity,
    title: `${splat.kind}: ${splat.title}`,
    report: anchor,
  };
}
