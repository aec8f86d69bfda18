import { expect, test } from 'vitest';
import { buildHistory, classify } from '../../src/results/history.ts';
import type { TestStatus } from '../../src/results/run-result.ts';
import { aResult, aSplat, tests } from './a-result.ts';

const STATUS: Readonly<Record<string, TestStatus | undefined>> = {
  P: 'pass',
  F: 'fail',
  S: 'skip',
  I: 'interrupted',
  X: 'xpass',
  '-': undefined,
};

test.each([
  ['PPP', 'pass', 0, 3],
  ['FF', 'fail', 0, 2],
  ['PPFF', 'regression', 1, 2],
  ['FFP', 'fixed', 1, 1],
  ['PFPP', 'unstable', 2, 2],
  ['PFPF', 'unstable', 3, 1],
  ['PS-IP', 'pass', 0, 2],
  ['PFS-', 'regression', 1, 1],
  ['S-S', 'skip', 0, 0],
  ['PX', 'pass', 0, 2],
])('%s is %s', (letters, kind, flips, streak) => {
  expect(classify([...letters].map((letter) => STATUS[letter]))).toEqual({
    class: kind,
    flips,
    streak,
  });
});

test('runs in the order of their start; a test that did not run has a gap', () => {
  const [newer, older] = [
    aResult({
      id: 'b',
      started: '2026-11-24T02:00:00.000Z',
      tests: [{ name: 'x', status: 'fail', duration: 2000 }],
    }),
    aResult({
      id: 'a',
      started: '2026-11-23T02:00:00.000Z',
      tests: tests({ x: 'pass', y: 'pass' }),
    }),
  ];
  const history = buildHistory([newer, older]);
  expect(history.runs.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(history.tests).toMatchObject([
    { name: 'x', class: 'regression', results: ['pass', 'fail'], times: [undefined, 2000] },
    { name: 'y', class: 'pass', results: ['pass', undefined] },
  ]);
});

test('a report: first seen, last seen, in how many runs, in which tests', () => {
  const run = (id: string, during: string[]) =>
    aResult({
      id,
      started: `2026-11-2${id}T02:00:00.000Z`,
      splats: [
        ...during.map((test) => aSplat({ during: test })),
        aSplat({ severity: 'note', title: 'a note' }),
      ],
    });
  expect(buildHistory([run('1', ['x']), run('2', []), run('3', ['y', 'x'])]).reports).toEqual([
    {
      kind: 'kasan',
      title: 'slab-use-after-free in foo_release',
      firstSeen: '1',
      lastSeen: '3',
      runs: 2,
      during: ['x', 'y'],
    },
  ]);
});
