import { describe, expect, test } from 'vitest';
import type { OutputFormat } from '../../src/cut/cut.ts';
import { collectTests, type TestOptions } from '../../src/results/test-collection.ts';

function collect(lines: readonly string[], changes: Partial<TestOptions> = {}) {
  const ended: string[] = [];
  const tests = collectTests({ format: 'ktap', requiresTests: true, ...changes }, (name) => {
    ended.push(name);
  });
  for (const line of lines) tests.push(line);
  const { tests: results, testProblems } = tests.finish();
  return { results: results.map(({ name, status }) => `${status} ${name}`), testProblems, ended };
}

const KTAP = ['TAP version 13', '1..2', 'ok 1 first', 'not ok 2 second'];

test('each test by its name, in the order in which they ended', () => {
  expect(collect(KTAP)).toEqual({
    results: ['pass first', 'fail second'],
    testProblems: [],
    ended: ['first', 'second'],
  });
});

test('the start of a test: its own, else the result before it, else the start of the command', () => {
  const startsOf = (format: OutputFormat, lines: readonly string[]) => {
    let now = 100;
    const tests = collectTests({ format, requiresTests: true, elapsed: () => now }, () => {});
    tests.begin();
    for (const line of lines) {
      now += 10;
      tests.push(line);
    }
    const { tests: found, unfinished } = tests.finish();
    return {
      ...Object.fromEntries(found.map(({ name, start }) => [name, start])),
      ...Object.fromEntries(unfinished.map((name) => [name, tests.startOf(name)])),
    };
  };
  expect(startsOf('ktap', KTAP)).toEqual({ first: 100, second: 130 });
  const fstests = ['', 'xfs/001 ', 'xfs/002  3s', 'xfs/003 '].map((line) => line.trimStart());
  expect(startsOf('fstests', fstests)).toEqual({ 'xfs/001': 120, 'xfs/002': 130, 'xfs/003': 140 });
});

test('nested tests contain the names of those around them', () => {
  const { results } = collect([
    'KTAP version 1',
    '1..1',
    '    KTAP version 1',
    '    1..2',
    '    ok 1 open',
    '    not ok 2 close',
    'not ok 1 net',
  ]);
  expect(results).toContain('pass net/open');
  expect(results).toContain('fail net/close');
});

test('a test that never reports is a problem', () => {
  expect(collect(KTAP.slice(0, 3)).testProblems).toHaveLength(1);
});

test('output without KTAP is a problem if the cut promises KTAP', () => {
  expect(collect(['hello']).testProblems).toEqual(['no KTAP results in the output']);
  expect(collect([]).testProblems).toEqual(['no KTAP results in the output']);
});

test('but none if a command of the user replaces that of the cut', () => {
  expect(collect(['hello'], { requiresTests: false }).testProblems).toEqual([]);
  expect(collect(KTAP, { requiresTests: false }).results).toHaveLength(2);
});

test('output that is not declared as KTAP is not read', () => {
  expect(collect(KTAP, { format: undefined })).toEqual({
    results: [],
    testProblems: [],
    ended: [],
  });
});

test('a failure after a hundred thousand tests is not lost', () => {
  const passing = Array.from({ length: 100_000 }, (_, index) => `ok ${index + 1} test-${index}`);
  const { results, testProblems } = collect([
    'TAP version 13',
    '1..100001',
    ...passing,
    'not ok 100001 last',
  ]);
  expect(testProblems.length > 0 || results.includes('fail last')).toBe(true);
});

describe('tests that an earlier boot reported', () => {
  const skips = ['TAP version 13', '1..3', 'ok 1 first # SKIP', 'ok 2 second # SKIP', 'ok 3 third'];

  test('do not count if they are now skipped', () => {
    expect(collect(skips, { done: ['first', 'second/in it'] }).results).toEqual(['pass third']);
  });

  test('count if they run nevertheless', () => {
    const again = ['TAP version 13', '1..1', 'not ok 1 first'];
    expect(collect(again, { done: ['first'] }).results).toEqual(['fail first']);
  });

  test('may be all: no others are missing', () => {
    const { results, testProblems } = collect(skips.slice(0, 4).with(1, '1..2'), {
      done: ['first', 'second'],
    });
    expect({ results, testProblems }).toEqual({ results: [], testProblems: [] });
  });
});

test('KTAP tests that began are known by name', () => {
  const tests = collectTests({ format: 'ktap', requiresTests: true }, () => {});
  for (const line of ['TAP version 13', '1..2', '# selftests: size: get_size']) tests.push(line);
  expect(tests.finish().unfinished).toEqual(['size/get_size']);
});
