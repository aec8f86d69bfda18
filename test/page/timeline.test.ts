import { expect, test } from 'vitest';
import { layOutTimeline, ticksOf } from '../../src/page/timeline.ts';
import type { RunResult } from '../../src/results/run-result.ts';
import { aResult, aSplat } from '../results/a-result.ts';

const { times, vm } = aResult();

/** Each lane as lines: `FROM-TO KIND`, `FROM! TITLE` for a report. */
function lanesOf(changes: Partial<RunResult>): Record<string, string[]> {
  const { lanes = [] } = layOutTimeline(aResult(changes)) ?? {};
  return Object.fromEntries(
    lanes.map(({ name, bars, marks }) => [
      name,
      [
        ...bars.map((bar) => `${bar.from}-${bar.to} ${bar.name ?? bar.kind}`),
        ...marks.map((mark) => `${mark.at}! ${mark.title}`),
      ],
    ]),
  );
}

test('one boot: the phases, the tests, and what the kernel reported meanwhile', () => {
  expect(
    lanesOf({
      vm: { ...vm!, start: 400 },
      times: {
        ...times,
        cut: 350,
        boot: 600,
        autorun: 1000,
        command: 6000,
        powerOff: 100,
        total: 8200,
      },
      tests: [
        { name: 'a', status: 'pass', start: 2000, duration: 500 },
        { name: 'b', status: 'fail', start: 2600 },
        { name: 'c', status: 'skip', start: 5000 },
      ],
      splats: [aSplat({ start: 2700 }), aSplat({ title: 'unknown start' })],
    }),
  ).toEqual({
    preparation: ['0-350 cut'],
    VM: ['400-1000 boot', '1000-2000 autorun', '2000-8000 command', '8000-8100 power off'],
    tests: [
      '2000-2500 pass',
      '2600-5000 fail',
      '5000-8000 skip',
      '2700! kasan: slab-use-after-free in foo_release',
    ],
  });
});

test('a crash ends a boot and its test; each boot has its tests, each server its lane', () => {
  const fatal = { severity: 'fatal', kind: 'oops', title: 'x' } as const;
  expect(
    lanesOf({
      times: { ...times, cut: undefined, total: 20_000 },
      boots: [
        {
          verdict: 'crash',
          reason: '',
          tests: 2,
          start: 1000,
          times: { boot: 1000, autorun: undefined, command: undefined, powerOff: undefined },
        },
        {
          verdict: 'pass',
          reason: '',
          tests: 1,
          start: 12_000,
          times: { boot: 1000, autorun: undefined, command: 5000, powerOff: undefined },
        },
      ],
      tests: [
        { name: 'a', status: 'pass', start: 3000, duration: 1000 },
        { name: 'b', status: 'fail', start: 5000 },
        { name: 'c', status: 'pass', start: 14_000, duration: 2000 },
      ],
      servers: [{ cut: 'nfsd', number: 2, start: 500, console: 'console-vm2-nfsd.log' }],
      splats: [
        aSplat({ ...fatal, start: 9000, boot: 1 }),
        aSplat({ start: 700, vm: 'nfsd (VM 2)' }),
      ],
    }),
  ).toEqual({
    'nfsd (VM 2)': ['500-20000 nfsd', '700! kasan: slab-use-after-free in foo_release'],
    'boot 1': ['1000-2000 boot', '2000-9000 did not end'],
    // The lanes of tests have the same name; this is the last.
    tests: ['14000-16000 pass'],
    'boot 2': ['12000-13000 boot', '13000-18000 command'],
  });
});

test('thousands of short tests are joined, but not the failures among them', () => {
  const tests = Array.from({ length: 5000 }, (_, index) => ({
    name: `t${index}`,
    status: index % 100 === 50 ? ('fail' as const) : ('pass' as const),
    start: 1000 + index,
    duration: 1,
  }));
  const { lanes } = layOutTimeline(
    aResult({ vm: { ...vm!, start: 100 }, times: { ...times, total: 100_000 }, tests }),
  )!;
  const { bars } = lanes.find(({ name }) => name === 'tests')!;
  expect(bars.filter(({ kind }) => kind === 'fail')).toHaveLength(50);
  expect(bars.length).toBeLessThan(200);
});

test('a result without starts has no timeline', () => {
  expect(layOutTimeline(aResult())).toBeUndefined();
});

test.each([
  [900, 5],
  [2500, 6],
  [93_000, 4],
  [8_000_000, 5],
  [90_000_000, 3],
])('an axis of %i ms has a few labels, at round times', (total, count) => {
  const ticks = ticksOf(total);
  expect(ticks).toHaveLength(count);
  expect(ticks.at(-1)!).toBeLessThanOrEqual(total);
});
