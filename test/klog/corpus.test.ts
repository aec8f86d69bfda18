import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hear } from './scan.ts';

const CORPUS = join(import.meta.dirname, 'corpus');

const logs = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.log'))
  .sort();

const readLog = (name: string): string[] => readFileSync(join(CORPUS, name), 'utf8').split('\n');

describe('what is found in logs of real kernels', () => {
  test.each(logs)('%s', (name) => {
    const lines = readLog(name);
    expect(lines[0]).toMatch(/^# source: \S/);
    const { begun, fatal, splats } = hear(lines);
    expect(begun).toHaveLength(splats.length);
    expect(fatal).toHaveLength(splats.filter(({ severity }) => severity === 'fatal').length);
    const found = splats.map(
      ({ kind, severity, title, text }) =>
        `${severity} ${kind}: ${title} (${text.split('\n').length} lines)`,
    );
    expect(found.join('\n')).toMatchSnapshot();
  });
});

test.each(logs.filter((name) => /(?:^|\/)ok-/.test(name)))('%s fails no run', (name) => {
  expect(hear(readLog(name)).splats.filter(({ severity }) => severity !== 'note')).toEqual([]);
});

test('a title has no address, pid, CPU or offset in it', () => {
  const titles = logs.flatMap((name) => hear(readLog(name)).splats.map(({ title }) => title));
  expect(
    titles.filter((title) => /0x|\+\/|[0-9a-f]{12}|CPU#\d|\bpid\b|\/\d+\b|:\d+$/.test(title)),
  ).toEqual([]);
});

test('a boot of a Debian kernel has nothing in it, not even a note', () => {
  expect(hear(readLog('ok-debian-boot.log')).splats).toEqual([]);
});
