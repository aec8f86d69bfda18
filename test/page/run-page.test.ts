import { gunzipSync } from 'node:zlib';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import { describe, expect, test } from 'vitest';
import type { PageData } from '../../src/page/data.ts';
import { renderRunPage } from '../../src/page/run-page.tsx';
import type { RunResult } from '../../src/results/run-result.ts';
import { aResult, aSplat } from '../results/a-result.ts';
import { aSuite, HOSTILE } from './a-suite.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** A page as a browser reads it. */
interface ReadPage {
  errors: string[];
  elements: Element[];
  /** All text outside of scripts and style sheets. */
  text: string;
  data: PageData;
  /** The text of an element that a page embeds, by its id. */
  embedded: (id: string) => string;
}

function read(html: string): ReadPage {
  const errors: string[] = [];
  const document = parse(html, { onParseError: ({ code }) => errors.push(code) });
  const elements: Element[] = [];
  const texts: string[] = [];
  const visit = (node: Node, isShown: boolean): void => {
    if (node.nodeName === '#text' && 'value' in node && isShown) texts.push(node.value);
    if ('tagName' in node) elements.push(node);
    if (!('childNodes' in node)) return;
    const areShown = isShown && !['script', 'style'].includes(node.nodeName);
    for (const child of node.childNodes) visit(child, areShown);
  };
  visit(document, true);
  const embedded = (id: string): string => {
    const [child] = elements.find((each) => attribute(each, 'id') === id)?.childNodes ?? [];
    return child !== undefined && 'value' in child ? child.value : '';
  };
  return { errors, elements, text: texts.join(''), data: JSON.parse(embedded('data')), embedded };
}

function attribute({ attrs }: Element, name: string): string | undefined {
  return attrs.find((each) => each.name === name)?.value;
}

function pageOf(changes: Partial<RunResult>, console = ''): ReadPage {
  return read(renderRunPage(aResult(changes), [{ name: 'console.log', text: console }]));
}

/** HOSTILE as a page shows it. */
const SHOWN = `</script><script>document.title='owned'</script><!--<img src=x onerror="alert(1)">&amp;red "'`;

describe('what a guest writes is text, wherever it appears', () => {
  const { result, console } = aSuite({ tests: 60, console: 0 });
  const planted: RunResult = {
    ...result,
    reason: HOSTILE,
    cut: HOSTILE,
    command: { arguments: [HOSTILE, HOSTILE] },
    kernel: { release: HOSTILE, image: HOSTILE, git: HOSTILE, commit: HOSTILE, branch: HOSTILE },
    host: { name: HOSTILE, release: HOSTILE, architecture: HOSTILE },
    rapido: HOSTILE,
    autorun: [{ script: HOSTILE, status: 1 }],
    tests: [
      { name: HOSTILE, status: 'fail', start: 5000, message: HOSTILE, output: HOSTILE },
      { name: `${HOSTILE} #2`, status: 'pass', start: 5100 },
    ],
    splats: [aSplat({ kind: HOSTILE, title: HOSTILE, text: HOSTILE, during: HOSTILE, start: 1 })],
    servers: [{ cut: HOSTILE, number: 1, failure: HOSTILE, console: HOSTILE, start: 10 }],
    blockedTasks: [{ name: HOSTILE, pid: 1, function: HOSTILE }],
    notes: [HOSTILE],
  };
  const clean = read(renderRunPage(result, [{ name: 'console.log', text: console }]));
  const page = read(renderRunPage(planted, [{ name: 'console.log', text: console }]));

  test('a browser finds no fault in the markup, and no element that rapido did not write', () => {
    expect(page.errors).toEqual([]);
    expect(page.elements.filter(({ tagName }) => tagName === 'img')).toEqual([]);
    const scripts = ({ elements }: ReadPage) =>
      elements.filter(({ tagName }) => tagName === 'script').length;
    expect(scripts(page)).toBe(scripts(clean));
    const handlers = page.elements.flatMap(({ attrs }) =>
      attrs.filter(({ name }) => name.startsWith('on')),
    );
    expect(handlers).toEqual([]);
  });

  test('it is shown without what controls a terminal', () => {
    expect(page.text.split(SHOWN).length - 1).toBeGreaterThan(15);
    expect(page.text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f]/);
    expect(JSON.stringify(page.data)).not.toMatch(/\\u00[01]/);
  });

  test('every link leads to an element of the page, a test or a line', () => {
    const ids = new Set(page.elements.map((each) => attribute(each, 'id')));
    const targets = page.elements
      .flatMap((each) => attribute(each, 'href') ?? [])
      .filter((href) => !/^#(L|t)\d+$/.test(href))
      .map((href) => href.replace('#', ''));
    expect(targets.filter((target) => !ids.has(target))).toEqual([]);
  });
});

test('the page runs its own script and requests nothing', () => {
  const { elements } = pageOf({});
  const policy = elements.find((each) => attribute(each, 'http-equiv') !== undefined)!;
  expect(attribute(policy, 'content')).toMatch(
    /^default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[\w+/]+=*';/,
  );
  const outside = elements.filter((each) => ['link', 'img', 'iframe'].includes(each.tagName));
  expect(outside).toEqual([]);
});

test('the console is embedded line by line, its reports with their place', () => {
  const { result, console } = aSuite({ tests: 60, console: 0 });
  const page = read(renderRunPage(result, [{ name: 'console.log', text: console }]));
  const { data } = page;
  const text = gunzipSync(Buffer.from(page.embedded('log-console-data'), 'base64')).toString();
  const lines = text.split('\n');
  expect(lines).toHaveLength(console.split('\n').length - 1);
  const marks = data.page === 'run' ? data.logs[0]!.marks : [];
  expect(marks.map(({ report, length }) => ({ report, length }))).toEqual([
    { report: 'report-0', length: 11 },
    { report: 'report-1', length: 4 },
  ]);
  expect(lines[marks[0]!.line - 1]).toMatch(/cut here/);
  expect(lines[marks[1]!.line - 1]).toMatch(/BUG: kernel NULL pointer/);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(4100);
});

test('the verdict, its reason and what ran', () => {
  const { text } = pageOf(aSuite({ tests: 60, console: 0 }).result);
  const start = text.indexOf('crash');
  expect(text.indexOf('the kernel crashed during generic/0031; then')).toBeGreaterThan(start);
  for (const fact of [
    'v6.18-rc6-14-g5c2f0a1b77de-dirty',
    '5c2f0a1b77de0c1f7a8b9c0d1e2f3a4b5c6d7e8f on foo-fixes',
    './check -g quick (exit status 1)',
    'KVM, 2 CPUs, 512 MiB',
    'build7, Linux 6.12.9-amd64, x86_64',
  ]) {
    expect(text).toContain(fact);
  }
});

test('a result of an older rapido has a page: without times and without what it does not know', () => {
  const { text, errors } = pageOf({
    tests: [{ name: 'a', status: 'fail' }],
    splats: [aSplat()],
  });
  expect(errors).toEqual([]);
  expect(text).not.toMatch(/undefined|NaN|Timeline/);
});

test('reports with the same title are one group', () => {
  const { elements } = pageOf({
    splats: [aSplat({ boot: 1 }), aSplat({ boot: 2, count: 4 }), aSplat({ title: 'other' })],
  });
  const groups = elements.filter((each) => each.tagName === 'article');
  expect(groups).toHaveLength(2);
});
