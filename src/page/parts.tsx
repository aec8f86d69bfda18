/*
 * Parts of pages, for the markup that rapido writes and for the script in the page.
 */

import type { ComponentChildren } from 'preact';
import { formatDuration } from '../ui/format.ts';

export function Badge({ kind, children }: { kind: string; children: ComponentChildren }) {
  return <span class={`badge is-${kind}`}>{children}</span>;
}

const STATUS_WORDS: Readonly<Record<string, string>> = {
  pass: 'pass',
  fail: 'fail',
  skip: 'skip',
  xfail: 'expected fail',
  xpass: 'unexpected pass',
  interrupted: 'interrupted',
};

export function StatusBadge({ status }: { status: string }) {
  return <Badge kind={status}>{STATUS_WORDS[status] ?? status}</Badge>;
}

export function Section(props: {
  id: string;
  title: string;
  count?: number | undefined;
  children: ComponentChildren;
}) {
  const { id, title, count, children } = props;
  return (
    <section id={id}>
      <h2>
        <a href={`#${id}`}>{title}</a>
        {count === undefined ? null : <span class="count">{count}</span>}
      </h2>
      {children}
    </section>
  );
}

/** A list of names and values; empty values are left out. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Duration({ ms }: { ms: number | undefined }) {
  return ms === undefined ? null : <span class="time">{formatDuration(ms)}</span>;
}

/** How much of an output is shown: the rest is in the files of the run. */
const LONGEST_OUTPUT = 64 * 1024;

/** Output of a test. The lines of a unified diff in it are coloured. */
export function Output({ text }: { text: string }) {
  const shown = text.slice(0, LONGEST_OUTPUT).replace(/\n+$/, '');
  const more = text.length - LONGEST_OUTPUT;
  return (
    <pre class="output">
      {groupLines(shown.split('\n')).map(({ kind, lines }, index) =>
        kind === undefined ? (
          `${lines.join('\n')}\n`
        ) : (
          <DiffLines key={index} {...{ kind, lines }} />
        ),
      )}
      {more > 0 ? <em>… {more} more characters</em> : null}
    </pre>
  );
}

function DiffLines({ kind, lines }: { kind: string; lines: readonly string[] }) {
  return <span class={kind}>{`${lines.join('\n')}\n`}</span>;
}

interface LineGroup {
  kind: 'added' | 'removed' | 'hunk' | undefined;
  lines: string[];
}

/** Joins consecutive lines of the same kind. */
function groupLines(lines: readonly string[]): LineGroup[] {
  const groups: LineGroup[] = [];
  let isDiff = false;
  for (const line of lines) {
    if (/^\s*(?:--- \S|@@ )/.test(line)) isDiff = true;
    const kind = isDiff ? kindOfLine(line) : undefined;
    const last = groups.at(-1);
    if (last !== undefined && last.kind === kind) last.lines.push(line);
    else groups.push({ kind, lines: [line] });
  }
  return groups;
}

/** xfstests indents its diff by four blanks. */
function kindOfLine(line: string): LineGroup['kind'] {
  const [, sign] = /^ {0,4}(@@|---(?= )|\+\+\+(?= )|[+-])/.exec(line) ?? [];
  if (sign === undefined) return undefined;
  if (sign.length > 1) return 'hunk';
  return sign === '+' ? 'added' : 'removed';
}
