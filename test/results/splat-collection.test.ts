import { describe, expect, test } from 'vitest';
import { parseExpectedSplats } from '../../src/formats/klog/expected.ts';
import { FSTESTS_MARK } from '../../src/formats/suites/fstests.ts';
import type { RunSplat } from '../../src/results/run-result.ts';
import {
  collectSplats,
  type SplatCollection,
  type SplatOptions,
} from '../../src/results/splat-collection.ts';

let seconds = 10;

/** Lines of the kernel, each with a timestamp a millisecond after the one before. */
function say(splats: SplatCollection, ...texts: string[]): void {
  for (const text of texts) {
    seconds += 0.001;
    splats.push(`[${seconds.toFixed(6).padStart(12)}] ${text}\r`);
  }
}

const warning = (name: string): string[] => [
  '------------[ cut here ]------------',
  `WARNING: CPU: 0 PID: 45 at fs/${name}.c:151 ${name}+0x1aa/0x1785`,
  'CPU: 0 PID: 45 Comm: sh Not tainted 6.18.0 #1',
  'Call Trace:',
  ` ${name}+0x1aa/0x1785`,
  '---[ end trace 0000000000000000 ]---',
];

const OOPS = [
  'BUG: kernel NULL pointer dereference, address: 0000000000000000',
  '#PF: supervisor write access in kernel mode',
  'Oops: 0002 [#1] PREEMPT SMP',
  'RIP: 0010:foo+0x1/0x2',
  '---[ end trace 0000000000000000 ]---',
];

const HUNG_TASK = [
  'INFO: task sync:77 blocked for more than 120 seconds.',
  '      Not tainted 6.18.0 #1',
  '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
  'task:sync            state:D stack:0     pid:77    ppid:1      flags:0x00000002',
  'Call Trace:',
  ' schedule+0x1/0x2',
];

const collect = (changes: Partial<SplatOptions> = {}): SplatCollection =>
  collectSplats({
    expected: [],
    survivesOops: false,
    elapsed: () => seconds * 1000,
    ...changes,
  });

/** A test of some duration ends. */
function end(splats: SplatCollection, test: string): void {
  seconds += 0.1;
  splats.testEnded(test);
}

/** The results of these tests arrive at once. */
function endAtOnce(splats: SplatCollection, ...tests: string[]): void {
  seconds += 0.1;
  for (const test of tests) splats.testEnded(test);
}

const expecting = (text: string) => parseExpectedSplats(text, 'expected');

const brief = (splats: readonly RunSplat[]): string[] =>
  splats.map(
    ({ severity, title, count, during, excused }) =>
      `${severity} ${title} x${count} in ${during}${excused === undefined ? '' : `: ${excused}`}`,
  );

describe('the phase of a report', () => {
  test('in the boot, in init, in an autorun script, in the command, at the end', () => {
    const splats = collect();
    say(splats, ...warning('boot'));
    splats.enter({ event: 'init', uptime: 1 });
    say(splats, ...warning('init'));
    splats.enter({ event: 'autorun-start', script: '00-mkfs.sh' });
    say(splats, ...warning('mkfs'));
    splats.enter({ event: 'autorun-end', script: '00-mkfs.sh', status: 0 });
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('command'));
    splats.enter({ event: 'command-end', status: 0 });
    say(splats, ...warning('late'));
    splats.enter({ event: 'power-off', taint: 512, left: 0 });
    expect(brief(splats.finish())).toEqual([
      'error WARNING in boot x1 in boot',
      'error WARNING in init x1 in init',
      'error WARNING in mkfs x1 in autorun script mkfs.sh',
      'error WARNING in command x1 in the command',
      'error WARNING in late x1 in the end',
    ]);
  });

  test('is the test whose result comes next', () => {
    const splats = collect();
    say(splats, ...warning('before'));
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('one'));
    end(splats, 'first');
    say(splats, ...warning('two'), ...warning('three'));
    end(splats, 'second');
    end(splats, 'third');
    say(splats, ...warning('four'));
    expect(brief(splats.finish())).toEqual([
      'error WARNING in before x1 in boot',
      'error WARNING in one x1 in first',
      'error WARNING in two x1 in second',
      'error WARNING in three x1 in second',
      'error WARNING in four x1 in the command',
    ]);
  });

  test('is that in which it began, even if it ends later', () => {
    const splats = collect();
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('foo').slice(0, 3));
    splats.enter({ event: 'command-end', status: 0 });
    say(splats, ...warning('foo').slice(3));
    expect(brief(splats.finish())).toEqual(['error WARNING in foo x1 in the command']);
  });

  test('is the test in which it began, even if only silence ends it', () => {
    const splats = collect();
    splats.enter({ event: 'command-start' });
    say(splats, ...HUNG_TASK);
    end(splats, 'the one that hung');
    seconds += 5;
    say(splats, 'EXT4-fs (vda): mounted filesystem');
    end(splats, 'an innocent one');
    expect(brief(splats.finish())[0]).toContain('in the one that hung');
  });
});

test('equal reports are counted as one, with the first text', () => {
  const splats = collect();
  say(splats, ...warning('foo'), ...warning('bar'), ...warning('foo'));
  const found = splats.finish();
  expect(brief(found)).toEqual([
    'error WARNING in foo x2 in boot',
    'error WARNING in bar x1 in boot',
  ]);
  expect(found[0]?.text.split('\n')[0]).toContain('cut here');
  expect(found[0]?.text).toContain('end trace');
});

describe('a crash', () => {
  test('is known at its first line, not at its end', () => {
    const splats = collect();
    say(splats, 'all is well');
    expect(splats.isCrashed()).toBe(false);
    say(splats, OOPS[0] ?? '');
    expect(splats.isCrashed()).toBe(true);
    expect(splats.finish()).toMatchObject([{ severity: 'fatal' }]);
  });

  test('is none if the kernel may continue after an oops', () => {
    const splats = collect({ survivesOops: true });
    say(splats, ...OOPS);
    expect(splats.isCrashed()).toBe(false);
    expect(splats.finish()).toMatchObject([{ severity: 'error' }]);
  });

  test('is a panic in any case', () => {
    const splats = collect({ survivesOops: true });
    say(splats, 'Kernel panic - not syncing: sysrq triggered crash');
    expect(splats.isCrashed()).toBe(true);
  });
});

describe('if a suite marks its tests in the kernel log', () => {
  const provoked = expecting('WARNING in foo @ ext4/018 # corrupted on purpose');
  const collectMarked = () => collect({ expected: provoked, mark: FSTESTS_MARK });
  const begin = (test: string): string => `run fstests ${test} at 2026-11-23 02:15:57`;
  const END = 'rapido: the command has ended';

  test('a report belongs to the test that the log names, however late the results arrive', () => {
    const splats = collectMarked();
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('early'));
    say(splats, begin('ext4/017'), ...warning('one'), begin('ext4/018'), ...warning('two'));
    end(splats, 'ext4/017');
    end(splats, 'ext4/018');
    splats.enter({ event: 'command-end', status: 0 });
    say(splats, ...warning('three'), END, ...warning('four'));
    expect(brief(splats.finish())).toEqual([
      'error WARNING in early x1 in the command',
      'error WARNING in one x1 in ext4/017',
      'error WARNING in two x1 in ext4/018',
      'error WARNING in three x1 in ext4/018',
      'error WARNING in four x1 in the end',
    ]);
  });

  test('and however early: a result may arrive before the console', () => {
    const splats = collectMarked();
    splats.enter({ event: 'command-start' });
    end(splats, 'ext4/018');
    end(splats, 'ext4/019');
    splats.enter({ event: 'command-end', status: 0 });
    say(splats, begin('ext4/018'), ...warning('foo'), begin('ext4/019'), ...warning('bar'), END);
    expect(brief(splats.finish())).toEqual([
      'error WARNING in foo x1 in ext4/018: corrupted on purpose',
      'error WARNING in bar x1 in ext4/019',
    ]);
  });

  test('what one test provokes counts in another, and outside of tests', () => {
    const splats = collectMarked();
    const foo = warning('foo');
    splats.enter({ event: 'command-start' });
    say(splats, ...foo, begin('ext4/018'), ...foo, ...foo, begin('ext4/019'), ...foo, END, ...foo);
    expect(brief(splats.finish())).toEqual([
      'error WARNING in foo x3 in the command',
      'error WARNING in foo x2 in ext4/018: corrupted on purpose',
    ]);
  });

  test('a crash report that a test only makes the kernel print is no crash', () => {
    const expected = expecting('NULL pointer dereference @ meta/010 # written to the log');
    const crashed = (test: string): boolean => {
      const splats = collect({ expected, mark: FSTESTS_MARK });
      say(splats, begin(test), ...OOPS);
      return splats.isCrashed();
    };
    expect([crashed('meta/010'), crashed('meta/011')]).toEqual([false, true]);
  });

  test('names the line of the list', () => {
    const splats = collectMarked();
    say(splats, begin('ext4/018'), ...warning('foo'));
    expect(splats.finish()[0]).toMatchObject({
      excused: 'corrupted on purpose',
      excusedBy: 'expected:1',
    });
  });

  test('a log that dmesg prints again moves no report to another test', () => {
    const splats = collectMarked();
    splats.enter({ event: 'command-start' });
    const [marked, hidden] = [seconds + 1, seconds + 2];
    const lineAt = (time: number, text: string): string =>
      `[${time.toFixed(6).padStart(12)}] ${text}`;
    splats.push(lineAt(marked, begin('ext4/018')));
    // The log level of the console was lowered here, and raised in the next test.
    const log = [
      lineAt(marked, begin('ext4/018')),
      lineAt(hidden, begin('ext4/019')),
      ...warning('foo').map((text, index) => lineAt(hidden + 0.001 * (index + 1), text)),
    ];
    seconds += 3;
    say(splats, begin('ext4/020'));
    for (const line of log) splats.push(line);
    say(splats, ...warning('bar'));
    expect(brief(splats.finish())).toEqual([
      'error WARNING in foo x1 in ext4/019',
      'error WARNING in bar x1 in ext4/020',
    ]);
  });
});

describe('if it does not, and a report belongs to the test whose result comes next', () => {
  const provoked = expecting('WARNING in (foo|x) @ lkdtm/WARNING # asked for');

  test('one that the test provokes is excused, and the same in another counts', () => {
    const splats = collect({ expected: provoked });
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('foo'));
    end(splats, 'lkdtm/WARNING');
    say(splats, ...warning('foo'));
    end(splats, 'lkdtm/BUG');
    say(splats, ...warning('foo'));
    end(splats, 'lkdtm/WARNING');
    say(splats, ...warning('foo'));
    expect(brief(splats.finish())).toEqual([
      'error WARNING in foo x2 in lkdtm/WARNING: asked for',
      'error WARNING in foo x2 in lkdtm/BUG',
    ]);
  });

  test('many that may turn out to be provoked hide none', () => {
    const expected = expecting('WARNING in @ lkdtm/WARNING # asked for');
    const splats = collect({ expected });
    splats.enter({ event: 'command-start' });
    for (let number = 0; number < 150; number++) {
      say(splats, ...warning('foo'));
      end(splats, 'lkdtm/WARNING');
    }
    say(splats, ...warning('foo'));
    end(splats, 'lkdtm/BUG');
    expect(splats.finish().some(({ excused }) => excused === undefined)).toBe(true);
  });
});

describe('if several results arrive at once, and one of these tests caused the report', () => {
  const provoked = expecting('WARNING in foo @ t1|t2 # t1 and t2 do this');
  const duringBurst = (...tests: string[]): string[] => {
    const splats = collect({ expected: provoked });
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('foo'));
    endAtOnce(splats, ...tests);
    return brief(splats.finish());
  };

  test('it belongs to all of them, and is excused only if it is in each of them', () => {
    expect(duringBurst('t1', 't2', 't3', 't4')).toEqual(['error WARNING in foo x1 in t1 … t4']);
    expect(duringBurst('t1', 't2')).toEqual([
      'error WARNING in foo x1 in t1 … t2: t1 and t2 do this',
    ]);
    expect(duringBurst('t1')).toEqual(['error WARNING in foo x1 in t1: t1 and t2 do this']);
  });

  test('a test that contains the others is none of them', () => {
    expect(duringBurst('suite/t1', 'suite')).toEqual([
      'error WARNING in foo x1 in suite/t1: t1 and t2 do this',
    ]);
    expect(duringBurst('suite/t1', 'suite/t3', 'suite')).toEqual([
      'error WARNING in foo x1 in suite/t1 … suite/t3',
    ]);
  });

  test('the end of the report may arrive between the results', () => {
    const splats = collect({ expected: provoked });
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('foo'));
    end(splats, 't1');
    say(splats, 'all is well');
    splats.testEnded('t3');
    end(splats, 't4');
    expect(brief(splats.finish())).toEqual(['error WARNING in foo x1 in t1 … t3']);
  });

  test('the next report belongs to a later test', () => {
    const splats = collect({ expected: provoked });
    splats.enter({ event: 'command-start' });
    say(splats, ...warning('bar'));
    endAtOnce(splats, 't3', 't4');
    say(splats, ...warning('foo'));
    end(splats, 't2');
    expect(brief(splats.finish())).toEqual([
      'error WARNING in bar x1 in t3 … t4',
      'error WARNING in foo x1 in t2: t1 and t2 do this',
    ]);
  });

  test('many of them leave none that is responsible', () => {
    const names = Array.from({ length: 3000 }, (_, index) => (index < 2000 ? 't1' : 't3'));
    expect(duringBurst(...names)).toEqual([expect.not.stringContaining('do this')]);
  });
});

test('excuses what is expected, with the reason of the list, and nothing else', () => {
  const splats = collect({ expected: expecting('warning: WARNING in foo$ # fixed in 6.19') });
  say(splats, ...warning('foo'), ...warning('foobar'));
  expect(brief(splats.finish())).toEqual([
    'error WARNING in foo x1 in boot: fixed in 6.19',
    'error WARNING in foobar x1 in boot',
  ]);
});

describe('a kernel that is tainted at the end', () => {
  const taintedBy = (taint: number, options: Partial<SplatOptions> = {}, ...lines: string[]) => {
    const splats = collect(options);
    say(splats, ...lines);
    splats.enter({ event: 'power-off', taint, left: 0 });
    return brief(splats.finish());
  };

  // Bits of Documentation/admin-guide/tainted-kernels.rst.
  test.each([
    [1 << 4, 'a machine check'],
    [1 << 5, 'a bad page'],
    [1 << 7, 'an oops or BUG'],
    [1 << 9, 'a warning'],
    [1 << 14, 'a soft lockup'],
  ])('by a report that the console did not show (%i)', (taint, words) => {
    expect(taintedBy(taint)).toEqual([
      expect.stringMatching(`^error kernel tainted: ., ${words} x1`),
    ]);
  });

  test('by several', () => {
    expect(taintedBy((1 << 7) | (1 << 9))).toEqual([
      'error kernel tainted: D, an oops or BUG; W, a warning x1 in undefined',
    ]);
  });

  test.each([0, 1 << 0, 1 << 12, 1 << 13, 1 << 15, 1 << 18])(
    'by a module or nothing: no report (%i)',
    (taint) => expect(taintedBy(taint)).toEqual([]),
  );

  test('by a report that was seen: it is not reported again', () => {
    expect(taintedBy(1 << 9, {}, ...warning('foo'))).toEqual(['error WARNING in foo x1 in boot']);
  });

  test('may be expected, too', () => {
    expect(taintedBy(1 << 9, { expected: expecting('taint: .*W, a warning # known') })).toEqual([
      'error kernel tainted: W, a warning x1 in undefined: known',
    ]);
  });

  test('by an oops that the console did not show, while an excused warning was seen', () => {
    const expected = expecting('WARNING in foo # fixed in 6.19');
    expect(taintedBy((1 << 7) | (1 << 9), { expected }, ...warning('foo'))).toContainEqual(
      expect.stringContaining('an oops or BUG'),
    );
  });
});

describe('a kernel that reports without end', () => {
  /** So many names that differ in letters: a title is without numbers. */
  const names = Array.from({ length: 300 }, (_, index) =>
    [...String(index)].map((digit) => 'abcdefghij'[Number(digit)]).join(''),
  );

  test('does not fill the memory', () => {
    const splats = collect();
    for (const name of names) say(splats, ...warning(name));
    expect(splats.finish().length).toBeLessThanOrEqual(201);
  });

  test('hides no error behind its notes', () => {
    const splats = collect();
    for (const name of names) {
      say(
        splats,
        `${name}[123]: segfault at 0 ip 0000000000401136 sp 00007ffd2d9f6d50 error 6 in x`,
      );
    }
    say(splats, ...HUNG_TASK);
    expect(splats.finish().filter(({ severity }) => severity !== 'note')).toHaveLength(1);
  });

  test('hides no crash behind excused errors', () => {
    const splats = collect({ expected: expecting('^warning: # all known') });
    for (const name of names) say(splats, ...warning(name));
    say(splats, ...OOPS);
    expect(splats.finish().filter(({ excused }) => excused === undefined)).toHaveLength(1);
  });
});
