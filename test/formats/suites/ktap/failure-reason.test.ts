import { expect, test } from 'vitest';
import { failureReason } from '../../../../src/formats/suites/ktap/failure-reason.ts';

test.each([
  [
    'what kunit expected',
    [
      '    # example_simple_test: EXPECTATION FAILED at lib/kunit/kunit-example-test.c:29',
      '    Expected 1 + 1 == 3, but',
      '        1 + 1 == 2 (0x2)',
      '    # example_simple_test: a remark',
    ],
    'lib/kunit/kunit-example-test.c:29: Expected 1 + 1 == 3, but 1 + 1 == 2 (0x2)',
  ],
  [
    'the first expectation of several',
    [
      '# a: ASSERTION FAILED at lib/a.c:1',
      'Expected x is not null',
      '',
      '# a: EXPECTATION FAILED at lib/a.c:2',
    ],
    'lib/a.c:1: Expected x is not null',
  ],
  [
    'what the harness of kselftest expected',
    [
      '#  RUN           global.close_range ...',
      '# close_range_test.c:42:close_range:Expected -1 (-1) == ret (0)',
      '# close_range: Test terminated by assertion',
      '#          FAIL  global.close_range',
    ],
    'close_range_test.c:42: Expected -1 (-1) == ret (0)',
  ],
  [
    'a limit of the harness',
    [
      '#  RUN           global.wait ...',
      '# wait: Test terminated by timeout',
      '#          FAIL  global.wait',
    ],
    'wait: Test terminated by timeout',
  ],
  [
    'the last line that mentions a failure',
    ['mounting /mnt', 'mount: /mnt: permission denied.', 'cleaning up', '====='],
    'mount: /mnt: permission denied.',
  ],
  ['the last line if none does', ['# # 3 of 5 are there', ''], '3 of 5 are there'],
  ['nothing', ['', '#', '-----'], undefined],
  [
    'nothing if there are only lines that every test has',
    ['# Starting 3 tests from 1 test cases.', '#  RUN           a.b ...', '#          FAIL  a.b'],
    undefined,
  ],
])('%s', (_, lines, reason) => {
  expect(failureReason(lines.join('\n'))).toBe(reason);
});

test('a reason without end is truncated', () => {
  expect(failureReason(`error: ${'x'.repeat(9999)}`)).toHaveLength(240);
});
