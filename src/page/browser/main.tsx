/// <reference lib="dom" />
/*
 * The script of a page, for browsers. It shows what is too much for plain markup: the table of all tests, the logs,
 * and the history of tests.
 */

import { render } from 'preact';
import type { PageData } from '../data.ts';
import { HistoryGrid } from './history-grid.tsx';
import { showLog } from './log-view.ts';
import './style.css';
import { TestTable } from './test-table.tsx';

const data: PageData = JSON.parse(document.getElementById('data')?.textContent ?? 'null');

function mount(id: string, content: Parameters<typeof render>[0]): void {
  const root = document.getElementById(id);
  if (root === null) return;
  root.replaceChildren();
  render(content, root);
}

/** A link to something within a fold opens the fold. */
function unfoldTarget(): void {
  const target = document.getElementById(location.hash.slice(1));
  if (target === null) return;
  const inside = target.querySelector(':scope > details');
  for (let each: Element | null = inside ?? target; each !== null; each = each.parentElement) {
    if (each instanceof HTMLDetailsElement) each.open = true;
  }
  target.scrollIntoView();
}

if (data.page === 'run') {
  mount('test-table', <TestTable tests={data.tests} />);
  for (const log of data.logs) showLog(log);
} else {
  for (const group of data.groups) mount(group.id, <HistoryGrid group={group} />);
}
addEventListener('hashchange', unfoldTarget);
unfoldTarget();
