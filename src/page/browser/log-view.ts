import type { Log, LogMark } from '../data.ts';

/** The lines of a chunk: the browser lays out and paints only the chunks that are visible. */
const CHUNK = 300;

/** Height of a line in pixels: `--line` in style.css. */
const LINE = 18;

/** A log that has been unpacked. */
interface OpenLog {
  log: Log;
  text: string;
  /** Where each line begins in the text. */
  starts: Uint32Array;
  /** The element that scrolls. */
  view: HTMLElement;
  chunks: HTMLElement[];
}

/** Shows a log once its fold is open or the address of the page names one of its lines. */
export function showLog(log: Log): void {
  const section = document.getElementById(log.id);
  const fold = section?.querySelector('details');
  const place = section?.querySelector<HTMLElement>('.log-view');
  if (fold == null || place == null) return;
  let opened: Promise<OpenLog> | undefined;
  const open = (): Promise<OpenLog> => {
    opened ??= unpackLog(log, place);
    return opened;
  };
  const openIfUnfolded = (): void => {
    if (fold.open) open().catch((error) => explain(place, log, error));
  };
  const follow = async (): Promise<void> => {
    const line = lineOfAddress(log);
    if (line === undefined) return;
    fold.open = true;
    const shown = await open();
    goToLine(shown, line);
    section?.scrollIntoView();
  };
  fold.addEventListener('toggle', openIfUnfolded);
  addEventListener('hashchange', follow);
  // After the rest of the page has been painted.
  setTimeout(() => {
    openIfUnfolded();
    follow();
  });
}

function lineOfAddress({ prefix }: Log): number | undefined {
  const hash = decodeURIComponent(location.hash.slice(1));
  const rest = hash.startsWith(prefix) ? hash.slice(prefix.length) : '';
  return /^\d+$/.test(rest) ? Number(rest) : undefined;
}

function explain(place: HTMLElement, { name }: Log, error: unknown): void {
  place.textContent = `This browser cannot unpack the log (${error}). It is in ${name}.`;
}

async function unpackLog(log: Log, place: HTMLElement): Promise<OpenLog> {
  place.textContent = 'unpacking …';
  const data = document.getElementById(`${log.id}-data`);
  const text = await unpack(data?.textContent ?? '');
  data?.remove();
  const view = element('div', 'log-lines');
  view.tabIndex = 0;
  const starts = startsOfLines(text);
  const opened: OpenLog = { log, text, starts, view, chunks: [] };
  const numbers = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        numbers.unobserve(target);
        addNumbers(opened, target as HTMLElement);
      }
    },
    { root: view, rootMargin: '1000px' },
  );
  for (let first = 0; first < starts.length; first += CHUNK) {
    const chunk = makeChunk(opened, first);
    opened.chunks.push(chunk);
    numbers.observe(chunk);
  }
  view.append(...opened.chunks);
  view.style.setProperty('--digits', `${String(log.lines).length}`);
  place.replaceChildren(makeTools(opened), view);
  return opened;
}

async function unpack(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

function startsOfLines(text: string): Uint32Array {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return Uint32Array.from(starts);
}

function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}

/** @param index of the line in the text, from 0. @returns its number in the log, from 1 */
function numberOf({ gap }: Log, index: number): number {
  return gap === undefined || index <= gap.after ? index + 1 : index + gap.count;
}

/** @returns the index of a line in the text; for a line that is left out, that of the line that stands for it */
function indexOf({ gap }: Log, number: number): number {
  if (gap === undefined || number <= gap.after) return number - 1;
  return number <= gap.after + gap.count ? gap.after : number - gap.count;
}

/** The text of lines, without the line feed of the last. */
function textOf({ text, starts }: OpenLog, first: number, end: number): string {
  const to = starts[end];
  return text.slice(starts[first], to === undefined ? undefined : to - 1);
}

function makeChunk(opened: OpenLog, first: number): HTMLElement {
  const { log, starts } = opened;
  const end = Math.min(first + CHUNK, starts.length);
  const chunk = element('div', 'chunk');
  chunk.dataset.first = String(first);
  chunk.style.setProperty('contain-intrinsic-height', `${(end - first) * LINE}px`);
  const lines = element('div', 'lines');
  let from = first;
  const add = (to: number, mark?: LogMark): void => {
    if (to <= from) return;
    const text = `${textOf(opened, from, to)}\n`;
    if (mark === undefined) lines.append(text);
    else {
      const marked = element('mark', `is-${mark.severity}`, text);
      marked.title = mark.title;
      lines.append(marked);
    }
    from = to;
  };
  for (const mark of log.marks) {
    const start = indexOf(log, mark.line);
    const stop = Math.min(start + mark.length, end);
    if (stop <= first || start >= end) continue;
    add(Math.max(start, first));
    add(stop, mark);
  }
  add(end);
  chunk.append(element('div', 'numbers'), lines);
  return chunk;
}

function addNumbers({ log, starts }: OpenLog, chunk: HTMLElement): void {
  const first = Number(chunk.dataset.first);
  const links = Array.from({ length: Math.min(CHUNK, starts.length - first) }, (_, place) => {
    const number = numberOf(log, first + place);
    const link = document.createElement('a');
    link.href = `#${log.prefix}${number}`;
    link.textContent = String(number);
    return link;
  });
  chunk.firstElementChild?.append(...links);
}

/** Scrolls to a line and marks it. */
function goToLine(opened: OpenLog, number: number): void {
  const { log, view, chunks, starts } = opened;
  const index = Math.min(Math.max(indexOf(log, number), 0), starts.length - 1);
  const chunk = chunks[Math.floor(index / CHUNK)];
  if (chunk === undefined) return;
  const top = (index % CHUNK) * LINE;
  view.querySelector('.target')?.remove();
  const target = element('div', 'target');
  target.style.top = `${top}px`;
  chunk.append(target);
  view.scrollTop = Math.floor(index / CHUNK) * CHUNK * LINE + top - view.clientHeight / 3;
}

/** Search, and the way from report to report. */
function makeTools(opened: OpenLog): HTMLElement {
  const { log } = opened;
  const tools = element('div', 'tools');
  const search = document.createElement('input');
  search.type = 'search';
  search.placeholder = `Search ${log.name}`;
  search.setAttribute('aria-label', search.placeholder);
  const count = document.createElement('output');
  let hits: number[] = [];
  let current = -1;
  const step = (by: number): void => {
    if (hits.length === 0) return;
    current = (current + by + hits.length) % hits.length;
    count.textContent = `${current + 1} of ${hits.length}`;
    goToLine(opened, numberOf(log, hits[current] ?? 0));
  };
  search.addEventListener('input', () => {
    hits = findLines(opened, search.value);
    current = -1;
    count.textContent = search.value === '' ? '' : 'not found';
    step(1);
  });
  search.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
  });
  const button = (text: string, label: string, act: () => void): HTMLElement => {
    const made = element('button', '', text);
    made.setAttribute('type', 'button');
    made.setAttribute('aria-label', label);
    made.addEventListener('click', act);
    return made;
  };
  tools.append(
    search,
    button('‹', 'previous match', () => step(-1)),
    button('›', 'next match', () => step(1)),
    count,
  );
  if (log.marks.length > 0) {
    let report = -1;
    tools.append(
      button('next kernel report', 'next kernel report', () => {
        report = (report + 1) % log.marks.length;
        location.hash = `${log.prefix}${log.marks[report]?.line}`;
      }),
    );
  }
  return tools;
}

/** How many matches are found at most. */
const MOST_HITS = 10_000;

/** @returns the indices of the lines that contain a text, in whatever case */
function findLines({ text, starts }: OpenLog, query: string): number[] {
  if (query === '') return [];
  const pattern = new RegExp(query.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'gi');
  const found: number[] = [];
  let line = 0;
  for (const { index } of text.matchAll(pattern)) {
    while (line + 1 < starts.length && (starts[line + 1] ?? 0) <= index) line++;
    if (found.at(-1) !== line) found.push(line);
    if (found.length >= MOST_HITS) break;
  }
  return found;
}
