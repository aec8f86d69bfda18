import { buildHistory, type History } from '../results/history.ts';
import type { RunResult } from '../results/run-result.ts';
import { formatCommand } from '../results/show.ts';
import { listSome } from '../sys/list-words.ts';
import { formatDuration } from '../ui/format.ts';
import type { HistoryGroup } from './data.ts';
import { renderDocument } from './document.tsx';
import { groupBy } from './group-by.ts';
import { Badge, Section } from './parts.tsx';
import { toPlainDeep } from './plain.ts';
import { countTests, formatTime } from './run-page.tsx';

/** Renders the history of all tests and kernel reports in kept runs, by cut. */
export function renderHistoryPage(stored: readonly RunResult[]): string {
  const results = toPlainDeep(stored.map(withoutTexts));
  const cuts = [...groupBy(results, ({ cut }) => cut)].map(([cut, runs], index) => ({
    cut,
    id: `cut-${index}`,
    history: buildHistory(runs),
  }));
  return renderDocument({
    title: `${results.length} runs of rapido`,
    body: (
      <>
        <header class="top">
          <h1>{results.length === 1 ? '1 run' : `${results.length} runs`}</h1>
          <p class="meta">
            {cuts.map(({ cut, id, history }) => (
              <a key={id} href={`#${id}`}>
                {cut} <span class="count">{history.runs.length}</span>
              </a>
            ))}
          </p>
        </header>
        <main>
          {cuts.map(({ cut, id, history }) => (
            <Section key={id} id={id} title={cut} count={history.runs.length}>
              <Reports history={history} />
              <Tests id={id} history={history} />
              <Runs history={history} />
            </Section>
          ))}
        </main>
      </>
    ),
    data: {
      page: 'history',
      groups: cuts
        .filter(({ history }) => history.tests.length > 0)
        .map(({ id, history }) => describeGroup(`${id}-tests`, history)),
    },
  });
}

/** The history shows no outputs and no texts of reports. */
function withoutTexts(result: RunResult): RunResult {
  const { tests, splats } = result;
  return {
    ...result,
    tests: tests.map(({ name, status, duration }) => ({ name, status, duration })),
    splats: splats.map((splat) => ({ ...splat, text: '', decoded: undefined })),
  };
}

function describeGroup(id: string, { runs, tests }: History): HistoryGroup {
  return {
    id,
    runs: runs.map((run) => ({
      name: run.id,
      kernel: run.kernel?.git ?? run.kernel?.release ?? '',
      when: formatTime(run.started),
      verdict: run.verdict,
    })),
    tests: tests.map(({ results, times, ...rest }) => ({
      ...rest,
      results: results.map((status) => status ?? null),
      times: times.map((time) => time ?? null),
    })),
  };
}

function Tests({ id, history }: { id: string; history: History }) {
  const { tests, runs } = history;
  if (tests.length === 0) return null;
  return (
    <div class="part">
      <h3>
        Tests <span class="count">{tests.length}</span>
      </h3>
      <p class="quiet">
        Each mark is a run, the oldest first: {runs.length} since {formatTime(runs[0]!.started)}.
      </p>
      <div id={`${id}-tests`}>
        <p class="quiet">The table needs JavaScript.</p>
      </div>
    </div>
  );
}

function Reports({ history: { reports, runs: all } }: { history: History }) {
  const seen = new Map(all.map((run) => [run.id, <Seen key={run.id} run={run} />]));
  if (reports.length === 0) return null;
  return (
    <div class="part">
      <h3>
        Kernel reports <span class="count">{reports.length}</span>
      </h3>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Report</th>
              <th class="is-number">Runs</th>
              <th>First seen</th>
              <th>Last seen</th>
            </tr>
          </thead>
          <tbody>
            {reports.map(({ kind, title, runs, firstSeen, lastSeen, during }) => (
              <tr key={`${kind}: ${title}`}>
                <td>
                  <span class="name">{`${kind}: ${title}`}</span>
                  {during.length === 0 ? null : (
                    <div class="message">in {listSome(during, MOST_NAMES)}</div>
                  )}
                </td>
                <td class="is-number">{runs}</td>
                <td>{seen.get(firstSeen)}</td>
                <td>{seen.get(lastSeen)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** When a run began, and its kernel. */
function Seen({ run: { id, started, kernel } }: { run: RunResult }) {
  return (
    <span class="quiet" title={id}>
      {formatTime(started).slice(0, 10)}
      <div class="message">{kernel?.git ?? kernel?.release}</div>
    </span>
  );
}

/** How many names are listed in one line. */
const MOST_NAMES = 8;

function Runs({ history: { runs } }: { history: History }) {
  return (
    <div class="part">
      <h3>Runs</h3>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Verdict</th>
              <th>When</th>
              <th>Kernel</th>
              <th>Tests</th>
              <th class="is-number">Time</th>
            </tr>
          </thead>
          <tbody>
            {runs.toReversed().map((run) => (
              <RunRow key={run.id} run={run} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function RunRow({ run }: { run: RunResult }) {
  const { id, verdict, reason, started, kernel, command, tests, times } = run;
  return (
    <tr>
      <td>
        <Badge kind={verdict}>{verdict}</Badge>
      </td>
      <td>
        {formatTime(started)}
        <div class="message">{id}</div>
      </td>
      <td>
        {kernel?.git ?? kernel?.release}
        {kernel?.commit === undefined ? null : (
          <div class="message">{kernel.commit.slice(0, 12)}</div>
        )}
      </td>
      <td>
        {tests.length === 0 ? null : countTests(tests)}
        <div class="message">
          {verdict === 'pass' ? command && <code>{formatCommand(command)}</code> : reason}
        </div>
      </td>
      <td class="is-number">{formatDuration(times.total)}</td>
    </tr>
  );
}
