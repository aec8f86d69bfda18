import { isFailure } from '../results/compare.ts';
import { describeBlockedTask } from '../results/excerpt.ts';
import { listPhases } from '../results/phases.ts';
import { findFlaky, nameOfTest } from '../results/repetitions.ts';
import type { RunResult, RunServer, RunSplat, TestResult } from '../results/run-result.ts';
import { formatCommand } from '../results/show.ts';
import { nameOfScript } from '../results/verdict.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { formatBytes, formatDuration } from '../ui/format.ts';
import { describeDisk } from '../vm/disks.ts';
import type { Log, LogMark, PageTest } from './data.ts';
import { DataBlock, renderDocument } from './document.tsx';
import { groupBy } from './group-by.ts';
import { type PackedLog, packLog, type RawLog } from './logs.ts';
import { Badge, Duration, Facts, Output, Section, StatusBadge } from './parts.tsx';
import { toPlainDeep } from './plain.ts';
import { layOutTimeline } from './timeline.ts';
import { TimelineView } from './timeline-view.tsx';

/** Renders the page of a run. @param logs the most useful first */
export function renderRunPage(stored: RunResult, logs: readonly RawLog[]): string {
  const result = toPlainDeep(stored);
  const packed = logs.filter(({ text }) => text.trim() !== '').map((log) => pack(log, result));
  const flaky = findFlaky(result.tests);
  const tests = result.tests.map(
    (test): PageTest => (flaky.has(nameOfTest(test.name)) ? { ...test, isFlaky: true } : test),
  );
  return renderDocument({
    title: `${result.verdict}: ${result.cut}, ${result.id}`,
    body: <RunBody {...{ result, tests, logs: packed }} />,
    data: {
      page: 'run',
      tests: withinBudget(tests),
      logs: packed.map(({ packed: _, ...log }): Log => log),
    },
  });
}

/** How many characters of the outputs of tests are embedded. */
const MOST_OUTPUT = 32 * 1024 * 1024;

/** Drops outputs beyond the budget: result.json has them. */
function withinBudget(tests: readonly PageTest[]): PageTest[] {
  let left = MOST_OUTPUT;
  return tests.map((test) => {
    left -= test.output?.length ?? 0;
    return left >= 0 ? test : { ...test, output: undefined };
  });
}

function pack(log: RawLog, { splats, servers = [] }: RunResult): PackedLog {
  const server = servers.find((each) => each.console === log.name);
  const isConsole = log.name === 'console.log';
  const vm = server === undefined ? undefined : nameServer(server);
  const own = splats.flatMap((splat, index) =>
    (isConsole || vm !== undefined) && splat.vm === vm
      ? [{ splat, anchor: `report-${index}` }]
      : [],
  );
  const id = log.name.replace(/\.log$/, '').replace(/[^\w-]/g, '-');
  return packLog(log, { id: `log-${id}`, prefix: isConsole ? 'L' : `${id}-L` }, own);
}

function nameServer({ cut, number }: RunServer): string {
  return `${cut} (VM ${number})`;
}

function RunBody(props: { result: RunResult; tests: PageTest[]; logs: PackedLog[] }) {
  const { result, tests, logs } = props;
  const { splats, notes, blockedTasks = [] } = result;
  const timeline = layOutTimeline(result);
  const troubles = tests
    .map((test, index) => ({ test, index }))
    .filter(({ test }) => isFailure(test) || test.status === 'interrupted');
  return (
    <>
      <Header result={result} tests={tests} />
      <main>
        <section id="what-ran">
          <WhatRan result={result} />
        </section>
        {troubles.length === 0 ? null : (
          <Section id="failures" title="Failing tests" count={troubles.length}>
            <Troubles troubles={troubles} />
          </Section>
        )}
        <FlakyTests tests={tests} />
        {splats.length === 0 ? null : (
          <Section id="reports" title="Kernel reports" count={splats.length}>
            <Reports splats={splats} logs={logs} />
          </Section>
        )}
        {blockedTasks.length === 0 ? null : (
          <Section id="blocked" title="Blocked tasks" count={blockedTasks.length}>
            <pre class="output">{blockedTasks.map(describeBlockedTask).join('\n')}</pre>
          </Section>
        )}
        {notes.length === 0 ? null : (
          <Section id="notes" title="Notes">
            <ul>
              {notes.map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          </Section>
        )}
        {timeline === undefined ? null : (
          <Section id="timeline" title="Timeline">
            <TimelineView timeline={timeline} />
          </Section>
        )}
        {tests.length === 0 ? null : (
          <Section id="tests" title="All tests" count={tests.length}>
            <div id="test-table">
              <p class="quiet">The table needs JavaScript. result.json has all tests.</p>
            </div>
          </Section>
        )}
        {logs.map((log) => (
          <LogView key={log.id} log={log} />
        ))}
      </main>
      <Footer result={result} />
    </>
  );
}

function Header({ result, tests }: { result: RunResult; tests: readonly PageTest[] }) {
  const { verdict, reason, cut, id, started, times, splats } = result;
  return (
    <header class={`top is-${verdict}`}>
      <p class="crumbs">
        {cut} <span>{id}</span>
      </p>
      <h1>
        <Badge kind={verdict}>{verdict}</Badge> {reason}
      </h1>
      <p class="meta">
        <time dateTime={started}>{formatTime(started)}</time>
        <span>{formatDuration(times.total)}</span>
        {tests.length === 0 ? null : <a href="#tests">{countTests(tests)}</a>}
        {splats.length === 0 ? null : <a href="#reports">{countReports(splats)}</a>}
        <a href="#timeline">timeline</a>
        <a href="#log-console">console</a>
      </p>
    </header>
  );
}

/** `2026-11-23 02:15:57 UTC` */
export function formatTime(iso: string): string {
  return `${new Date(iso).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
}

export function countTests(tests: readonly TestResult[]): string {
  const count = (isCounted: (test: TestResult) => boolean): number =>
    tests.filter(isCounted).length;
  const failed = count(isFailure);
  const skipped = count(({ status }) => status === 'skip');
  const interrupted = count(({ status }) => status === 'interrupted');
  return [
    `${tests.length - failed - skipped - interrupted} passed`,
    `${failed} failed`,
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
    ...(interrupted === 0 ? [] : [`${interrupted} interrupted`]),
  ].join(', ');
}

function countReports({ length }: readonly unknown[]): string {
  return length === 1 ? '1 kernel report' : `${length} kernel reports`;
}

function WhatRan({ result }: { result: RunResult }) {
  const { kernel, vm, host, command, commandStatus, autorun, servers, times, rapido } = result;
  return (
    <>
      <Facts
        facts={[
          ['kernel', kernel?.release],
          ['source', kernel?.git],
          [
            'commit',
            kernel?.commit && (
              <>
                <code>{kernel.commit}</code>
                {kernel.branch === undefined ? null : ` on ${kernel.branch}`}
              </>
            ),
          ],
          ['cut', result.cut],
          [
            'command',
            command && (
              <>
                <code>{formatCommand(command)}</code>
                {commandStatus === undefined ? null : ` (exit status ${commandStatus})`}
              </>
            ),
          ],
          [
            'autorun',
            autorun
              .map(({ script, status }) =>
                status === 0 ? nameOfScript(script) : `${nameOfScript(script)} (status ${status})`,
              )
              .join(', '),
          ],
          [
            'machine',
            vm &&
              `${vm.accelerator === 'kvm' ? 'KVM' : 'emulated (TCG)'}, ${vm.cpus} CPU${vm.cpus === 1 ? '' : 's'}, ${formatBytes(vm.memory)}`,
          ],
          ['disks', vm?.disks?.map(describeDisk).join('; ')],
          ['servers', servers?.map(describeServer).join('; ')],
          ['host', host && `${host.name}, Linux ${host.release}, ${host.architecture}`],
          ['exit status', String(result.status)],
          ['rapido', rapido],
          [
            'times',
            listPhases(times)
              .map(([name, ms]) => `${name} ${formatDuration(ms)}`)
              .join(', '),
          ],
        ]}
      />
      {vm === undefined ? null : (
        <details class="quiet">
          <summary>QEMU command line</summary>
          <pre class="output is-wrapped">{formatCommandLine(vm.qemu)}</pre>
        </details>
      )}
    </>
  );
}

function describeServer(server: RunServer): string {
  const { failure } = server;
  return `${nameServer(server)}${failure === undefined ? '' : `: ${failure}`}`;
}

/** How many failing tests are in the page itself; all are in the table. */
const MOST_TROUBLES = 100;
/** How many of them are unfolded. */
const UNFOLDED = 5;

function Troubles({ troubles }: { troubles: readonly { test: PageTest; index: number }[] }) {
  const more = troubles.length - MOST_TROUBLES;
  return (
    <>
      {troubles.slice(0, MOST_TROUBLES).map(({ test, index }, place) => (
        <Trouble key={index} test={test} index={index} isOpen={place < UNFOLDED} />
      ))}
      {more > 0 ? (
        <p>
          … and {more} more in <a href="#tests">the table</a>
        </p>
      ) : null}
    </>
  );
}

function Trouble(props: { test: PageTest; index: number; isOpen: boolean }) {
  const { test, index, isOpen } = props;
  const { name, status, isFlaky, message, output, start, duration } = test;
  const head = (
    <>
      <StatusBadge status={status} />
      <b class="name">{name}</b>
      {isFlaky ? <Badge kind="flaky">flaky</Badge> : null}
      <Duration ms={duration} />
      {message === undefined ? null : <span class="message">{message}</span>}
    </>
  );
  const details = (
    <>
      <p class="links">
        {start === undefined ? null : <span>began {formatDuration(start)} into the run</span>}
        <a href={`#t${index}`}>in the table</a>
      </p>
      {output === undefined ? null : <Output text={output} />}
    </>
  );
  return (
    <details class="card is-fail" id={`test-${index}`} open={isOpen}>
      <summary>{head}</summary>
      {details}
    </details>
  );
}

/** Tests that ran several times, with different outcomes. */
function FlakyTests({ tests }: { tests: readonly PageTest[] }) {
  const groups = groupBy(
    tests.map((test, index) => ({ test, index })).filter(({ test }) => test.isFlaky),
    ({ test }) => nameOfTest(test.name),
  );
  if (groups.size === 0) return null;
  return (
    <Section id="flaky" title="Flaky tests" count={groups.size}>
      <ul class="flaky">
        {[...groups].slice(0, MOST_TROUBLES).map(([name, attempts]) => (
          <li key={name}>
            <b class="name">{name}</b>
            {attempts.map(({ test, index }) => (
              <a key={index} href={`#t${index}`}>
                <StatusBadge status={test.status} />
              </a>
            ))}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Reports({ splats, logs }: { splats: readonly RunSplat[]; logs: readonly PackedLog[] }) {
  const places = new Map(
    logs.flatMap((log) => log.marks.map((mark) => [mark.report, { log, mark }] as const)),
  );
  const groups = groupBy(
    splats.map((splat, index) => ({ splat, index })),
    ({ splat: { kind, title } }) => `${kind}: ${title}`,
  );
  return [...groups].map(([title, entries]) => (
    <ReportGroup key={title} title={title} entries={entries} places={places} />
  ));
}

interface ReportEntry {
  splat: RunSplat;
  index: number;
}

type Places = ReadonlyMap<string, { log: Log; mark: LogMark }>;

function ReportGroup(props: { title: string; entries: ReportEntry[]; places: Places }) {
  const { title, entries, places } = props;
  const [worst] = entries.map(({ splat }) => splat).sort((a, b) => rankOf(a) - rankOf(b));
  const count = entries.reduce((sum, { splat }) => sum + splat.count, 0);
  return (
    <article class={`card is-${kindOf(worst)}`}>
      <h3>
        <Badge kind={kindOf(worst)}>{kindOf(worst)}</Badge>
        <span class="name">{title}</span>
        {count > 1 ? <span class="time">{count} times</span> : null}
      </h3>
      {entries.map(({ splat, index }) => (
        <Report key={index} splat={splat} anchor={`report-${index}`} places={places} />
      ))}
    </article>
  );
}

/** The severity, or `expected`. */
function kindOf(splat: RunSplat | undefined): string {
  return splat?.excused === undefined ? (splat?.severity ?? 'note') : 'expected';
}

function rankOf(splat: RunSplat): number {
  return ['fatal', 'error', 'expected', 'note'].indexOf(kindOf(splat));
}

function Report(props: { splat: RunSplat; anchor: string; places: Places }) {
  const { splat, anchor, places } = props;
  const place = places.get(anchor);
  const facts = [
    splat.during === undefined ? '' : `during ${splat.during}`,
    splat.boot === undefined ? '' : `in boot ${splat.boot}`,
    splat.vm === undefined ? '' : `in ${splat.vm}`,
    splat.start === undefined ? '' : `${formatDuration(splat.start)} into the run`,
    splat.excused === undefined ? '' : `expected: ${splat.excused} (${splat.excusedBy})`,
  ].filter(Boolean);
  return (
    <div class="report" id={anchor}>
      <p class="links">
        {facts.map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
        {place === undefined ? null : (
          <a href={`#${place.log.prefix}${place.mark.line}`}>
            {place.log.name} line {place.mark.line}
          </a>
        )}
      </p>
      <details>
        <summary>{splat.decoded === undefined ? 'report' : 'report, decoded'}</summary>
        <pre class="output">{splat.decoded ?? splat.text}</pre>
      </details>
    </div>
  );
}

const LOG_TITLES: Readonly<Record<string, string>> = {
  'console.log': 'Console',
  'stdout.log': 'Standard output',
  'stderr.log': 'Standard error',
  'build.log': 'Kernel build',
};

function LogView({ log }: { log: PackedLog }) {
  const { id, name, lines, marks, packed } = log;
  return (
    <section id={id} class="log" data-log={id}>
      <details open={name === 'console.log'}>
        <summary>
          <h2>{LOG_TITLES[name] ?? name}</h2>
          <span class="count">{lines === 1 ? '1 line' : `${lines} lines`}</span>
          {marks.length === 0 ? null : <span class="count">{countReports(marks)}</span>}
        </summary>
        <div class="log-view">
          <p class="quiet">The log needs JavaScript; {name} has it as plain text.</p>
        </div>
      </details>
      <DataBlock id={`${id}-data`} text={packed} />
    </section>
  );
}

function Footer({ result: { id, rapido, host } }: { result: RunResult }) {
  return (
    <footer class="quiet">
      run {id}
      {host === undefined ? null : ` on ${host.name}`}
      {rapido === undefined ? null : `, rapido ${rapido}`}
    </footer>
  );
}
