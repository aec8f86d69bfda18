import { Chalk } from 'chalk';
import { describe, expect, test } from 'vitest';
import type { RunResult } from '../../src/results/run-result.ts';
import { formatSummary } from '../../src/results/summary.ts';
import { aResult, aSplat, tests } from './a-result.ts';

const DIRECTORY = '/state/runs/20261123-021557-fstests-xfs-3f2a';

interface Shown extends Partial<RunResult> {
  consoleTail?: string;
}

const summary = ({ consoleTail = '', ...changes }: Shown = {}, level: 0 | 1 = 0): string =>
  formatSummary(aResult(changes), { directory: DIRECTORY, consoleTail }, new Chalk({ level })).join(
    '\n',
  );

test('a run that passes: one line', () => {
  expect(summary()).toMatchInlineSnapshot(
    `"PASS fstests-xfs: the command succeeded (cut 0.35 s, boot 0.90 s, total 2.50 s)"`,
  );
});

test('a run that passes and whose guest left files: their directory', () => {
  const files = { directory: DIRECTORY, consoleTail: '', hasGuestFiles: true };
  expect(formatSummary(aResult(), files, new Chalk({ level: 0 })).slice(1)).toEqual([
    `  results: ${DIRECTORY}`,
  ]);
});

test('every phase of the run, with its time', () => {
  const times = {
    build: 61_000,
    cut: 350,
    boot: 900,
    autorun: 1234,
    command: 10_500,
    powerOff: 80,
    total: 75_000,
  };
  expect(summary({ times })).toMatchInlineSnapshot(
    `"PASS fstests-xfs: the command succeeded (build 61.0 s, cut 0.35 s, boot 0.90 s, autorun 1.23 s, command 10.5 s, total 75.0 s)"`,
  );
});

test.each([
  ['fail', 'the command exited with status 3'],
  ['crash', 'the kernel panicked during the command: Fatal exception'],
  ['splat', 'the kernel reported a problem: WARNING in foo'],
  ['timeout', 'the run exceeded the time limit of 600 s during the command'],
  ['interrupted', 'interrupted by SIGINT during the command'],
  ['error', 'QEMU did not start the VM'],
] as const)('%s: the word, the reason, and the results directory', (verdict, reason) => {
  const lines = summary({ verdict, reason }).split('\n');
  expect(lines).toEqual([
    expect.stringContaining(`${verdict.toUpperCase()} fstests-xfs: ${reason} (`),
    `  results: ${DIRECTORY}`,
  ]);
});

test('failed tests with their messages, without those that passed or may fail', () => {
  expect(
    summary({
      verdict: 'fail',
      status: 1,
      reason: '2 of 6 tests failed',
      tests: tests({
        'generic/001': 'pass',
        'generic/002 output mismatch': 'fail',
        'generic/003': 'fail',
        'generic/004 no device': 'skip',
        'generic/005': 'xfail',
        'generic/006': 'xpass',
      }),
    }),
  ).toMatchInlineSnapshot(`
    "FAIL fstests-xfs: 2 of 6 tests failed (cut 0.35 s, boot 0.90 s, total 2.50 s)
      failed: generic/002: output mismatch
      failed: generic/003
      results: /state/runs/20261123-021557-fstests-xfs-3f2a"
  `);
});

test('blocked tasks at a limit, as the kernel reports them', () => {
  const blockedTasks = Array.from({ length: 12 }, (_, at) => ({
    name: 'touch',
    pid: 100 + at,
    function: at === 0 ? 'mnt_want_write' : undefined,
  }));
  const lines = summary({ verdict: 'timeout', reason: 'it took too long', blockedTasks }).split(
    '\n',
  );
  expect(lines.slice(1, 3)).toEqual([
    '  blocked: touch (PID 100) in mnt_want_write',
    '  blocked: touch (PID 101)',
  ]);
  expect(lines[11]).toBe('  … and 2 more');
});

test('an unstable clock is noted only on a machine with a hardware TSC', () => {
  const splats = [
    aSplat({ kind: 'clock', severity: 'note', title: 'clocksource tsc is unstable' }),
  ];
  const vm = { cpus: 1, memory: 2 ** 29, qemu: [] };
  expect(summary({ splats, vm: { ...vm, accelerator: 'kvm' } })).toContain('clocksource');
  expect(summary({ splats, vm: { ...vm, accelerator: 'tcg' } })).not.toContain('clocksource');
});

test('names a test that was running at a limit', () => {
  const lines = summary({
    verdict: 'timeout',
    reason: 'there was no output for 5 s during the command',
    tests: tests({
      'a/1': 'pass',
      'a/2 it was running: the time limit was reached (silence)': 'interrupted',
    }),
  }).split('\n');
  expect(lines[1]).toBe('  interrupted: a/2: it was running: the time limit was reached (silence)');
});

test('shows the first ten of many failed tests', () => {
  const failed = Object.fromEntries(
    Array.from({ length: 13 }, (_, index) => [`test-${index}`, 'fail' as const]),
  );
  const lines = summary({ verdict: 'fail', tests: tests(failed) }).split('\n');
  expect(lines.slice(10)).toEqual([
    '  failed: test-9',
    '  … and 3 more',
    `  results: ${DIRECTORY}`,
  ]);
});

describe('kernel reports', () => {
  test('each with count and phase, and the trace of the first error', () => {
    expect(
      summary({
        verdict: 'splat',
        reason: 'the kernel reported a problem: WARNING in foo and 1 more',
        splats: [
          aSplat({ severity: 'note', title: 'segfault in a.out', text: 'a.out[9]: segfault' }),
          aSplat({
            kind: 'warning',
            title: 'WARNING in bar',
            excused: 'fixed in 6.19',
            text: 'excused\nall of it',
          }),
          aSplat({
            kind: 'warning',
            title: 'WARNING in foo',
            count: 3,
            during: 'generic/002',
            text: 'WARNING: CPU: 0 PID: 1 at fs/foo.c:1 foo+0x1/0x2\nCall Trace:\n foo+0x1/0x2',
          }),
          aSplat({ text: 'not shown' }),
        ],
      }),
    ).toMatchInlineSnapshot(`
      "SPLAT fstests-xfs: the kernel reported a problem: WARNING in foo and 1 more (cut 0.35 s, boot 0.90 s, total 2.50 s)
        kernel error: WARNING in foo, 3 times, during generic/002
        kernel error: slab-use-after-free in foo_release
        kernel note: segfault in a.out
        kernel error: WARNING in bar; expected: fixed in 6.19
        WARNING: CPU: 0 PID: 1 at fs/foo.c:1 foo+0x1/0x2
        Call Trace:
         foo+0x1/0x2
        results: /state/runs/20261123-021557-fstests-xfs-3f2a"
    `);
  });

  test('shows what ended the kernel rather than what came before; decoded if possible', () => {
    const lines = summary({
      verdict: 'crash',
      splats: [
        aSplat({ text: 'the error\nbefore' }),
        aSplat({
          kind: 'oops',
          severity: 'fatal',
          title: 'NULL dereference in foo',
          text: 'raw\nfoo+0x1/0x2',
          decoded: 'decoded\nfoo (fs/foo.c:12)',
        }),
      ],
    });
    expect(lines).toContain('  decoded\n  foo (fs/foo.c:12)\n');
    expect(lines).not.toContain('raw');
    expect(lines).not.toContain('before');
  });

  test('truncates a long trace', () => {
    const text = Array.from({ length: 40 }, (_, index) => `line ${index}`).join('\n');
    const lines = summary({ verdict: 'splat', splats: [aSplat({ text })] }).split('\n');
    expect(lines.slice(-4)).toEqual([
      '  line 22',
      '  line 23',
      '    … and 16 more',
      `  results: ${DIRECTORY}`,
    ]);
  });

  test('shows the first five of many', () => {
    const splats = Array.from({ length: 7 }, (_, index) =>
      aSplat({ severity: 'note', title: `note ${index}` }),
    );
    expect(summary({ splats }).split('\n').slice(5)).toEqual([
      '  kernel note: note 4',
      '  … and 2 more',
    ]);
  });

  test('notes and excused reports have no trace', () => {
    const splats = [aSplat({ severity: 'note' }), aSplat({ excused: 'known' })];
    expect(summary({ splats })).not.toContain('BUG: KASAN');
  });
});

describe('the end of the console, if nothing else shows why', () => {
  const consoleTail = `${Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\r\n')}\r\n\r\n`;

  test('its last sixteen lines', () => {
    const lines = summary({ verdict: 'crash', consoleTail }).split('\n').slice(1);
    expect(lines).toEqual([
      '  the console ended with:',
      ...Array.from({ length: 16 }, (_, index) => `  line ${index + 4}`),
      `  results: ${DIRECTORY}`,
    ]);
  });

  test.each<[string, Shown]>([
    ['the run passed', { verdict: 'pass' }],
    ['the command was seen to fail', { verdict: 'fail', commandStatus: 1 }],
    [
      'the trace of a crash is there',
      { verdict: 'crash', splats: [aSplat({ severity: 'fatal' })] },
    ],
    ['the user ended it', { verdict: 'interrupted' }],
    ['nothing came', { verdict: 'crash', consoleTail: '\r\n \r\n' }],
  ])('not where %s', (_, changes) => {
    expect(summary({ consoleTail, ...changes })).not.toContain('the console ended');
  });
});

test('text of a guest cannot control the terminal', () => {
  const evil = 'a\x1b[2J\x1b]0;title\x07b\r\nc\x9b31m';
  const shown = summary({
    verdict: 'fail',
    reason: evil,
    notes: [evil],
    consoleTail: evil,
    tests: [{ name: evil, status: 'fail', message: evil }],
    splats: [aSplat({ title: evil, text: evil, during: evil, excused: undefined })],
  });
  expect(shown.replaceAll('\n', '')).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
});

test('notes, also of a run that passes', () => {
  expect(summary({ notes: ['the input is not passed on'] }).split('\n')[1]).toBe(
    '  note: the input is not passed on',
  );
});

test('colours: green for a pass, red for all else, dim for notes', () => {
  const rest = { splats: [aSplat({ text: 'trace' })], notes: ['a note'] };
  const show = (changes: Partial<RunResult>): string =>
    summary({ ...rest, ...changes }, 1)
      .replaceAll('\x1b[', '<')
      .replace(/<(\d+)m/g, '<$1>');
  expect([show({}), show({ verdict: 'crash' })].join('\n')).toMatchInlineSnapshot(`
    "<32><1>PASS<22><39> fstests-xfs: the command succeeded <2>(cut 0.35 s, boot 0.90 s, total 2.50 s)<22>
      kernel error: slab-use-after-free in foo_release
      <2>trace<22>
    <2>  note: a note<22>
    <31><1>CRASH<22><39> fstests-xfs: the command succeeded <2>(cut 0.35 s, boot 0.90 s, total 2.50 s)<22>
      kernel error: slab-use-after-free in foo_release
      <2>trace<22>
    <2>  note: a note<22>
      results: /state/runs/20261123-021557-fstests-xfs-3f2a"
  `);
});
