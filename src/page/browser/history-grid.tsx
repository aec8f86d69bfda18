import { useMemo, useState } from 'preact/hooks';
import { formatDuration } from '../../ui/format.ts';
import type { HistoryGroup, HistoryRow } from '../data.ts';
import { Badge } from '../parts.tsx';
import { useGrowing } from './growing.ts';
import { Filters, matcherOf, SearchBox } from './search.tsx';

/** What needs attention first. */
const CLASSES = ['regression', 'unstable', 'fail', 'fixed', 'pass', 'skip'];

/** Width and height of the mark of a run, and of the plot of times, in pixels. */
const CELL = 12;
const PLOT = { width: 110, height: 24 };

/** The tests of a cut, one a row, and its runs, one a column. */
export function HistoryGrid({ group: { tests, runs } }: { group: HistoryGroup }) {
  const [query, setQuery] = useState('');
  const [wanted, setWanted] = useState('');
  const rows = useMemo(() => {
    const matches = matcherOf(query);
    return tests
      .filter((row) => wanted === '' || row.class === wanted)
      .filter(({ name }) => matches(name))
      .sort(
        (a, b) =>
          CLASSES.indexOf(a.class) - CLASSES.indexOf(b.class) ||
          b.flips - a.flips ||
          a.name.localeCompare(b.name, 'en', { numeric: true }),
      );
  }, [tests, query, wanted]);
  const { shown, end } = useGrowing(rows.length, `${query} ${wanted}`);
  return (
    <>
      <div class="tools">
        <SearchBox query={query} search={setQuery} />
        <Filters
          counts={CLASSES.map((name) => [name, tests.filter((row) => row.class === name).length])}
          chosen={wanted}
          choose={setWanted}
        />
        <output>{rows.length === tests.length ? '' : `${rows.length} of ${tests.length}`}</output>
      </div>
      <table class="rows is-history">
        <tbody>
          {rows.slice(0, shown).map((row) => (
            <Row key={row.name} row={row} runs={runs} />
          ))}
        </tbody>
      </table>
      <div ref={end} />
      {rows.length === 0 ? <p class="quiet">No test matches.</p> : null}
    </>
  );
}

function Row({ row, runs }: { row: HistoryRow; runs: HistoryGroup['runs'] }) {
  const { name, flips, streak, results } = row;
  const last = streak > 1 ? `${streak} in a row` : '';
  return (
    <tr class="row">
      <td class="is-status">
        <Badge kind={row.class}>{row.class}</Badge>
      </td>
      <td class="is-name">
        <span class="name">{name}</span>{' '}
        <span class="quiet">{[countFlips(flips), last].filter(Boolean).join(', ')}</span>
      </td>
      <td class="is-runs">
        <svg
          class="cells"
          width={results.length * CELL}
          height={18}
          role="img"
          aria-label={row.class}
        >
          {results.map((status, index) => (
            <rect
              key={index}
              class={`bar is-${status ?? 'none'}`}
              x={index * CELL}
              y={1}
              width={CELL - 2}
              height={16}
              rx={2}
            >
              <title>{describeCell(row, runs, index)}</title>
            </rect>
          ))}
        </svg>
      </td>
      <td class="is-times">
        <TimePlot times={row.times} />
      </td>
    </tr>
  );
}

function countFlips(flips: number): string {
  if (flips === 0) return '';
  return flips === 1 ? '1 flip' : `${flips} flips`;
}

function describeCell({ results, times }: HistoryRow, runs: HistoryGroup['runs'], index: number) {
  const { name = '', kernel = '', when = '' } = runs[index] ?? {};
  const time = times[index];
  const took = time == null ? '' : `, ${formatDuration(time)}`;
  return `${results[index] ?? 'did not run'}${took}\n${when}, ${kernel}\n${name}`;
}

/** The times of a test over its runs: a line from zero to the longest time. */
function TimePlot({ times }: { times: readonly (number | null)[] }) {
  const known = times.flatMap((time, index) => (time === null ? [] : [{ time, index }]));
  const longest = Math.max(...known.map(({ time }) => time));
  const last = known.at(-1);
  if (last === undefined || known.length < 2 || longest <= 0) {
    return <span class="time">{last === undefined ? '' : formatDuration(last.time)}</span>;
  }
  const x = (index: number): number =>
    2 + (index * (PLOT.width - 4)) / Math.max(times.length - 1, 1);
  const y = (time: number): number => PLOT.height - 2 - (time * (PLOT.height - 4)) / longest;
  return (
    <>
      <svg class="plot" width={PLOT.width} height={PLOT.height} role="img" aria-label="times">
        <polyline points={known.map(({ time, index }) => `${x(index)},${y(time)}`).join(' ')} />
        <circle cx={x(last.index)} cy={y(last.time)} r="2" />
      </svg>
      <span class="time">{formatDuration(last.time)}</span>
    </>
  );
}
