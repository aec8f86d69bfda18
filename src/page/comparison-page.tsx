import type { ComparedRun, ComparedSplat, RunComparison, TestChange } from '../results/compare.ts';
import type { TimeChange } from '../results/compare-times.ts';
import { formatDuration } from '../ui/format.ts';
import { renderDocument } from './document.tsx';
import { Badge, Facts, Section, StatusBadge } from './parts.tsx';
import { toPlainDeep } from './plain.ts';

/** What the page of a comparison shows. */
export interface ShownComparison {
  comparison: RunComparison;
  times: { slower: TimeChange[]; faster: TimeChange[] };
}

/** Renders the changes from run A to run B: what got worse first. */
export function renderComparisonPage(stored: ShownComparison): string {
  const { comparison, times } = toPlainDeep(stored);
  const { a, b, tests, splats, worse } = comparison;
  const isWorse = worse.length > 0;
  return renderDocument({
    title: `${isWorse ? 'worse' : 'not worse'}: ${b.cut}, ${a.id} and ${b.id}`,
    body: (
      <>
        <header class={`top is-${isWorse ? 'worse' : 'pass'}`}>
          <p class="crumbs">{a.cut === b.cut ? b.cut : `${a.cut} and ${b.cut}`}</p>
          <h1>
            <Badge kind={isWorse ? 'worse' : 'pass'}>{isWorse ? 'worse' : 'not worse'}</Badge>{' '}
            {isWorse ? 'B is worse than A' : 'B is not worse than A'}
          </h1>
          <ul class="reasons">
            {worse.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        </header>
        <main>
          <section id="runs">
            <Side name="A" run={a} />
            <Side name="B" run={b} />
          </section>
          <Changes id="newly-failing" title="Newly failing" changes={tests.newlyFailing} />
          <ReportList id="new-reports" title="New kernel reports" splats={splats.new} />
          <TimeTable id="slower" title="Slower" changes={times.slower} />
          <Changes id="interrupted" title="Interrupted" changes={tests.interrupted} />
          <Changes id="newly-skipped" title="Newly skipped" changes={tests.newlySkipped} />
          <Changes id="only-in-a" title="No longer run" changes={tests.onlyInA} />
          <Changes id="newly-passing" title="Newly passing" changes={tests.newlyPassing} />
          <ReportList id="gone-reports" title="Kernel reports gone" splats={splats.gone} />
          <TimeTable id="faster" title="Faster" changes={times.faster} />
          <Changes id="still-failing" title="Still failing" changes={tests.stillFailing} />
          <Changes id="only-in-b" title="New tests" changes={tests.onlyInB} />
          <p class="quiet rest">{tests.unchanged} tests unchanged</p>
        </main>
      </>
    ),
  });
}

function Side({ name, run: { id, verdict, reason, kernel } }: { name: string; run: ComparedRun }) {
  return (
    <div class={`card is-${verdict}`}>
      <h3>
        {name} <Badge kind={verdict}>{verdict}</Badge> <span>{reason}</span>
      </h3>
      <Facts
        facts={[
          ['run', id],
          ['kernel', [kernel?.release, kernel?.git].filter(Boolean).join(', ')],
          ['commit', kernel?.commit],
        ]}
      />
    </div>
  );
}

/** How many entries of a list are shown; `--json` has all. */
const LONGEST_LIST = 1000;

function AndMore({ length }: readonly unknown[]) {
  const more = length - LONGEST_LIST;
  return more > 0 ? <p class="quiet">… and {more} more; --json has all</p> : null;
}

function Changes(props: { id: string; title: string; changes: readonly TestChange[] }) {
  const { id, title, changes } = props;
  if (changes.length === 0) return null;
  return (
    <Section id={id} title={title} count={changes.length}>
      <table>
        <tbody>
          {changes.slice(0, LONGEST_LIST).map(({ name, a, b, message }) => (
            <tr key={name}>
              <td>
                <span class="name">{name}</span>
                {message === undefined ? null : <div class="message">{message}</div>}
              </td>
              <td class="is-number">
                <StatusOr status={a} other="not in A" /> → <StatusOr status={b} other="not in B" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <AndMore {...changes} />
    </Section>
  );
}

function StatusOr({ status, other }: { status: string | undefined; other: string }) {
  return status === undefined ? (
    <span class="quiet">{other}</span>
  ) : (
    <StatusBadge status={status} />
  );
}

function ReportList(props: { id: string; title: string; splats: readonly ComparedSplat[] }) {
  const { id, title, splats } = props;
  if (splats.length === 0) return null;
  return (
    <Section id={id} title={title} count={splats.length}>
      {splats.map((splat, index) => {
        const kind = splat.excused === undefined ? splat.severity : 'expected';
        return (
          <article class={`card is-${kind}`} key={index}>
            <h3>
              <Badge kind={kind}>{kind}</Badge>
              <span class="name">{`${splat.kind}: ${splat.title}`}</span>
            </h3>
            <p class="links">
              {splat.count > 1 ? <span>{splat.count} times</span> : null}
              {splat.during === undefined ? null : <span>during {splat.during}</span>}
              {splat.vm === undefined ? null : <span>in {splat.vm}</span>}
              {splat.excused === undefined ? null : <span>expected: {splat.excused}</span>}
            </p>
          </article>
        );
      })}
    </Section>
  );
}

function TimeTable(props: { id: string; title: string; changes: readonly TimeChange[] }) {
  const { id, title, changes } = props;
  if (changes.length === 0) return null;
  return (
    <Section id={id} title={title} count={changes.length}>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Test</th>
              <th class="is-number">A</th>
              <th class="is-number">B</th>
              <th class="is-number">Usual</th>
              <th class="is-number">Change</th>
            </tr>
          </thead>
          <tbody>
            {changes.slice(0, LONGEST_LIST).map(({ name, a, b, usual }) => (
              <tr key={name}>
                <td class="name">{name}</td>
                <td class="is-number">{formatDuration(a)}</td>
                <td class="is-number">{formatDuration(b)}</td>
                <td class="is-number quiet">{describeUsual(usual)}</td>
                <td class="is-number">{formatChange(b, usual.median)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <AndMore {...changes} />
    </Section>
  );
}

function describeUsual({ least, most, runs }: TimeChange['usual']): string {
  if (runs === 1) return '1 run';
  return `${formatDuration(least)} to ${formatDuration(most)} in ${runs} runs`;
}

/** `+12.0 s, 2.5 ×` */
function formatChange(time: number, median: number): string {
  const difference = `${time < median ? '−' : '+'}${formatDuration(Math.abs(time - median))}`;
  return median > 0 ? `${difference}, ${(time / median).toFixed(1)} ×` : difference;
}
