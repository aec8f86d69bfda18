import { describe, expect, test } from 'vitest';
import {
  createFstestsParser,
  parseCheckTime,
  repeatsTests,
  summarizeLikeCheck,
  updateCheckTime,
} from '../../../src/formats/suites/fstests.ts';

const HEADINGS = [
  'FSTYP         -- xfs (non-debug)',
  'PLATFORM      -- Linux/x86_64 rapido1 6.1.0-56-amd64',
  'MKFS_OPTIONS  -- -f /dev/zram1',
  'MOUNT_OPTIONS -- /dev/zram1 /mnt/scratch',
  '',
];

/** Reads text as it arrives: complete lines, and a part of the last one. */
function read(text: string) {
  const said: string[] = [];
  const outputs: Record<string, string | undefined> = {};
  const parser = createFstestsParser({
    onStart: (path) => said.push(`start ${path.join('/')}`),
    onTest: ({ path, status, message, duration, output }) => {
      const details = [message, duration === undefined ? undefined : `${duration} ms`];
      said.push([`${status} ${path.join('/')}`, ...details.filter((each) => each)].join(': '));
      outputs[path.join('/')] = output;
    },
  });
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  for (const line of lines) parser.push(line);
  if (rest !== '') parser.partial?.(rest);
  return { said, outputs, parser, end: () => parser.end() };
}

const check = (...lines: string[]) => read([...HEADINGS, ...lines, ''].join('\n'));

const results = (said: readonly string[]) => said.filter((each) => !each.startsWith('start '));

describe('each test', () => {
  test('passes with the seconds that it took', () => {
    const { said, end } = check(
      'generic/001         3s',
      'generic/002  12s ...  14s',
      'xfs/1212       0s',
      'Ran: generic/001 generic/002 xfs/1212',
      'Passed all 3 tests',
      '',
    );
    expect(said).toMatchInlineSnapshot(`
      [
        "start generic/001",
        "pass generic/001: 3000 ms",
        "start generic/002",
        "pass generic/002: 14000 ms",
        "start xfs/1212",
        "pass xfs/1212: 0 ms",
      ]
    `);
    expect(end()).toEqual({ found: true, problems: [] });
  });

  test('fails with the first words and all that follows, up to the next one', () => {
    const { said, outputs, end } = check(
      'generic/002       - output mismatch (see /rapido/results/generic/002.out.bad)',
      '    --- tests/generic/002.out\t2025-12-24',
      '    -right',
      '    +wrong',
      '    ...',
      'generic/003 2s ... [failed, exit status 1]- output mismatch (see /r/generic/003.out.bad)',
      '    @@ -1,2 +1,2 @@',
      'generic/004 1s ... _check_dmesg: something found in dmesg (see /r/generic/004.dmesg)',
      '',
      'Ran: generic/002 generic/003 generic/004',
      'Failures: generic/002 generic/003 generic/004',
      'Failed 3 of 3 tests',
    );
    expect(results(said)).toMatchInlineSnapshot(`
      [
        "fail generic/002: output mismatch (see /rapido/results/generic/002.out.bad)",
        "fail generic/003: [failed, exit status 1] output mismatch (see /r/generic/003.out.bad)",
        "fail generic/004: _check_dmesg: something found in dmesg (see /r/generic/004.dmesg)",
      ]
    `);
    expect(outputs['generic/002']).toBe(
      '    --- tests/generic/002.out\t2025-12-24\n    -right\n    +wrong\n    ...',
    );
    expect(end().problems).toEqual([]);
  });

  test('is skipped with the reason why it was not run, or as expunged', () => {
    const { said, end } = check(
      'generic/003       [not run] xfs_io fiexchange failed (old kernel/wrong fs?)',
      'generic/004        [expunged]',
      'Ran: generic/003',
      'Not run: generic/003',
      'Passed all 1 tests',
    );
    expect(results(said)).toMatchInlineSnapshot(`
      [
        "skip generic/003: xfs_io fiexchange failed (old kernel/wrong fs?)",
        "skip generic/004: expunged",
      ]
    `);
    expect(end().problems).toEqual([]);
  });

  test('has the section of the configuration before its name', () => {
    const section = (name: string) => [
      `SECTION       -- ${name}`,
      ...HEADINGS,
      'generic/001        1s',
      'Ran: generic/001',
      'Passed all 1 tests',
      '',
    ];
    const repeated = ['SECTION       -- crc', '=========================', 'Ran: generic/001'];
    const lines = [...section('crc'), ...section('reflink'), ...repeated, 'Passed all 1 tests', ''];
    const { said, end } = read(lines.join('\n'));
    expect(results(said)).toEqual([
      'pass crc/generic/001: 1000 ms',
      'pass reflink/generic/001: 1000 ms',
    ]);
    expect(end().problems).toEqual([]);
  });

  test('that runs again has a number: -i, -L', () => {
    const { said, end } = check(
      'generic/001        - output mismatch (see x)',
      'generic/001        1s',
      'generic/001 aggregate results across 2 runs: pass=1 (50.0%), fail=1 (50.0%)',
      'Ran: generic/001',
      'Failures: generic/001',
      'Failed 1 of 1 tests',
    );
    expect(results(said)).toEqual([
      'fail generic/001: output mismatch (see x)',
      'pass generic/001 #2: 1000 ms',
    ]);
    expect(end().problems).toEqual([]);
  });

  test('is read with times of day, too: -T', () => {
    const { said } = check(
      'generic/001 2s ...  [03:44:03] [03:44:05] 2s',
      'generic/002        [03:44:05] [03:44:06] [not run]',
      '\tgeneric/002 -- no such device',
      'Ran: generic/001 generic/002',
      'Not run: generic/002',
      'Passed all 2 tests',
    );
    expect(results(said)).toEqual([
      'pass generic/001: 2000 ms',
      'skip generic/002: no such device',
    ]);
  });

  test('is read with its output between its name and its result, too: -d', () => {
    const { said } = check(
      'generic/001 2s ... QA output created by 001',
      'all is well',
      ' 5s',
      'Ran: generic/001',
      'Passed all 1 tests',
    );
    expect(results(said)).toEqual(['pass generic/001: 5000 ms']);
  });

  test('that is only listed is not run: -n', () => {
    const { said, end } = check('generic/001', 'Not run: generic/001', 'Passed all 0 tests');
    expect(results(said)).toEqual(['skip generic/001: not run']);
    expect(end().problems).toEqual([]);
  });
});

describe('a running test', () => {
  test('is known when its name is complete, before its line ends', () => {
    const { said, parser } = read([...HEADINGS, 'generic/001        '].join('\n'));
    expect(said).toEqual(['start generic/001']);
    parser.partial?.('generic/001        ');
    parser.push('generic/001        3s');
    expect(said).toEqual(['start generic/001', 'pass generic/001: 3000 ms']);
  });

  test('is not confused with another while its name arrives', () => {
    expect(read('generic/100').said).toEqual([]);
    expect(read('Ran: generic/001 ').said).toEqual([]);
  });

  test('has no result if the output ends there, and the output is incomplete', () => {
    const { said, parser } = check('generic/001        1s');
    parser.push('generic/002  7s ... ');
    expect(parser.end()).toEqual({
      found: true,
      problems: ['check ended without a summary'],
    });
    expect(said.slice(-1)).toEqual(['start generic/002']);
  });
});

describe("check's own summary", () => {
  test('with a failure that no line reports is a problem', () => {
    const { end } = check(
      'generic/001        1s',
      'Ran: generic/001',
      'Failures: generic/001',
      'Failed 1 of 1 tests',
    );
    expect(end().problems).toEqual(['check lists generic/001 as failed, but its line does not']);
  });

  test('with more or fewer tests than lines is a problem', () => {
    const { end } = check(
      'generic/001        1s',
      'Ran: generic/001 generic/002',
      'Passed all 2 tests',
    );
    expect(end().problems).toEqual([
      'no result for generic/002',
      'check ran 2 tests, but printed results for 1',
    ]);
  });

  test('that is empty is a problem: a wrong name does not pass', () => {
    const { end } = read(
      ['generic/9999 - unknown test, ignored', ...HEADINGS, 'Passed all 0 tests', ''].join('\n'),
    );
    expect(end().problems).toEqual(['no such test: generic/9999', 'check ran no tests']);
  });

  test('on the line of an interrupted test leaves it without a result', () => {
    const { said, end } = check(
      'generic/001        1s',
      'generic/002  7s ... Ran: generic/001 generic/002',
      'Interrupted!',
      'Passed all 2 tests',
    );
    expect(said.slice(-1)).toEqual(['start generic/002']);
    expect(end().problems).toEqual(['check was interrupted']);
  });

  test('after an interruption is a problem', () => {
    const { end } = check(
      'generic/001        1s',
      'Ran: generic/001',
      'Interrupted!',
      'Passed all 1 tests',
    );
    expect(end().problems).toEqual(['check was interrupted']);
  });
});

test('output of another program is not found', () => {
  expect(read('hello\nworld\n').end()).toEqual({ found: false, problems: [] });
});

describe('check.time', () => {
  test('gets the times of tests, and keeps the others', () => {
    const text = 'generic/001 4\nxfs/002 70\n';
    expect(
      updateCheckTime(text, [
        { name: 'generic/001', status: 'pass', duration: 6000 },
        { name: 'generic/009', status: 'pass', duration: 400 },
        { name: 'generic/010', status: 'skip' },
        { name: 'generic/011', status: 'fail', duration: 9000 },
      ]),
    ).toBe('generic/001 6\nxfs/002 70\ngeneric/009 0\n');
  });

  test('is read by name; lines without a time are ignored', () => {
    expect([...parseCheckTime('generic/001 4\n\nwhat is this\n')]).toEqual([['generic/001', 4]]);
  });
});

test('notes the tests of an interrupted check as check would', () => {
  const passed = { name: 'generic/001', status: 'pass' } as const;
  expect(summarizeLikeCheck([passed])).toEqual(['Ran: generic/001', 'Passed all 1 tests']);
  expect(
    summarizeLikeCheck([
      passed,
      { name: 'generic/002', status: 'skip' },
      { name: 'generic/003', status: 'fail' },
      { name: 'generic/004', status: 'interrupted' },
    ]),
  ).toEqual([
    'Ran: generic/001 generic/002 generic/003 generic/004',
    'Not run: generic/002',
    'Interrupted: generic/004',
    'Failures: generic/003',
    'Failed 1 of 4 tests',
  ]);
  const interrupted = { name: 'generic/004', status: 'interrupted' } as const;
  expect(summarizeLikeCheck([passed, interrupted]).at(-1)).toBe('Interrupted: generic/004');
});

test.each([
  [['-g', 'quick'], false],
  [['-i', '3', '-g', 'quick'], true],
  [['fstests-check', '-L', '2', 'generic/001'], true],
])('%j runs tests more than once: %j', (words, expected) => {
  expect(repeatsTests(words)).toBe(expected);
});
