import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareRuns } from '../../src/results/compare.ts';
import type { RunResult, TestStatus, Verdict } from '../../src/results/run-result.ts';
import { aResult, aSplat, tests } from './a-result.ts';

/** Why a run is worse than a passed one. */
const worseThanPassed = (changes: Partial<RunResult>): string[] =>
  compareRuns(aResult(), aResult(changes)).worse;

describe('tests', () => {
  test('are classified by their results in A and in B', () => {
    const a = aResult({
      tests: tests({ same: 'pass', broke: 'pass', mended: 'fail', still: 'fail', left: 'skip' }),
    });
    const b = aResult({
      tests: tests({
        same: 'pass',
        'broke output mismatch': 'fail',
        mended: 'pass',
        'still no such file': 'fail',
        came: 'pass',
        cameBroken: 'fail',
      }),
    });
    expect(compareRuns(a, b).tests).toMatchInlineSnapshot(`
      {
        "interrupted": [],
        "newlyFailing": [
          {
            "a": "pass",
            "b": "fail",
            "message": "output mismatch",
            "name": "broke",
          },
          {
            "a": undefined,
            "b": "fail",
            "message": undefined,
            "name": "cameBroken",
          },
        ],
        "newlyPassing": [
          {
            "a": "fail",
            "b": "pass",
            "message": undefined,
            "name": "mended",
          },
        ],
        "newlySkipped": [],
        "onlyInA": [
          {
            "a": "skip",
            "b": undefined,
            "message": undefined,
            "name": "left",
          },
        ],
        "onlyInB": [
          {
            "a": undefined,
            "b": "pass",
            "message": undefined,
            "name": "came",
          },
        ],
        "stillFailing": [
          {
            "a": "fail",
            "b": "fail",
            "message": "no such file",
            "name": "still",
          },
        ],
        "unchanged": 1,
      }
    `);
  });

  test('that no longer run, or are now skipped, are listed, but no regression', () => {
    const a = aResult({ tests: tests({ gone: 'pass', skipped: 'pass', lame: 'fail' }) });
    const b = aResult({ tests: tests({ 'skipped needs zram': 'skip', lame: 'skip' }) });
    const { tests: changes, worse } = compareRuns(a, b);
    expect(changes.onlyInA).toEqual([{ name: 'gone', a: 'pass', b: undefined }]);
    expect(changes.newlySkipped).toEqual([
      { name: 'skipped', a: 'pass', b: 'skip', message: 'needs zram' },
      { name: 'lame', a: 'fail', b: 'skip' },
    ]);
    expect(worse).toEqual([]);
  });

  test('that were running when B ended are listed, but no regression', () => {
    const a = aResult({
      verdict: 'fail',
      tests: tests({ one: 'pass', two: 'fail', three: 'skip' }),
    });
    const b = aResult({
      verdict: 'fail',
      tests: tests({ 'one it was running': 'interrupted', two: 'interrupted', new: 'interrupted' }),
    });
    const { tests: changes, worse } = compareRuns(a, b);
    expect(changes.interrupted).toEqual([
      { name: 'one', a: 'pass', b: 'interrupted', message: 'it was running' },
      { name: 'two', a: 'fail', b: 'interrupted' },
      { name: 'new', a: undefined, b: 'interrupted' },
    ]);
    expect(changes.newlyFailing).toEqual([]);
    expect(worse).toEqual([]);
  });

  test('that were interrupted in A and fail in B newly fail', () => {
    const a = aResult({ tests: tests({ one: 'interrupted', two: 'interrupted' }) });
    const b = aResult({ tests: tests({ one: 'fail', two: 'pass' }) });
    expect(compareRuns(a, b)).toMatchObject({
      tests: { newlyFailing: [{ name: 'one' }], newlyPassing: [{ name: 'two' }] },
      worse: ['a test newly fails'],
    });
  });

  test('that fail as expected, or pass unexpectedly, do not fail', () => {
    const a = aResult({ tests: tests({ one: 'xfail', two: 'pass', three: 'fail' }) });
    const b = aResult({ tests: tests({ one: 'xpass', two: 'xfail', three: 'xfail' }) });
    expect(compareRuns(a, b)).toMatchObject({
      tests: { newlyPassing: [{ name: 'three' }], newlyFailing: [], unchanged: 2 },
      worse: [],
    });
  });

  test('that ran several times count with the worst result', () => {
    const twice = (first: TestStatus, second: TestStatus) =>
      aResult({ tests: [...tests({ flaky: first }), ...tests({ flaky: second })] });
    expect(compareRuns(twice('pass', 'pass'), twice('fail', 'pass')).worse).toHaveLength(1);
    expect(compareRuns(twice('pass', 'fail'), twice('fail', 'pass')).worse).toEqual([]);
    expect(compareRuns(twice('skip', 'pass'), twice('pass', 'pass')).tests.unchanged).toBe(1);
  });
});

describe('splats', () => {
  test('are matched by kind and title, whatever their count', () => {
    const a = aResult({ splats: [aSplat(), aSplat({ kind: 'warning', title: 'old' })] });
    const b = aResult({ splats: [aSplat({ count: 9 }), aSplat({ title: 'new', during: 'x/1' })] });
    const { splats, worse } = compareRuns(a, b);
    expect(splats).toMatchObject({
      new: [{ kind: 'kasan', title: 'new', count: 1, during: 'x/1' }],
      gone: [{ kind: 'warning', title: 'old' }],
    });
    expect(worse).toEqual(['a new splat: kasan: new']);
  });

  test('that a test provoked in A, and that appear elsewhere in B, are a regression', () => {
    const a = aResult({ splats: [aSplat({ excused: 'provoked', during: 'ext4/018' })] });
    const b = aResult({ splats: [...a.splats, aSplat({ during: 'ext4/019' })] });
    const { splats, worse } = compareRuns(a, b);
    expect(splats.new).toMatchObject([{ during: 'ext4/019' }]);
    expect(worse).toEqual([expect.stringContaining('a new splat')]);
    expect(compareRuns(a, a).splats).toEqual({ new: [], gone: [] });
  });

  test('that are excused, and notes, are listed, but no regression', () => {
    const splats = [aSplat({ excused: 'known' }), aSplat({ severity: 'note', title: 'slow' })];
    expect(compareRuns(aResult(), aResult({ splats })).splats.new).toHaveLength(2);
    expect(worseThanPassed({ splats })).toEqual([]);
    expect(worseThanPassed({ splats: [aSplat({ severity: 'fatal' })] })).toHaveLength(1);
  });
});

test('B is worse if A passed and B did not, or if A ended in order and B did not', () => {
  const verdicts: Verdict[] = ['pass', 'fail', 'splat', 'crash', 'timeout', 'interrupted', 'error'];
  const worseAfter = (a: Verdict): Verdict[] =>
    verdicts.filter(
      (b) => compareRuns(aResult({ verdict: a }), aResult({ verdict: b })).worse.length > 0,
    );
  expect(
    Object.fromEntries(verdicts.map((a) => [a, worseAfter(a).join(' ')])),
  ).toMatchInlineSnapshot(`
    {
      "crash": "",
      "error": "",
      "fail": "crash timeout interrupted error",
      "interrupted": "",
      "pass": "fail splat crash timeout interrupted error",
      "splat": "fail crash timeout interrupted error",
      "timeout": "",
    }
  `);
  expect(worseThanPassed({ verdict: 'crash' })).toEqual(['the verdict changed from pass to crash']);
});

const someTests = fc.array(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd', '__proto__'),
    status: fc.constantFrom<TestStatus>('pass', 'fail', 'skip', 'xfail', 'xpass', 'interrupted'),
  }),
);

test('each test is in one list or unchanged; no run is worse than itself', () => {
  fc.assert(
    fc.property(someTests, someTests, (a, b) => {
      const { unchanged, ...lists } = compareRuns(
        aResult({ tests: a }),
        aResult({ tests: b }),
      ).tests;
      const listed = Object.values(lists)
        .flat()
        .map(({ name }) => name);
      const names = new Set([...a, ...b].map(({ name }) => name));
      expect(new Set(listed).size).toBe(listed.length);
      expect(listed.length + unchanged).toBe(names.size);
      expect(compareRuns(aResult({ tests: a }), aResult({ tests: a })).worse).toEqual([]);
      const failsIn = (run: typeof a, name: string) =>
        run.some((each) => each.name === name && each.status === 'fail');
      expect(new Set(lists.newlyFailing.map(({ name }) => name))).toEqual(
        new Set([...names].filter((name) => failsIn(b, name) && !failsIn(a, name))),
      );
    }),
  );
});
