import { describe, expect, test } from 'vitest';
import { type EndedBoot, planNextBoot, sumUpBoots } from '../../src/results/boots.ts';
import type { RunSplat } from '../../src/results/run-result.ts';
import type { GuestEvent } from '../../src/vm/guest-events.ts';
import type { SessionRecord } from '../../src/vm/session.ts';
import { aSplat, tests } from './a-result.ts';

const BEGUN: GuestEvent[] = [
  { event: 'init', uptime: 2 },
  { event: 'autorun-start', script: '00-fstests.sh' },
  { event: 'autorun-end', script: '00-fstests.sh', status: 0 },
  { event: 'command-start' },
];
const ended = (status: number): GuestEvent[] => [
  ...BEGUN,
  { event: 'command-end', status },
  { event: 'power-off', taint: 0, left: 0 },
];

function aRecord(changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    exit: { status: 0 },
    qemuSaid: '',
    shutdown: 'guest-shutdown',
    events: ended(0),
    consoleTail: '',
    interruptedBy: undefined,
    timedOut: undefined,
    isOutputComplete: true,
    foreignLines: 0,
    times: { init: 1000, autorunEnd: 3000, commandStart: 3000, commandEnd: 9000, end: 9500 },
    ...changes,
  };
}

function aBoot(changes: Partial<EndedBoot> = {}): EndedBoot {
  return {
    record: aRecord(),
    limits: { total: undefined, boot: 60_000, silence: undefined },
    autorun: 1,
    hasCommand: true,
    tests: [],
    testProblems: [],
    splats: [],
    unwritten: [],
    testsDropped: 0,
    unfinished: [],
    blockedTasks: undefined,
    ...changes,
  };
}

const panic = (during: string, title = 'kernel panic: Fatal exception'): RunSplat =>
  aSplat({ kind: 'panic', severity: 'fatal', title, during });

/** A boot in which the kernel crashed during a test, after others. */
function aCrash(test: string, before: EndedBoot['tests'] = []): EndedBoot {
  const events = BEGUN;
  const times = { init: 1000, autorunEnd: 3000, commandStart: 3000, commandEnd: undefined };
  return aBoot({
    record: aRecord({ shutdown: 'guest-reset', events, times: { ...times, end: 5000 } }),
    tests: [
      ...before,
      { name: test, status: 'fail', message: 'crashed: kernel panic: Fatal exception' },
    ],
    unfinished: [test],
    testProblems: ['check ended without a summary'],
    splats: [panic(test)],
  });
}

describe('a run of one boot', () => {
  test('is that boot, and has no list of boots', () => {
    const sum = sumUpBoots([aBoot({ tests: tests({ 'xfs/001': 'pass' }) })]);
    expect(sum).toMatchObject({
      verdict: 'pass',
      status: 0,
      reason: '1 test passed',
      commandStatus: 0,
      times: { boot: 1000, autorun: 2000, command: 6000, powerOff: 500 },
      boots: undefined,
      splats: [],
      notes: [],
    });
  });

  test('that crashed is reported as before', () => {
    const { verdict, reason, notes, blames } = sumUpBoots([aCrash('xfs/001')]);
    expect({ verdict, reason, notes, blames }).toEqual({
      verdict: 'crash',
      reason: 'the kernel crashed during the command: kernel panic: Fatal exception',
      notes: ['check ended without a summary'],
      blames: 'guest',
    });
  });
});

describe('a run that continued after crashes', () => {
  const boots = [
    aCrash('xfs/002', tests({ 'xfs/001': 'pass' })),
    aCrash('xfs/004', tests({ 'xfs/003': 'pass' })),
    aBoot({
      record: aRecord({ events: ended(1) }),
      tests: tests({ 'xfs/005': 'pass', 'xfs/006': 'fail' }),
    }),
  ];
  const sum = sumUpBoots(boots);

  test('is a crash that names the tests, and says how the rest ended', () => {
    expect(sum).toMatchObject({
      verdict: 'crash',
      status: 120,
      reason: 'the kernel crashed during xfs/002, xfs/004; then xfs/006 failed',
      blames: 'guest',
      commandStatus: 1,
    });
  });

  test('has the tests of all boots in order, and a record of each boot', () => {
    expect(sum.tests.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'xfs/001 pass',
      'xfs/002 fail',
      'xfs/003 pass',
      'xfs/004 fail',
      'xfs/005 pass',
      'xfs/006 fail',
    ]);
    expect(sum.boots?.map(({ verdict, tests }) => `${verdict} ${tests}`)).toEqual([
      'crash 2',
      'crash 2',
      'fail 2',
    ]);
    expect(sum.notes).toEqual([]);
  });

  test('adds up the phases that ended', () => {
    expect(sum.times).toEqual({
      boot: 3000,
      autorun: 6000,
      command: 6000,
      powerOff: 500,
    });
  });

  test('does not pass even if all that follows passes', () => {
    const passed = sumUpBoots([aCrash('xfs/002'), aBoot({ tests: tests({ 'xfs/005': 'pass' }) })]);
    expect(passed).toMatchObject({
      verdict: 'crash',
      reason: 'the kernel crashed during xfs/002; then 1 test passed',
    });
  });

  test('is interrupted by a signal', () => {
    const record = aRecord({ interruptedBy: 'SIGINT', events: BEGUN, shutdown: 'host-qmp-quit' });
    expect(sumUpBoots([aCrash('xfs/002'), aBoot({ record })])).toMatchObject({
      verdict: 'interrupted',
      reason: 'interrupted by SIGINT during the command; the kernel crashed during xfs/002',
    });
  });

  test('names five tests in its reason, and counts the others', () => {
    const crashes = Array.from({ length: 7 }, (_, index) => aCrash(`xfs/00${index}`));
    expect(sumUpBoots(crashes).reason).toBe(
      'the kernel crashed during xfs/000, xfs/001, xfs/002, xfs/003, xfs/004 and 2 more',
    );
  });
});

test('reports each crash with its own test, and counts other reports together', () => {
  const warning = (during: string): RunSplat =>
    aSplat({ kind: 'warning', title: 'in foo', during });
  const one = aCrash('xfs/002');
  const two = aCrash('xfs/004');
  const { splats } = sumUpBoots([
    { ...one, splats: [warning('xfs/001'), ...one.splats] },
    { ...two, splats: [warning('xfs/003'), ...two.splats] },
  ]);
  expect(splats.map(({ kind, during, boot, count }) => [kind, during, boot, count])).toEqual([
    ['warning', 'xfs/001', 1, 2],
    ['panic', 'xfs/002', 1, 1],
    ['panic', 'xfs/004', 2, 1],
  ]);
  // The record is unchanged, because the summary is made after each boot.
  expect(one.splats).toEqual([panic('xfs/002')]);
});

test('what a test provoked in one boot does not excuse the same in another', () => {
  const warning = aSplat({ kind: 'warning', title: 'in foo' });
  const provoked = { ...warning, excused: 'on purpose', excusedBy: 'expected:1' };
  const { splats } = sumUpBoots([
    { ...aCrash('xfs/002'), splats: [provoked] },
    { ...aCrash('xfs/004'), splats: [warning, provoked] },
  ]);
  expect(splats.map(({ excused, boot, count }) => [excused, boot, count])).toEqual([
    ['on purpose', 1, 2],
    [undefined, 2, 1],
  ]);
});

describe('the next boot', () => {
  const nextOf = (boots: readonly EndedBoot[], asked?: readonly string[]) =>
    planNextBoot(boots, asked);

  test('omits all reported tests, and the one that crashed', () => {
    const boots = [aCrash('xfs/002', tests({ 'xfs/001': 'pass' })), aCrash('xfs/003')];
    expect(nextOf(boots)).toEqual({ done: ['xfs/001', 'xfs/002', 'xfs/003'] });
  });

  test.each<[string, EndedBoot]>([
    ['a pass', aBoot({ tests: tests({ 'xfs/001': 'pass' }) })],
    ['a failure', aBoot({ record: aRecord({ events: ended(1) }) })],
    ['a splat', aBoot({ splats: [aSplat()] })],
    ['a timeout', aBoot({ record: aRecord({ timedOut: 'total', shutdown: 'host-qmp-quit' }) })],
    ['an interruption', aBoot({ record: aRecord({ interruptedBy: 'SIGINT' }) })],
    ['a QEMU that was killed', aBoot({ record: aRecord({ exit: { signal: 'SIGKILL' } }) })],
  ])('does not come after %s', (_, boot) => {
    expect(nextOf([boot])).toBeUndefined();
  });

  test('does not follow a crash in the last of the requested tests', () => {
    const boots = [aCrash('xfs/003', tests({ 'xfs/001': 'pass' }))];
    expect(nextOf(boots, ['xfs/001', 'xfs/003'])).toBeUndefined();
    expect(nextOf(boots, ['xfs/001', 'xfs/002', 'xfs/003'])).toHaveProperty('done');
    // A test of blktests has a result for each device.
    expect(nextOf([aCrash('loop/001/zram0')], ['loop/001'])).toBeUndefined();
    expect(nextOf([aCrash('loop/0010')], ['loop/001'])).toHaveProperty('done');
  });

  test('does not follow if no test had begun', () => {
    const boot = { ...aCrash('xfs/001'), tests: [], unfinished: [] };
    expect(nextOf([boot])).toEqual({
      because: 'the crash was not in one of the remaining tests',
    });
  });

  test('does not follow if a test that was to be omitted crashes again', () => {
    expect(nextOf([aCrash('xfs/001'), aCrash('xfs/001')])).toHaveProperty('because');
  });

  test('does not follow the twentieth crash', () => {
    const crashes = Array.from({ length: 20 }, (_, index) => aCrash(`xfs/0${index}`));
    expect(nextOf(crashes.slice(0, 19))).toHaveProperty('done');
    expect(nextOf(crashes)).toEqual({ because: 'there were 20 crashes' });
  });

  test('does not follow if it is not known which tests are done', () => {
    expect(nextOf([{ ...aCrash('xfs/001'), testsDropped: 3 }])).toHaveProperty('because');
  });
});
