import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scanConsole, verdicts } from './scan.ts';

const CORPUS = join(import.meta.dirname, 'corpus');

const logs = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.log'))
  .sort();

const readLog = (name: string): string[] => readFileSync(join(CORPUS, name), 'utf8').split('\n');

describe('reports in logs of real kernels', () => {
  test.each(logs)('%s', (name) => {
    const lines = readLog(name);
    expect(lines[0]).toMatch(/^# source: \S/);
    const { begun, fatal, splats } = scanConsole(lines);
    expect(begun).toHaveLength(splats.length);
    expect(fatal).toHaveLength(splats.filter(({ severity }) => severity === 'fatal').length);
    const found = splats.map(
      ({ kind, severity, title, text }) =>
        `${severity} ${kind}: ${title} (${text.split('\n').length} lines)`,
    );
    expect(found.join('\n')).toMatchSnapshot();
  });
});

/** The right answer for logs that a scanner easily misreads. */
test.each([
  ['gpf-in-timer-idle.log', ['fatal gpf: general protection fault in run_timer_softirq']],
  ['gpf-in-timer-fork.log', ['fatal gpf: general protection fault in run_timer_softirq']],
  ['rcu-stall-5x.log', ['error rcu-stall: rcu stall in snd_seq_write']],
  ['hung-task-comm-newline.log', ['error hung-task: INFO: task hung in p9_fd_close']],
  [
    'two-splats-for-one-warn-4x.log',
    ['error list-corruption: list_del corruption in device_shutdown'],
  ],
  ['init-not-executed.log', ['fatal boot: /init could not be executed as init (error -8)']],
  [
    'glued-lines-4x.log',
    [
      'fatal oops: BUG: unable to handle page fault in foo_ioctl',
      'note allocation: page allocation failure',
      'error hung-task: INFO: task hung in foo_release',
      'error hung-task: INFO: task hung in bar_release',
    ],
  ],
])('%s', (name, found) => {
  expect(verdicts(scanConsole(readLog(name)).splats)).toEqual(found);
});

test.each(logs.filter((name) => /(?:^|\/)ok-/.test(name)))('%s fails no run', (name) => {
  expect(scanConsole(readLog(name)).splats.filter(({ severity }) => severity !== 'note')).toEqual(
    [],
  );
});

test('a title contains no address, pid, CPU or offset', () => {
  const titles = logs.flatMap((name) =>
    scanConsole(readLog(name)).splats.map(({ title }) => title),
  );
  expect(
    titles.filter((title) => /0x|\+\/|[0-9a-f]{12}|CPU#\d|\bpid\b|\/\d+\b|:\d+$/.test(title)),
  ).toEqual([]);
});

test('a boot of a Debian kernel contains no report, not even a note', () => {
  expect(scanConsole(readLog('ok-debian-boot.log')).splats).toEqual([]);
});
