import fc from 'fast-check';
import { Parser } from 'tap-parser';
import { describe, expect, test } from 'vitest';
import { formatKtap, formatTap } from '../../src/export/tap.ts';
import { createKtapParser } from '../../src/formats/suites/ktap/ktap.ts';
import { aResult, tests } from '../results/a-result.ts';
import { FAILED, someResult } from './samples.ts';

describe('TAP 14', () => {
  test('a point for each test, autorun script and kernel report', () => {
    expect(formatTap(FAILED)).toMatchSnapshot();
  });

  test("node-tap's parser reads what was written", () => {
    const points = Parser.parse(formatTap(FAILED)).flatMap((event) =>
      event[0] === 'assert' ? [event[1]] : [],
    );
    expect(points.map(({ ok, name, skip, todo }) => ({ ok, name, skip, todo }))).toEqual([
      { ok: true, name: 'xfs/001', skip: false, todo: false },
      { ok: true, name: 'xfs/002', skip: 'needs # realtime', todo: false },
      { ok: false, name: 'xfs/003', skip: false, todo: false },
      { ok: true, name: 'xfs/003 (2)', skip: false, todo: false },
      { ok: false, name: 'xfs/004', skip: false, todo: 'failed as expected: bug 12' },
      { ok: true, name: 'xfs/005', skip: false, todo: false },
      { ok: false, name: 'xfs/006 #2', skip: false, todo: false },
      { ok: true, name: 'autorun: fstests-xfs.sh', skip: false, todo: false },
      {
        ok: false,
        name: expect.stringContaining('kernel log: slab-use'),
        skip: false,
        todo: false,
      },
      { ok: false, name: 'kernel log: WARNING in old', skip: false, todo: 'known since 6.12' },
      { ok: true, name: 'kernel log: frob: taints kernel', skip: false, todo: false },
    ]);
    // The parser takes duration_ms out of the block.
    expect(points[2]!.time).toBe(3200);
    expect(points[2]!.diag).toMatchObject({
      message: 'output mismatch',
      output: FAILED.tests[2]!.output,
    });
  });

  test('for any result, the parser finds the plan kept and a failure unless the verdict is pass', () => {
    fc.assert(
      fc.property(someResult, (result) => {
        const text = formatTap(result);
        const parser = new Parser({ strict: true });
        parser.end(text);
        const { ok, plan, count, failures, bailout } = parser.results!;
        const lost = failures.filter((failure) => 'tapError' in failure && failure.tapError);
        expect({ text, ok, bailout, lost, end: plan.end }).toEqual({
          text,
          ok: result.verdict === 'pass',
          bailout: false,
          lost: [],
          end: count,
        });
      }),
      { numRuns: 300 },
    );
  });
});

/** What rapido itself reads in KTAP. */
function readKtap(text: string) {
  const found: Parameters<Parameters<typeof createKtapParser>[0]>[0][] = [];
  const parser = createKtapParser((each) => found.push(each));
  for (const line of text.split('\n')) parser.push(line);
  return { found, outcome: parser.end() };
}

describe('KTAP 1', () => {
  test('a level for the suites and one for their cases', () => {
    expect(formatKtap(FAILED)).toMatchSnapshot();
  });

  test('rapido reads what was written, and no result in the output of a test', () => {
    const { found, outcome } = readKtap(formatKtap(FAILED));
    expect(outcome.problems).toEqual([]);
    expect(found.map(({ path, status }) => [path.at(-1), status])).toEqual([
      ['xfs/001', 'pass'],
      ['xfs/002', 'skip'],
      ['xfs/003', 'fail'],
      ['xfs/003 (2)', 'pass'],
      ['xfs/004', 'xfail'],
      ['xfs/005', 'pass'],
      ['xfs/006 _2', 'fail'],
      ['fstests-xfs.sh', 'pass'],
      ['slab-use-after-free in foo_release', 'fail'],
      ['WARNING in old', 'xfail'],
      ['frob: taints kernel', 'pass'],
    ]);
  });

  test('for any result, rapido finds each case and a failure unless the verdict is pass', () => {
    fc.assert(
      fc.property(someResult, (result) => {
        const text = formatKtap(result);
        const { found, outcome } = readKtap(text);
        const count = [...text.matchAll(/^ {2}1\.\.(\d+)$/gm)].reduce(
          (n, [, of]) => n + Number(of),
          0,
        );
        expect({ text, count: found.length, problems: outcome.problems }).toEqual({
          text,
          count,
          problems: [],
        });
        expect(found.some(({ status }) => status === 'fail')).toBe(result.verdict !== 'pass');
      }),
      { numRuns: 300 },
    );
  });

  test('a failure says why, even if its suite gave no reason', () => {
    const text = formatKtap(aResult({ verdict: 'fail', tests: tests({ a: 'fail' }) }));
    expect(text).toContain('  # | it failed, and the test suite gave no reason\n  not ok 1 a\n');
  });
});
