import { useEffect, useMemo, useState } from 'preact/hooks';
import { formatDuration } from '../../ui/format.ts';
import type { PageTest } from '../data.ts';
import { Badge, Output, StatusBadge } from '../parts.tsx';
import { useGrowing } from './growing.ts';
import { Filters, matcherOf, SearchBox } from './search.tsx';

interface Row {
  test: PageTest;
  index: number;
}

/** Columns by which the table can be sorted; `start` is the order in which the tests ended. */
const COLUMNS = [
  ['status', 'State'],
  ['name', 'Test'],
  ['start', 'Began'],
  ['duration', 'Took'],
] as const;
type Column = (typeof COLUMNS)[number][0];

interface Order {
  column: Column;
  isReversed: boolean;
}

/** The worst first. */
const BY_BADNESS = ['fail', 'interrupted', 'xpass', 'xfail', 'skip', 'pass'];

const COMPARE: Readonly<Record<Column, (a: Row, b: Row) => number>> = {
  status: (a, b) => BY_BADNESS.indexOf(a.test.status) - BY_BADNESS.indexOf(b.test.status),
  name: (a, b) => a.test.name.localeCompare(b.test.name, 'en', { numeric: true }),
  start: (a, b) => (a.test.start ?? 0) - (b.test.start ?? 0),
  duration: (a, b) => (b.test.duration ?? -1) - (a.test.duration ?? -1),
};

/** All tests of a run: searched by name and message, filtered by state, sorted. A row unfolds its output. */
export function TestTable({ tests }: { tests: readonly PageTest[] }) {
  const [query, setQuery] = useState('');
  const [status, setStatus] = useState('');
  const [order, setOrder] = useState<Order>({ column: 'status', isReversed: false });
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => select(tests, query, status, order), [tests, query, status, order]);
  const { shown, end, showAtLeast } = useGrowing(
    rows.length,
    [query, status, order.column, order.isReversed].join(' '),
  );
  const toggle = (index: number): void => {
    const next = new Set(open);
    if (!next.delete(index)) next.add(index);
    setOpen(next);
  };
  const counts = useMemo(() => countStatuses(tests), [tests]);
  const target = useTarget();
  useEffect(() => {
    if (target === undefined || tests[target] === undefined) return;
    const isThere = rows.findIndex(({ index }) => index === target);
    if (isThere === -1) {
      setQuery('');
      setStatus('');
      return;
    }
    if (isThere >= shown) {
      showAtLeast(isThere + 1);
      return;
    }
    setOpen(new Set(open).add(target));
    document.getElementById(`t${target}`)?.scrollIntoView({ block: 'center' });
    // Again when the row has been made.
  }, [target, rows, isShown(rows, target, shown)]);
  return (
    <>
      <div class="tools">
        <SearchBox query={query} search={setQuery} />
        <Filters counts={counts} chosen={status} choose={setStatus} />
        <output>{rows.length === tests.length ? '' : `${rows.length} of ${tests.length}`}</output>
      </div>
      <table class="rows is-tests">
        <thead>
          <tr class="row is-head">
            {COLUMNS.map(([column, title]) => (
              <Heading key={column} {...{ column, title, order, setOrder }} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, shown).map((row) => (
            <TestRow
              key={row.index}
              row={row}
              isOpen={open.has(row.index)}
              isTarget={row.index === target}
              toggle={toggle}
            />
          ))}
        </tbody>
      </table>
      <div ref={end} />
      {rows.length === 0 ? <p class="quiet">No test matches.</p> : null}
    </>
  );
}

function isShown(rows: readonly Row[], target: number | undefined, shown: number): boolean {
  return target !== undefined && rows.slice(0, shown).some(({ index }) => index === target);
}

/** @returns the test that the address of the page names: `#t12` */
function useTarget(): number | undefined {
  const read = (): number | undefined => {
    const [, index] = /^#t(\d+)$/.exec(location.hash) ?? [];
    return index === undefined ? undefined : Number(index);
  };
  const [target, setTarget] = useState(read);
  useEffect(() => {
    const follow = (): void => setTarget(read());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return target;
}

function select(
  tests: readonly PageTest[],
  query: string,
  status: string,
  { column, isReversed }: Order,
): Row[] {
  const matches = matcherOf(query);
  const found = tests
    .map((test, index) => ({ test, index }))
    .filter(({ test }) => {
      if (status === 'flaky' ? !test.isFlaky : status !== '' && test.status !== status)
        return false;
      return matches(`${test.name} ${test.message ?? ''}`);
    });
  const sorted = found.sort((a, b) => COMPARE[column](a, b) || a.index - b.index);
  return isReversed ? sorted.reverse() : sorted;
}

/** How many tests have each status, and how many are flaky. */
function countStatuses(tests: readonly PageTest[]): [string, number][] {
  const flaky = tests.filter(({ isFlaky }) => isFlaky).length;
  const statuses = BY_BADNESS.map((each): [string, number] => [
    each,
    tests.filter((test) => test.status === each).length,
  ]);
  return [...statuses, ['flaky', flaky]];
}

function Heading(props: {
  column: Column;
  title: string;
  order: Order;
  setOrder: (order: Order) => void;
}) {
  const { column, title, order, setOrder } = props;
  const isCurrent = order.column === column;
  const sort = !isCurrent ? 'none' : order.isReversed ? 'descending' : 'ascending';
  return (
    <th aria-sort={sort} class={`is-${column}`}>
      <button
        type="button"
        onClick={() => setOrder({ column, isReversed: isCurrent && !order.isReversed })}
      >
        {title}
        {isCurrent ? (order.isReversed ? ' ▴' : ' ▾') : ''}
      </button>
    </th>
  );
}

function TestRow(props: {
  row: Row;
  isOpen: boolean;
  isTarget: boolean;
  toggle: (index: number) => void;
}) {
  const { row, isOpen, isTarget, toggle } = props;
  const { test, index } = row;
  const { status, name, isFlaky, message, output, start, duration } = test;
  const more = output !== undefined;
  return (
    <tr class={isTarget ? 'row is-target' : 'row'} id={`t${index}`}>
      <td class="is-status">
        <StatusBadge status={status} />
      </td>
      <td class="is-name">
        <a href={`#t${index}`}>{name}</a> {isFlaky ? <Badge kind="flaky">flaky</Badge> : null}
        {message === undefined ? null : <div class="message">{message}</div>}
        {more ? (
          <button type="button" class="fold" aria-expanded={isOpen} onClick={() => toggle(index)}>
            output
          </button>
        ) : null}
      </td>
      <td class="is-start">{start === undefined ? '' : formatDuration(start)}</td>
      <td class="is-duration">{duration === undefined ? '' : formatDuration(duration)}</td>
      {more && isOpen ? (
        <td class="row-output">
          <Output text={output} />
        </td>
      ) : null}
    </tr>
  );
}
