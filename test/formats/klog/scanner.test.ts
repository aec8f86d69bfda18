import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_SPLAT_CHARACTERS, MAX_SPLAT_LINES } from '../../../src/formats/klog/capture.ts';
import { createSplatScanner } from '../../../src/formats/klog/scanner.ts';
import { isSameSplat, keyOf } from '../../../src/formats/klog/splat.ts';
import { scanConsole, stamped, verdicts } from './scan.ts';

const warning = (name: string): string[] => [
  '------------[ cut here ]------------',
  `WARNING: CPU: 0 PID: 107 at fs/foo.c:12 ${name}+0x1f/0x40 [foo]`,
  'Modules linked in: foo(OE)',
  'CPU: 0 PID: 107 Comm: bash Tainted: G           OE      6.1.0 #1',
  `RIP: 0010:${name}+0x1f/0x40 [foo]`,
  'Call Trace:',
  ' <TASK>',
  ' ksys_write+0x6f/0xf0',
  ' </TASK>',
  '---[ end trace 0000000000000000 ]---',
];

const oops = (name: string): string[] => [
  'BUG: kernel NULL pointer dereference, address: 0000000000000008',
  '#PF: supervisor write access in kernel mode',
  'Oops: 0002 [#1] PREEMPT SMP NOPTI',
  'CPU: 1 PID: 108 Comm: cat Not tainted 6.1.0 #1',
  `RIP: 0010:${name}+0x1f/0x40`,
  'Call Trace:',
  ' ksys_read+0x6f/0xf0',
  '---[ end trace 0000000000000000 ]---',
];

describe('what a listener gets, and when', () => {
  test('reports the first line that shows the kind at once, and the better title at the end', () => {
    const reported: string[] = [];
    const scanner = createSplatScanner({
      onBegin: ({ title }) => reported.push(`begin ${title}`),
      onFatal: ({ title }) => reported.push(`fatal ${title}`),
      onEnd: ({ title }) => reported.push(`end ${title}`),
    });
    const [first = '', ...rest] = stamped(oops('do_null'));
    scanner.push(first);
    expect(reported).toEqual([
      'begin BUG: kernel NULL pointer dereference',
      'fatal BUG: kernel NULL pointer dereference',
    ]);
    for (const line of rest) scanner.push(line);
    scanner.end();
    expect(reported.slice(2)).toEqual(['end BUG: kernel NULL pointer dereference in do_null']);
  });

  test('a warning with panic_on_warn becomes fatal at the panic, and stays one splat', () => {
    const reported = scanConsole(
      stamped([
        ...warning('foo'),
        'Kernel panic - not syncing: kernel: panic_on_warn set ...',
        'Rebooting in 1 seconds..',
      ]),
    );
    expect(verdicts(reported.begun)).toEqual(['error warning: WARNING in foo']);
    expect(verdicts(reported.fatal)).toEqual(['fatal warning: WARNING in foo']);
    expect(verdicts(reported.splats)).toEqual(['fatal warning: WARNING in foo']);
    expect(reported.splats[0]?.text).toMatch(/Rebooting in 1 seconds\.\.$/);
  });

  test('an oops followed by a panic is one fatal splat of the first kind', () => {
    const lines = stamped([
      ...oops('do_null'),
      'RIP: 0010:do_null+0x1f/0x40',
      'Kernel panic - not syncing: Fatal exception',
    ]);
    expect(verdicts(scanConsole(lines).splats)).toEqual([
      'fatal oops: BUG: kernel NULL pointer dereference in do_null',
    ]);
    expect(scanConsole(lines).fatal).toHaveLength(1);
  });

  test('a panic unrelated to the warning before it is a separate splat', () => {
    const lines = stamped([
      ...warning('foo'),
      'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
    ]);
    expect(verdicts(scanConsole(lines).splats)).toEqual([
      'error warning: WARNING in foo',
      'fatal panic: kernel panic: VFS: Unable to mount root fs on unknown-block(N,N)',
    ]);
  });

  test('a panic long after a warning is a separate splat', () => {
    const lines = [
      ...stamped(warning('foo')),
      ...stamped(['Kernel panic - not syncing: panic_on_warn set'], 20),
    ];
    expect(scanConsole(lines).splats).toHaveLength(2);
  });

  test('what a kernel prints after its panic is no new splat', () => {
    const lines = stamped([
      ...oops('do_null'),
      'Kernel panic - not syncing: Fatal exception',
      ...warning('native_smp_send_reschedule'),
    ]);
    expect(scanConsole(lines).splats).toHaveLength(1);
  });

  test('an oops is an error if the kernel may continue after one, until it panics', () => {
    const lines = stamped(oops('do_null'));
    expect(verdicts(scanConsole(lines, { oopsIsFatal: false }).splats)).toEqual([
      'error oops: BUG: kernel NULL pointer dereference in do_null',
    ]);
    expect(scanConsole(lines, { oopsIsFatal: false }).fatal).toEqual([]);
    const panicked = stamped([...oops('do_null'), 'Kernel panic - not syncing: Fatal exception']);
    expect(scanConsole(panicked, { oopsIsFatal: false }).fatal).toHaveLength(1);
  });

  test('a warning can be ignored, with all its lines', () => {
    expect(scanConsole(stamped(warning('foo')), { ignore: [/ foo\+/] }).begun).toEqual([]);
    expect(scanConsole(stamped(warning('bar')), { ignore: [/ foo\+/] }).begun).toHaveLength(1);
  });
});

describe('the title of a report', () => {
  const CUT = '------------[ cut here ]------------';

  test('an init that cannot be executed, with all attempts that follow, is one report', () => {
    const { splats, fatal } = scanConsole(
      stamped([
        'Failed to execute /init (error -8)',
        'Run /sbin/init as init process',
        "Starting init: /sbin/init exists but couldn't execute it (error -8)",
        'Kernel panic - not syncing: No working init found.  Try passing init= option to kernel.',
        'CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0 #1',
        '---[ end Kernel panic - not syncing: No working init found. ]---',
      ]),
    );
    expect(verdicts(splats)).toEqual([
      'fatal boot: /init could not be executed as init (error -8)',
    ]);
    expect(fatal).toHaveLength(1);
    expect(splats[0]?.text.split('\n')).toHaveLength(6);
  });

  test('the text of a WARN, before or after its first line', () => {
    const words = 'refcount_t: underflow; use-after-free.';
    const line = 'WARNING: CPU: 0 PID: 1 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x2';
    const rest = [
      'CPU: 0 PID: 1 Comm: a',
      'Call Trace:',
      ' foo_put+0x1/0x2',
      '---[ end trace 0 ]---',
    ];
    for (const begin of [
      [CUT, words, line],
      [CUT, line, words],
    ]) {
      expect(verdicts(scanConsole(stamped([...begin, ...rest])).splats)).toEqual([
        'error refcount: refcount_t: underflow; use-after-free in foo_put',
      ]);
    }
  });

  test('a note in between is reported, and does not set the title', () => {
    const [cut = '', first = '', ...rest] = warning('foo');
    const remark = 'bar: loading out-of-tree module taints kernel.';
    const both = [
      'note taint: bar: loading out-of-tree module taints kernel',
      'error warning: WARNING in foo',
    ];
    expect(verdicts(scanConsole(stamped([cut, remark, first, ...rest])).splats)).toEqual(both);
    expect(verdicts(scanConsole(stamped([cut, first, remark, ...rest])).splats)).toEqual(both);
  });

  test('a stack trace alone does not make a note of `cut here`', () => {
    expect(verdicts(scanConsole(stamped([CUT, 'Call Trace:', ' foo+0x1/0x2'])).splats)).toEqual([
      'error warning: report cut short: Call Trace:',
    ]);
  });

  test('two warnings mixed by two CPUs are two reports', () => {
    const [a = '', b = ''] = ['foo', 'bar'].map((name) => warning(name)[1]);
    for (const lines of [
      [CUT, CUT, a, b],
      [CUT, a, CUT, b],
      [a, b],
    ]) {
      const { splats } = scanConsole(stamped([...lines, ...warning('foo').slice(2)]));
      const titles = splats.map(({ title }) => title);
      expect(titles).toEqual(expect.arrayContaining(['WARNING in foo', 'WARNING in bar']));
    }
  });

  test('a warning right behind a hung task is a separate report', () => {
    expect(
      verdicts(
        scanConsole(
          stamped(['INFO: task a:1 blocked for more than 120 seconds.', ...warning('foo')]),
        ).splats,
      ),
    ).toEqual(['error hung-task: INFO: task hung', 'error warning: WARNING in foo']);
  });
});

describe('the text of a splat', () => {
  test('is complete, as it was on the console, without colours and carriage returns', () => {
    const lines = stamped(warning('foo'));
    const painted = lines.map((line) => `\u001b[1m${line}\u001b[0m\r`);
    const [splat] = scanConsole(['hello', ...painted, ...stamped(['foo: loaded'], 10.5)]).splats;
    expect(splat?.text).toBe(lines.join('\n'));
    expect(splat?.time).toBe(10);
  });

  test("omits lines of user programs, also in front of the kernel's text on one line", () => {
    const lines = stamped(warning('foo'));
    const mixed = lines.flatMap((line, index) =>
      index === 1 ? [`ok 3 - x${line}`] : [line, '1..4'],
    );
    const [splat] = scanConsole(mixed).splats;
    expect(splat?.title).toBe('WARNING in foo');
    expect(splat?.text.split('\n')).toHaveLength(lines.length);
  });

  test('is not repeated if dmesg in the guest prints it again', () => {
    const lines = stamped(oops('do_null'));
    const boot = stamped(['Linux version 6.1.0'], 0);
    expect(scanConsole([...lines, ...boot, ...lines, ...boot]).splats).toHaveLength(1);
  });

  test('a stack goes on behind a message or two that another CPU has printed among it', () => {
    const hung = [
      'INFO: task a:6102 blocked for more than 140 seconds.',
      'Call Trace:',
      ' __schedule+0x1/0x2',
      ' ? __startup_64+0x1/0x2',
      'audit: type=1326 audit(1554431287.410:64): auid=4294967295',
      'bar 1-1: a message',
      ' mutex_lock_nested+0x1/0x2',
      ' foo_read+0x1/0x2',
    ];
    const { splats } = scanConsole(stamped(hung));
    expect(verdicts(splats)).toEqual(['error hung-task: INFO: task hung in foo_read']);
    expect(splats[0]?.text).not.toMatch(/audit|bar/);
    const apart = [...hung.slice(0, 6), 'baz: one more message', ...hung.slice(6)];
    expect(scanConsole(stamped(apart)).splats[0]?.text).not.toMatch(/foo_read/);
  });

  test('includes a stuck CPU with old timestamps', () => {
    const lines = [
      ...stamped(
        [
          'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
          'Sending NMI from CPU 1 to CPUs 0:',
        ],
        32,
      ),
      ...stamped(
        [
          'NMI backtrace for cpu 0',
          'CPU: 0 PID: 94 Comm: bash',
          'RIP: 0010:delay_tsc+0x33/0xa0',
          'Call Trace:',
          ' foo_spin+0x1/0x2',
        ],
        28,
      ),
    ];
    expect(verdicts(scanConsole(lines).splats)).toEqual(['error rcu-stall: rcu stall in foo_spin']);
  });

  test('a panic counts even if timestamps are wrong', () => {
    expect(verdicts(scanConsole(['Kernel panic - not syncing: Out of ideas']).splats)).toEqual([
      'fatal panic: kernel panic: Out of ideas',
    ]);
  });

  test('`cut here` and silence is a splat, too', () => {
    expect(
      verdicts(
        scanConsole(stamped(['------------[ cut here ]------------', 'foo: id 12 is bad'])).splats,
      ),
    ).toEqual(['error warning: report cut short: foo: id N is bad']);
  });
});

test('a splat seen twice gives two with the same key', () => {
  const [first, second] = scanConsole([
    ...stamped(warning('foo'), 10),
    ...stamped(warning('foo'), 50),
  ]).splats;
  expect(first && keyOf(first)).toBe('warning: WARNING in foo');
  expect(first && second && isSameSplat(first, second)).toBe(true);
});

/** The lines of both, each in its own order, mixed as the choices say. */
function interleave(
  a: readonly string[],
  b: readonly string[],
  choices: readonly boolean[],
): string[] {
  const left = [...a];
  const right = [...b];
  const mixed: string[] = [];
  for (let turn = 0; left.length + right.length > 0; turn++) {
    const from =
      right.length === 0 || (left.length > 0 && choices[turn % choices.length]) ? left : right;
    mixed.push(from.shift() ?? '');
  }
  return mixed;
}

test('two CPUs that report at once give the same two splats, however their lines are mixed', () => {
  const a = stamped(warning('foo'), 10, 'T107');
  const b = stamped(oops('bar'), 10, 'C1');
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), (choices) => {
      const { splats } = scanConsole(interleave(a, b, choices));
      expect(verdicts(splats).sort()).toEqual([
        'error warning: WARNING in foo',
        'fatal oops: BUG: kernel NULL pointer dereference in bar',
      ]);
      expect(splats.map(({ text }) => text).sort()).toEqual([a.join('\n'), b.join('\n')].sort());
    }),
    { numRuns: 200 },
  );
});

test('never throws, and no splat is too long, whatever the console contains', () => {
  const words = fc.constantFrom(
    ...warning('foo'),
    ...oops('bar'),
    '==========================',
    'BUG: KASAN: x in y',
    '\u001b[',
    '\r',
    '\0',
    '[   12.345678]',
    '[    0.000001][    T1] ',
    'Kernel panic - not syncing: panic_on_warn',
    'INFO: task a:1 blocked for more than 1 seconds.',
  );
  const line = fc
    .array(fc.oneof(words, fc.string({ unit: 'binary', maxLength: 20 })), { maxLength: 5 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), fc.nat(100), (lines, start) => {
      const { begun, splats } = scanConsole([...stamped(lines, start), ...lines]);
      expect(begun).toHaveLength(splats.length);
    }),
    { numRuns: 300 },
  );
});

test('a flood within a splat is truncated, with a message', () => {
  const flood = Array.from({ length: 5000 }, () => ` ${'x'.repeat(60_000)}`);
  const [head = ''] = oops('foo');
  const [splat] = scanConsole([
    ...stamped([head]),
    ...flood.map((text) => `[   10.000001] ${text}`),
  ]).splats;
  const short = scanConsole(
    stamped([head, ...Array.from({ length: 5000 }, () => ' frame+0x1/0x2')], 10).map((line) =>
      line.replace(/\[.*?\]/, '[   10.000000]'),
    ),
  ).splats[0];
  expect(splat?.text.length).toBeLessThan(MAX_SPLAT_CHARACTERS + MAX_SPLAT_LINES + 100);
  expect(short?.text.split('\n')).toHaveLength(MAX_SPLAT_LINES + 1);
  expect(short?.text).toMatch(/\n\[cut short: 3501 more lines\]$/);
});
