import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createKtapParser,
  type KtapOutcome,
  type KtapStatus,
  type KtapTest,
} from '../../../../src/formats/suites/ktap/ktap.ts';
import { CHECKOUT } from '../../../support/workspace.ts';

function parse(text: string): KtapOutcome & { tests: KtapTest[] } {
  const tests: KtapTest[] = [];
  const parser = createKtapParser((one) => tests.push(one));
  for (const line of text.split('\n')) parser.push(line);
  return { tests, ...parser.end() };
}

/** `pass 3 dir/program/name: message`, a line for each test, then the problems. */
function summarize(text: string): string {
  const { found, tests, problems, missing, skipped } = parse(text);
  return [
    ...(found ? [] : ['nothing found']),
    ...tests.map(({ status, number, path, message }) => {
      const told = message === undefined ? '' : `: ${message}`;
      return `${status} ${number} ${path.join('/')}${told}`;
    }),
    ...(skipped === undefined ? [] : [`skipped: ${skipped}`]),
    ...problems.map((problem) => `PROBLEM ${problem}`),
    ...missing.map((path) => `MISSING ${path.join('/')}`),
  ].join('\n');
}

function readSample(name: string): string {
  const text = readFileSync(
    join(CHECKOUT, 'test/formats/suites/ktap/samples', `${name}.txt`),
    'utf8',
  );
  return text.replace(/^# source: .*\n/, '').trimEnd();
}

/** The text between backquotes, without the indentation of the test around it. */
function lines([text]: TemplateStringsArray): string {
  const all = text!.replace(/^\n|\n *$/g, '').split('\n');
  const indent = Math.min(...all.filter((line) => line !== '').map((line) => line.search(/\S/)));
  return all.map((line) => line.slice(indent)).join('\n');
}

describe('output of kselftest', () => {
  test('programs that use the harness, run by the runner', () => {
    expect(summarize(readSample('kselftest-harness'))).toMatchInlineSnapshot(`
      "pass 1 core/close_range_test/global.core_close_range
      pass 2 core/close_range_test/global.close_range_unshare
      pass 3 core/close_range_test/global.close_range_unshare_capped
      pass 4 core/close_range_test/global.close_range_cloexec
      pass 5 core/close_range_test/global.close_range_cloexec_unshare
      pass 6 core/close_range_test/global.close_range_cloexec_syzbot
      pass 7 core/close_range_test/global.close_range_cloexec_unshare_syzbot
      pass 8 core/close_range_test/global.close_range_bitmap_corruption"
    `);
    expect(parse(readSample('kselftest-harness')).tests[1]!.output).toMatchInlineSnapshot(`
      "#  RUN           global.close_range_unshare ...
      #            OK  global.close_range_unshare"
    `);
  });

  test('KTAP below the runner: the directory and the program are the first names', () => {
    expect(summarize(readSample('kselftest-ktap'))).toMatchInlineSnapshot(`
      "pass 1 net/packetdrill/tcp_inq.py/tcp_inq.client-v4
      pass 2 net/packetdrill/tcp_inq.py/tcp_inq.client-v6
      pass 3 net/packetdrill/tcp_inq.py/tcp_inq.server-v4
      pass 4 net/packetdrill/tcp_inq.py/tcp_inq.server-v6
      pass 1 net/packetdrill/tcp_md5.py/tcp_md5.md5-only-on-client-ack-v4
      pass 2 net/packetdrill/tcp_md5.py/tcp_md5.md5-only-on-client-ack-v6"
    `);
  });

  test('a plan that a forked child has printed again is no second plan', () => {
    expect(summarize(readSample('kselftest-repeated-plan'))).toMatchInlineSnapshot(`
      "pass 1 timens/timens/Passed for CLOCK_BOOTTIME (syscall)
      pass 2 timens/timens/Passed for CLOCK_BOOTTIME (vdso)
      skip 3 timens/timens/CLOCK_BOOTTIME_ALARM isn't supported: CLOCK_BOOTTIME_ALARM isn't supported
      skip 4 timens/timens/CLOCK_BOOTTIME_ALARM isn't supported: CLOCK_BOOTTIME_ALARM isn't supported
      pass 5 timens/timens/Passed for CLOCK_MONOTONIC (syscall)
      pass 6 timens/timens/Passed for CLOCK_MONOTONIC (vdso)
      pass 7 timens/timens/Passed for CLOCK_MONOTONIC_COARSE (syscall)
      pass 8 timens/timens/Passed for CLOCK_MONOTONIC_COARSE (vdso)
      pass 9 timens/timens/Passed for CLOCK_MONOTONIC_RAW (syscall)
      pass 10 timens/timens/Passed for CLOCK_MONOTONIC_RAW (vdso)
      pass 1 timens/timerfd/clockid=7
      pass 2 timens/timerfd/clockid=1
      skip 3 timens/timerfd/CLOCK_BOOTTIME_ALARM isn't supported: CLOCK_BOOTTIME_ALARM isn't supported
      pass 1 timens/timer/clockid=7
      pass 2 timens/timer/clockid=1
      skip 3 timens/timer/CLOCK_BOOTTIME_ALARM isn't supported: CLOCK_BOOTTIME_ALARM isn't supported"
    `);
  });

  test('a program that bails out', () => {
    expect(summarize(readSample('kselftest-bail-out'))).toMatchInlineSnapshot(`
      "pass 1 openat2/openat2_test
      fail 2 openat2/resolve_test: exit=1
      pass 1 openat2/rename_attack_test/rename attack with RESOLVE_BENEATH (400000 runs, got 0 escapes)
      pass 2 openat2/rename_attack_test/rename attack with RESOLVE_IN_ROOT (400000 runs, got 0 escapes)
      PROBLEM openat2/resolve_test: Bail out! resolve_test.c:54 mount failed - errno:22
      PROBLEM openat2/resolve_test: planned 88 tests, got 0 results: no result for test 1-88
      MISSING openat2/resolve_test/#1
      MISSING openat2/resolve_test/#2
      MISSING openat2/resolve_test/#3
      MISSING openat2/resolve_test/#4
      MISSING openat2/resolve_test/#5
      MISSING openat2/resolve_test/#6
      MISSING openat2/resolve_test/#7
      MISSING openat2/resolve_test/#8
      MISSING openat2/resolve_test/#9
      MISSING openat2/resolve_test/#10"
    `);
    expect(parse(readSample('kselftest-bail-out')).tests[1]!.output).toMatchInlineSnapshot(`
      "Bail out! resolve_test.c:54 mount failed - errno:22
      # Planned tests != run tests (88 != 0)"
    `);
  });

  test('a program that crashes: the running test has no result', () => {
    expect(summarize(readSample('kselftest-crash'))).toMatchInlineSnapshot(`
      "fail 1 arm64/libc-gcs: exit=139
      PROBLEM arm64/libc-gcs: planned 118 tests, got 0 results: no result for test 1-118
      MISSING arm64/libc-gcs/global.can_call_function
      MISSING arm64/libc-gcs/#2
      MISSING arm64/libc-gcs/#3
      MISSING arm64/libc-gcs/#4
      MISSING arm64/libc-gcs/#5
      MISSING arm64/libc-gcs/#6
      MISSING arm64/libc-gcs/#7
      MISSING arm64/libc-gcs/#8
      MISSING arm64/libc-gcs/#9
      MISSING arm64/libc-gcs/#10"
    `);
  });

  test('programs that time out, without a version line and a plan of their own', () => {
    expect(summarize(readSample('kselftest-timeout'))).toMatchInlineSnapshot(`
      "pass 1 cgroup/test_cpu/test_cpucg_subtree_control
      pass 2 cgroup/test_cpu/test_cpucg_stats
      pass 3 cgroup/test_cpu/test_cpucg_nice
      fail 4 cgroup/test_cpu/test_cpucg_weight_overprovisioned
      pass 5 cgroup/test_cpu/test_cpucg_weight_underprovisioned
      pass 6 cgroup/test_cpu/test_cpucg_nested_weight_overprovisioned
      pass 7 cgroup/test_cpu/test_cpucg_nested_weight_underprovisioned
      pass 1 cgroup/test_freezer/test_cgfreezer_simple
      fail 2 cgroup/test_freezer/test_cgfreezer_ptrace: Cgroup /sys/fs/cgroup/cg_test_ptrace isn't frozen
      fail 4 cgroup/test_kmem: TIMEOUT 45 seconds
      PROBLEM no result for test 1
      PROBLEM no plan (1..N), so some tests may be missing
      MISSING #1"
    `);
  });

  test('a result behind output without a newline at the end', () => {
    expect(summarize(readSample('result-glued-to-output'))).toBe(
      'pass 1 net/reuseport_bpf\npass 2 net/reuseaddr_conflict\npass 3 net/tls',
    );
    const glued = parse(readSample('result-glued-to-output')).tests[1];
    expect(glued?.output).toBe('# Opening 127.0.0.1:9999\n# Success');
  });

  test.each([
    ['# Success', 'ok', '', 'pass 1 net/tls'],
    ['# Success', 'not ok', ' # exit=1', 'fail 1 net/tls: exit=1'],
    ['# it is ', 'not ok', ' # TIMEOUT 45 seconds', 'fail 1 net/tls: TIMEOUT 45 seconds'],
    ['# ', 'ok', '', 'MISSING'],
    ['# # ', 'ok', '', 'MISSING'],
    ['# x', 'ok', ' # SKIP', 'skip 1 net/tls'],
    ['# ok 1 - a', 'ok', '', 'pass 1 net/tls/a'],
  ])('behind %j, `%s` with %j', (output, ok, comment, first) => {
    const text = `TAP version 13\n1..1\n# selftests: net: tls\n${output}${ok} 1 selftests: net: tls${comment}`;
    const found = summarize(text);
    if (first === 'MISSING') expect(found).toContain('MISSING net/tls');
    else expect(found).toBe(first);
  });

  test('a program that prints a result of another, or its own, is not believed', () => {
    const of = (name: string) =>
      summarize(
        `TAP version 13\n1..2\n# selftests: net: a\n# Xok 2 selftests: net: ${name}\nnot ok 1 selftests: net: a # exit=1\n# selftests: net: b\nnot ok 2 selftests: net: b # exit=1`,
      );
    expect(of('b')).toBe('fail 1 net/a: exit=1\nfail 2 net/b: exit=1');
    expect(of('a')).toMatch(/^fail 1 net\/a: exit=1$/m);
    expect(of('a')).toMatch(/^PROBLEM /m);
  });

  test('tests that the harness of Linux 6.1 skips have their names, and the reason', () => {
    expect(summarize(readSample('skips-with-reasons'))).toBe(
      [
        'skip 1 x/y/global.a: No huge pages available.',
        'skip 2 x/y/global.b: No huge pages available.',
        'pass 3 x/y/global.c',
      ].join('\n'),
    );
  });
});

describe('output of KUnit', () => {
  test('Linux 5.14 on the console, with timestamps', () => {
    expect(summarize(readSample('kunit-console'))).toMatchInlineSnapshot(`
      "pass 1 ext4_inode_test/inode_test_xtimestamp_decoding/2038-01-19 Upper bound of 32bit >=0 timestamp, no extra bits
      pass 2 ext4_inode_test/inode_test_xtimestamp_decoding/2038-01-19 Lower bound of 32bit <0 timestamp, lo extra sec bit on
      pass 1 kunit-log-test/kunit_log_test
      pass 1 kunit_status/kunit_status_set_failure_test
      pass 2 kunit_status/kunit_status_mark_skipped_test"
    `);
  });

  test('parameters are tests below their test', () => {
    expect(summarize(readSample('kunit-parameters'))).toMatchInlineSnapshot(`
      "skip 1 example/example_params_test/example value 3: unsupported param value 3
      pass 2 example/example_params_test/example value 2
      pass 3 example/example_params_test/example value 1
      skip 4 example/example_params_test/example value 0: unsupported param value 0"
    `);
  });

  test('a suite in which the kernel crashed', () => {
    expect(summarize(readSample('kunit-module'))).toMatchInlineSnapshot(`
      "PROBLEM kunit_fault: subtests, but no result of its own
      PROBLEM kunit_fault: planned 1 tests, got 0 results: no result for test 1
      MISSING kunit_fault/#1
      MISSING kunit_fault"
    `);
  });

  const suite = (name: string, number: number): string =>
    `    # Subtest: ${name}\n    1..1\n    ok 1 case\nok ${number} ${name}`;

  test('modules that are loaded in succession continue the numbers, or begin at 1', () => {
    expect(summarize([suite('a', 1), suite('b', 2), suite('c', 1)].join('\n'))).toBe(
      'pass 1 a/case\npass 1 b/case\npass 1 c/case',
    );
  });

  test.each([
    ['count on', [3, 4]],
    ['begin anew', [1, 2, 1]],
  ])('modules that are loaded behind suites that are built in %s', (_, numbers) => {
    const builtIn = `KTAP version 1\n1..2\n${suite('a', 1)}\n${suite('b', 2)}\n`;
    const modules = numbers.map((number, at) => suite(`m${at}`, number));
    const { tests, problems } = parse(builtIn + modules.join('\n'));
    expect({ count: tests.length, problems }).toEqual({ count: 2 + numbers.length, problems: [] });
  });

  test('a suite whose number is absent is missing', () => {
    expect(parse([suite('a', 1), suite('c', 3)].join('\n')).problems).toEqual([
      'no result for test 2',
    ]);
    expect(parse([suite('a', 1), suite('c', 3), suite('d', 1)].join('\n')).problems).toEqual([
      'no result for test 2',
    ]);
    expect(
      parse(['KTAP version 1', '1..3', suite('a', 1), suite('c', 3)].join('\n')).problems,
    ).toEqual(['planned 3 tests, got 2 results: no result for test 2']);
  });

  test('a version line without a plan', () => {
    expect(parse(`KTAP version 1\n${suite('a', 1)}`).problems).toEqual([
      'no plan (1..N), so some tests may be missing',
    ]);
  });

  test('a log that lost its beginning', () => {
    expect(summarize(readSample('log-without-beginning'))).toBe(
      'pass 1 list_sort/list_sort_test\nPROBLEM no result for test 1\nMISSING #1',
    );
  });

  test('a log of 100 suites that lost lines anywhere is not accepted as complete', () => {
    const lines = [
      'KTAP version 1',
      '1..100',
      ...Array.from({ length: 100 }, (_, at) => [
        '    KTAP version 1',
        `    # Subtest: suite${at + 1}`,
        '    # module: m',
        '    1..2',
        '    ok 1 first',
        '    ok 2 second',
        `# suite${at + 1}: pass:2 fail:0 skip:0 total:2`,
        '# Totals: pass:2 fail:0 skip:0 total:2',
        `${at === 0 ? 'not ' : ''}ok ${at + 1} suite${at + 1}`,
      ]).flat(),
    ];
    const suitesOf = (text: string): number => {
      const { found, problems, tests } = parse(text);
      return found && problems.length === 0 ? new Set(tests.map(({ path }) => path[0])).size : 0;
    };
    expect(suitesOf(lines.join('\n'))).toBe(100);
    // The part that fits into a buffer of the kernel, and then any gap in a shorter one.
    for (let cut = 12; cut < lines.length; cut += 37) {
      expect(suitesOf(lines.slice(cut).join('\n'))).toBe(0);
    }
    const few = [...lines.slice(0, 2 + 4 * 9)].map((line) => line.replace('1..100', '1..4'));
    for (let from = 2; from < few.length; from++) {
      for (let to = from + 1; to <= few.length; to++) {
        // The result of a suite confirms its tests.
        expect([0, 4]).toContain(suitesOf([...few.slice(0, from), ...few.slice(to)].join('\n')));
      }
    }
  });

  test('a test that announces subtests and has none is one test, and no plain pass', () => {
    expect(summarize(readSample('subtest-without-tests'))).toBe(
      'pass 1 suite/case\nPROBLEM suite/case: no tests',
    );
    expect(
      summarize('KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..0\nok 1 s'),
    ).toBe('pass 1 s\nPROBLEM s: no tests');
    expect(
      summarize(
        'KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..0\nok 1 s # SKIP no tests run',
      ),
    ).toBe('skip 1 s: no tests run');
  });
});

describe('the outcome of a test', () => {
  test.each([
    ['ok 1 name', 'pass 1 name'],
    ['ok 1 - name', 'pass 1 name'],
    ['ok 1', 'pass 1 #1'],
    ['not ok 1 name', 'fail 1 name'],
    ['ok 1 name # SKIP no device', 'skip 1 name: no device'],
    ['not ok 1 name # SKIP no device', 'skip 1 name: no device'],
    ['ok 1 name # skip no device', 'skip 1 name: no device'],
    ['ok 1 name # SKIP', 'skip 1 name'],
    ['ok 1 # SKIP no device', 'skip 1 no device: no device'],
    ['ok 1# SKIP no device', 'skip 1 no device: no device'],
    ['ok 1 # XFAIL name', 'xfail 1 name: name'],
    ['not ok 1 name # XFAIL known', 'xfail 1 name: known'],
    ['not ok 1 name # TODO later', 'xfail 1 name: later'],
    ['ok 1 name # TODO later', 'xpass 1 name: later'],
    ['ok 1 name # XPASS known', 'xpass 1 name: known'],
    ['not ok 1 name # TIMEOUT 45 seconds', 'fail 1 name: TIMEOUT 45 seconds'],
    ['ok 1 name # TIMEOUT 45 seconds', 'fail 1 name: TIMEOUT 45 seconds'],
    ['not ok 1 name # ERROR no memory', 'fail 1 name: ERROR no memory'],
    ['not ok 1 # error name', 'fail 1 name: ERROR name'],
    ['ok 1 open # error as it should', 'pass 1 open: error as it should'],
    ['ok 5 check return code # rcode=0', 'pass 5 check return code: rcode=0'],
    ['not ok 1 selftests: x: y # exit=1', 'fail 1 x/y: exit=1'],
    ['ok 1 name # unheard-of words', 'pass 1 name: unheard-of words'],
    ['ok 1 issue \\#12', 'pass 1 issue #12'],
    ['ok 1 issue #12', 'pass 1 issue #12'],
    ['ok 1 name\r', 'pass 1 name'],
    ['\x1b[32mok 1 name\x1b[0m', 'pass 1 name'],
    ['[   12.345678] ok 1 name', 'pass 1 name'],
    ['<6>[   12.345678][    T1] ok 1 name', 'pass 1 name'],
    ['ok - name', 'pass 1 name'],
    ['ok', 'pass 1 #1'],
  ])('%j', (line, expected) => {
    expect(summarize(`TAP version 13\n${line}`).split('\n')[0]).toBe(expected);
  });

  test('a name or a message without end is truncated', () => {
    const [only] = parse(`1..1\nok 1 ${'n'.repeat(9999)}`).tests;
    expect(only!.path[0]).toHaveLength(1000);
  });
});

describe('a test with subtests', () => {
  const withParent = (child: string, parent: string): string =>
    `KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ${child} 1 child\n${parent}`;

  test('that passed is no result of its own', () => {
    expect(summarize(withParent('ok', 'ok 1 parent'))).toBe('pass 1 parent/child');
  });

  test('that failed with one of them is no result either', () => {
    expect(summarize(withParent('not ok', 'not ok 1 parent'))).toBe('fail 1 parent/child');
  });

  test('that failed although they passed is one', () => {
    expect(summarize(withParent('ok', 'not ok 1 parent # exit=1'))).toBe(
      'pass 1 parent/child\nfail 1 parent: exit=1',
    );
  });

  test('fails if a subtest of a subtest fails', () => {
    const text = lines`
      KTAP version 1
      1..1
        KTAP version 1
        1..1
          KTAP version 1
          1..2
          not ok 1 test_1
          ok 2 test_2
        not ok 1 test_3
      not ok 1 example`;
    expect(summarize(text)).toBe('fail 1 example/test_3/test_1\npass 2 example/test_3/test_2');
  });

  test('is one result if it was skipped, with the reason of its plan', () => {
    const text = lines`
      TAP version 13
      1..1
      # selftests: net: foo
      # 1..0 # SKIP not root
      ok 1 selftests: net: foo # SKIP`;
    expect(summarize(text)).toBe('skip 1 net/foo: not root');
  });

  test('that was skipped half-way need not fulfil its plan', () => {
    const text = lines`
      TAP version 13
      1..1
      # selftests: net: foo
      # 1..3
      # ok 1 a
      ok 1 selftests: net: foo # SKIP`;
    expect(summarize(text)).toBe('pass 1 net/foo/a');
  });
});

describe('plain TAP', () => {
  test('the plan may come last', () => {
    expect(summarize('TAP version 13\nok 1 a\nok 2 b\n1..2')).toBe('pass 1 a\npass 2 b');
  });

  test('the version may be missing', () => {
    expect(summarize('1..1\nok 1 a')).toBe('pass 1 a');
    expect(summarize('ok 1 a\n1..1')).toBe('pass 1 a');
  });

  test('the numbers may be missing', () => {
    expect(summarize('TAP version 13\n1..2\nok - a\nnot ok - b')).toBe('pass 1 a\nfail 2 b');
  });

  test('all is skipped', () => {
    expect(summarize('TAP version 13\n1..0 # SKIP no such hardware')).toBe(
      'skipped: no such hardware',
    );
  });

  test('subtests of TAP 14', () => {
    const text = lines`
      TAP version 14
      # Subtest: outer
          ok 1 - a
          # Subtest: inner
              not ok 1 - b
              1..1
          not ok 2 - inner
          1..2
      not ok 1 - outer
      1..1`;
    expect(summarize(text)).toBe('pass 1 outer/a\nfail 1 outer/inner/b');
  });

  test('YAML is not part of the output of the next test', () => {
    const text = 'TAP version 13\n1..2\nnot ok 1 a\n  ---\n  at: 3\n  ok 2 no\n  ...\nok 2 b';
    expect(parse(text)).toMatchObject({ problems: [], tests: [{ number: 1 }, { number: 2 }] });
    expect(parse(text).tests[1]).not.toHaveProperty('output');
  });

  test('two outputs, one after the other', () => {
    expect(summarize('1..1\nok 1 a\n1..1\nok 1 b')).toBe('pass 1 a\npass 1 b');
    expect(summarize('TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..2\nok 1 b')).toBe(
      'pass 1 a\npass 1 b\nPROBLEM planned 2 tests, got 1 results: no result for test 2\nMISSING #2',
    );
  });
});

describe('output of other programs between the lines', () => {
  test.each([
    'ok',
    'ok then',
    'ok 5 files copied',
    'not ok',
    '1..5',
    '  ok 1 indented',
    '# ok 1 commented out',
    'Bail out! of the plane',
    '# Totals: pass:1 fail:2',
    'okay 1',
  ])('%j is not TAP', (line) => {
    const none = { tests: [], problems: [], missing: [], unfinished: [] };
    expect(parse(line)).toEqual({ found: false, ...none });
  });

  test('a line below a test that looks like a result is its output', () => {
    const text = 'TAP version 13\n1..1\n# ok 7 of 9\n  ok 3 things\nhello\nok 1 a';
    expect(summarize(text)).toBe('pass 1 a');
    expect(parse(text).tests[0]!.output).toBe('# ok 7 of 9\n  ok 3 things\nhello');
  });

  test('of a long output the last 100 lines are kept, 16 KiB at most', () => {
    const many = Array.from({ length: 150 }, (_, at) => `line ${at + 1}`).join('\n');
    const { output } = parse(`1..1\n${many}\nok 1 a`).tests[0]!;
    expect(output).toMatch(/^…\nline 51\n/);
    expect(output).toMatch(/\nline 150$/);
    const long = `${'x'.repeat(9999)}\n`.repeat(3);
    expect(parse(`1..1\n${long}ok 1 a`).tests[0]!.output).toHaveLength(9999 + 2);
    expect(parse(`1..1\n${'x'.repeat(99_999)}\nok 1 a`).tests[0]!.output).toHaveLength(16_386);
  });
});

test.each(['\r', ' ', '# ', '[ 1.5] ', '\x1b[', ' # SKIP', '- ', '\\#'])(
  'a line of any length is read quickly: %j',
  (part) => {
    const long = part.repeat(100_000);
    const text = ['1..2', `x${long}y`, long, `ok 1 ${long}y`, 'ok 2 b'].join('\n');
    expect(parse(text).tests).toHaveLength(2);
  },
);

describe('reports what is wrong', () => {
  test.each([
    ['no plan', 'TAP version 13\nok 1 a', ['no plan (1..N), so some tests may be missing']],
    [
      'nothing after the version',
      'TAP version 13',
      ['no plan (1..N), so some tests may be missing'],
    ],
    [
      'too few',
      '1..5\nok 1 a\nok 3 c',
      ['planned 5 tests, got 2 results: no result for test 2 and 4-5'],
    ],
    ['too many', '1..1\nok 1 a\nok 2 b', ['planned 1 tests, got 2 results']],
    ['out of order', '1..2\nok 2 b\nok 1 a', ['test number 1 follows 2']],
    [
      'twice',
      '1..1\nok 1 a\nok 1 a',
      ['test number 1 occurs twice', 'planned 1 tests, got 2 results'],
    ],
    [
      'a number left out',
      'TAP version 13\nok 1 a\nok 3 c\n',
      ['no result for test 2', 'no plan (1..N), so some tests may be missing'],
    ],
    ['a bail-out', '1..1\nok 1 a\nBail out! no memory', ['Bail out! no memory']],
    [
      'totals that differ',
      '1..2\nok 1 a\nnot ok 2 b\n# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0',
      [
        'the totals line has pass:2, but the results are pass:1',
        'the totals line has fail:0, but the results are fail:1',
      ],
    ],
    [
      'totals of kunit that differ',
      'KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..1\n    ok 1 a\n# Totals: pass:2 fail:1 skip:0 total:3\nok 1 s',
      [
        's: the totals line has fail:1, but the results are fail:0',
        's: the totals line has total:3, but the results are total:1',
      ],
    ],
    [
      'the result of a test with subtests is missing',
      'KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 a',
      [
        '#1: subtests, but no result of its own',
        'planned 1 tests, got 0 results: no result for test 1',
      ],
    ],
  ])('%s', (_, text, problems) => {
    expect(parse(text).problems).toEqual(problems);
  });

  test('a program of kselftest that only counts passes has the result of the whole', () => {
    const program = (totals: string) =>
      `TAP version 13\n1..1\n# selftests: kcmp: kcmp_test\n# TAP version 13\n# 1..3\n# # Totals: ${totals} xfail:0 xpass:0 skip:0 error:0\nok 1 selftests: kcmp: kcmp_test`;
    expect(summarize(program('pass:3 fail:0'))).toBe('pass 1 kcmp/kcmp_test');
    expect(summarize(program('pass:2 fail:1'))).toContain(
      'the totals line has fail:1, but the results are fail:0',
    );
    expect(summarize(program('pass:2 fail:0'))).toContain('no result for test 1-3');
  });

  test('counts errors in the totals of kselftest as failures', () => {
    const totals = '# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:0 error:1';
    expect(summarize(`1..1\nnot ok 1 # error a\n${totals}`)).toBe('fail 1 a: ERROR a');
    expect(summarize(`1..1\nok 1 a\n${totals}`)).toContain(
      'the totals line has fail:0 and error:1, but the results are fail:0',
    );
  });

  test('names the tests that did not end', () => {
    const text = lines`
      TAP version 13
      1..3
      # selftests: timers: nanosleep
      ok 1 selftests: timers: nanosleep
      # selftests: timers: posix_timers
      # TAP version 13
      # 1..2
      # ok 1 a`;
    expect(summarize(text)).toMatchInlineSnapshot(`
      "pass 1 timers/nanosleep
      pass 1 timers/posix_timers/a
      PROBLEM timers/posix_timers: subtests, but no result of its own
      PROBLEM timers/posix_timers: planned 2 tests, got 1 results: no result for test 2
      PROBLEM planned 3 tests, got 1 results: no result for test 2-3
      MISSING timers/posix_timers/#2
      MISSING timers/posix_timers
      MISSING #3"
    `);
  });

  test('reports at most a hundred problems', () => {
    const text = Array.from({ length: 500 }, () => 'ok 1 a').join('\n');
    expect(parse(`1..1\n${text}`).problems).toHaveLength(100);
  });

  test('large numbers cost nothing', () => {
    expect(parse('1..999999999\nok 1 a\nok 999999990 b').problems).toEqual([
      'planned 999999999 tests, got 2 results: no result for test 2-999999989 and 999999991-999999999',
    ]);
  });

  test('subtests that wait for the name of their test do not wait for ever', () => {
    const many = Array.from({ length: 10_500 }, (_, at) => `  ok ${at + 1} t\n`).join('');
    const tests: string[] = [];
    const parser = createKtapParser(({ path }) => tests.push(path.join('/')));
    for (const line of `KTAP version 1\n1..1\n  KTAP version 1\n${many}`.split('\n')) {
      parser.push(line);
    }
    expect(tests).toHaveLength(10_500);
    expect(tests[0]).toBe('#1/t');
  });
});

interface Node {
  name: string;
  status: KtapStatus;
  children: Node[];
}

const someName = fc.stringMatching(/^[a-z][a-z0-9_.]{0,8}( [a-z]{1,4})?$/);
const someStatus = fc.constantFrom<KtapStatus>('pass', 'fail', 'skip', 'xfail', 'xpass');

const someTree: fc.Arbitrary<Node[]> = fc.letrec<{ node: Node; nodes: Node[] }>((tie) => ({
  node: fc.record({
    name: someName,
    status: someStatus,
    children: fc.oneof({ maxDepth: 3, withCrossShrink: true }, fc.constant([]), tie('nodes')),
  }) as fc.Arbitrary<Node>,
  nodes: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
})).nodes;

function hasFailed({ status, children }: Node): boolean {
  return children.length === 0 ? status === 'fail' : children.some(hasFailed);
}

function formatResult(node: Node, at: number, dash: string): string {
  const { name, children } = node;
  const status = children.length > 0 ? (hasFailed(node) ? 'fail' : 'pass') : node.status;
  const directive = { pass: '', fail: '', skip: ' # SKIP', xfail: ' # XFAIL', xpass: ' # XPASS' };
  return `${status === 'fail' ? 'not ok' : 'ok'} ${at + 1} ${dash}${name}${directive[status]}`;
}

/** The text between a level and the one below it, and the begin and end of a level. */
interface Flavour {
  indent: string;
  dash: string;
  above: (name: string) => string[];
  begin: (count: number, name: string | undefined) => string[];
  end: (count: number) => string[];
}

const nothing = (): string[] => [];
const FLAVOURS: Record<string, Flavour> = {
  ktap: {
    indent: '  ',
    dash: '',
    above: nothing,
    begin: (count) => ['KTAP version 1', `1..${count}`],
    end: nothing,
  },
  kunit: {
    indent: '    ',
    dash: '',
    above: nothing,
    begin: (count, name) => [
      'KTAP version 1',
      ...(name === undefined ? [] : [`# Subtest: ${name}`, '# module: example']),
      `1..${count}`,
    ],
    end: nothing,
  },
  'kunit before Linux 6.3': {
    indent: '    ',
    dash: '- ',
    above: nothing,
    begin: (count, name) => [
      name === undefined ? 'TAP version 14' : `# Subtest: ${name}`,
      `1..${count}`,
    ],
    end: nothing,
  },
  'TAP 14': {
    indent: '    ',
    dash: '- ',
    above: (name) => [`# Subtest: ${name}`],
    begin: (_, name) => (name === undefined ? ['TAP version 14'] : []),
    end: (count) => [`1..${count}`],
  },
};

function formatLevel(flavour: Flavour, nodes: Node[], name?: string): string[] {
  const { indent, dash, above, begin, end } = flavour;
  const results = nodes.flatMap((node, at) => {
    const result = formatResult(node, at, dash);
    if (node.children.length === 0) return [result];
    const below = formatLevel(flavour, node.children, node.name);
    return [...above(node.name), ...below.map((line) => indent + line), result];
  });
  return [...begin(nodes.length, name), ...results, ...end(nodes.length)];
}

/** As kselftest's runner does it: programs, and whatever KTAP they print after `# `. */
function formatKselftest(nodes: Node[]): string[] {
  const programs = nodes.flatMap((node, at) => {
    const name = `selftests: net: ${node.name}`;
    const below = node.children.length === 0 ? [] : formatLevel(FLAVOURS.ktap!, node.children);
    const result = formatResult({ ...node, name }, at, '');
    return [`# ${name}`, ...below.map((line) => `# ${line}`), result];
  });
  return ['TAP version 13', `1..${nodes.length}`, ...programs];
}

function leavesOf(nodes: Node[], above: string[] = []): string[] {
  return nodes.flatMap(({ name, status, children }) => {
    const path = [...above, name];
    return children.length > 0 ? leavesOf(children, path) : [`${status} ${path.join('/')}`];
  });
}

function leavesIn(tests: KtapTest[]): string[] {
  return tests.map(({ status, path }) => `${status} ${path.join('/')}`);
}

const PRINTERS: [name: string, print: (nodes: Node[]) => string[], above: string[]][] = [
  ...Object.entries(FLAVOURS).map(([name, flavour]): (typeof PRINTERS)[number] => [
    name,
    (nodes) => formatLevel(flavour, nodes),
    [],
  ]),
  ['kselftest', formatKselftest, ['net']],
];

const NOISE = ['', 'usb 1-1: new device', '# a remark', 'ok then', '      | ok 1 x', '#'];

describe.each(PRINTERS)('any tests printed as %s', (_, print, above) => {
  test('are read as they were', () => {
    fc.assert(
      fc.property(someTree, (nodes) => {
        const { tests, problems, missing } = parse(print(nodes).join('\n'));
        expect(leavesIn(tests)).toEqual(leavesOf(nodes, above));
        expect({ problems, missing }).toEqual({ problems: [], missing: [] });
      }),
      { numRuns: 200 },
    );
  });

  test('are so with lines of the kernel and other programs in between', () => {
    const noise = fc.array(fc.constantFrom(...NOISE), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(someTree, noise, fc.nat(999), (nodes, other, second) => {
        const mixed = print(nodes).flatMap((line, at) => [line, other[at % other.length]!]);
        const text = mixed.map((line) => `[ ${second}.123456] ${line}\r`).join('\n');
        const { tests, problems } = parse(text);
        expect(leavesIn(tests)).toEqual(leavesOf(nodes, above));
        expect(problems).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('are not accepted as complete if they break off', () => {
    fc.assert(
      fc.property(someTree, fc.nat(), (nodes, at) => {
        const all = print(nodes);
        const part = all.slice(0, 1 + (at % (all.length - 1)));
        expect(parse(part.join('\n')).problems).not.toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

test('garbage never throws, and problems stay few', () => {
  const word = fc.constantFrom(
    'KTAP version 1',
    'TAP version 13',
    '1..2',
    '1..0 # SKIP x',
    'ok 1 a',
    'not ok 2 b # TODO',
    'ok',
    'Bail out! x',
    'Subtest: s',
    'selftests: d: p',
    'ok 1 selftests: d: p',
    'Totals: pass:1',
    'ok 0',
    'ok 99999999999',
    '---',
    '...',
    ' RUN  a ...',
    'x: ok 1 - y',
    '[ 1.2] ',
    '#',
    '\\#',
  );
  const margin = fc.constantFrom('', '', '  ', '    ', '\t', '# ', '# # ', '#   ', '    # ', ' ');
  const line = fc.oneof(
    fc.tuple(margin, margin, word).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (all) => {
      const { tests, problems, missing } = parse(all.join('\n'));
      for (const { path } of tests) expect(path.length).toBeGreaterThan(0);
      expect(tests.length).toBeLessThanOrEqual(all.length * 2);
      expect(Math.max(problems.length, missing.length)).toBeLessThanOrEqual(100);
    }),
    { numRuns: 500 },
  );
});

describe('what was running at the end of the output', () => {
  const begin = [
    'TAP version 13',
    '1..4',
    '# selftests: size: get_size',
    'ok 1 selftests: size: get_size',
  ];

  test('is the test that the runner of kselftest announced', () => {
    expect(parse([...begin, '# selftests: kcmp: kcmp_test'].join('\n')).unfinished).toEqual([
      ['kcmp', 'kcmp_test'],
    ]);
  });

  test('is the innermost known test', () => {
    const inner = [
      '# selftests: net: tls',
      '# TAP version 13',
      '# 1..2',
      '# #  RUN           global.a ...',
    ];
    expect(parse([...begin, ...inner].join('\n')).unfinished).toEqual([['net', 'tls', 'global.a']]);
  });

  test('is nothing if all that began has a result, or if only numbers are missing', () => {
    expect(parse(begin.join('\n')).unfinished).toEqual([]);
  });

  test('is not what a program that has ended left open', () => {
    const crashed = [
      'TAP version 13',
      '1..1',
      '# selftests: arm64: gcs',
      '# TAP version 13',
      '# 1..1',
    ];
    const ended = [
      ...crashed,
      '# #  RUN           global.a ...',
      'not ok 1 selftests: arm64: gcs # exit=139',
    ];
    expect(parse(ended.join('\n'))).toMatchObject({
      unfinished: [],
      missing: [['arm64', 'gcs', 'global.a']],
    });
  });
});
