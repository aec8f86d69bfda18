import { describe, expect, test } from 'vitest';
import { createLtpParser } from '../../../src/formats/suites/ltp.ts';
import type { SuiteTest } from '../../../src/formats/suites/suite.ts';

function read(text: string) {
  const started: string[] = [];
  const tests: SuiteTest[] = [];
  const parser = createLtpParser({
    onStart: (path) => started.push(path.join('/')),
    onTest: (one) => tests.push(one),
  });
  for (const line of text.split('\n')) parser.push(line);
  return { started, tests, ...parser.end() };
}

/** A test as ltp-pan prints it. */
const told = (tag: string, output: string, id: number, type = 'exited') => `<<<test_start>>>
tag=${tag} stime=1795407142
cmdline="${tag} -x "two words""
contacts=""
analysis=exit
<<<test_output>>>
${output}
<<<execution_status>>>
initiation_status="ok"
duration=1 termination_type=${type} termination_id=${id} corefile=no
<<<test_end>>>`;

/** Output and exit status of one test to its result. */
const judge = (output: string, id: number, type?: string) => {
  const { status, message } = read(told('a', output, id, type)).tests[0]!;
  return message === undefined ? status : `${status}: ${message}`;
};

test('real output: a pass in the old form, a missing device, a signal', () => {
  const real = [
    told(
      'abs01',
      'abs01       1  TPASS  :  Test passed\nabs01       2  TPASS  :  Test passed\n',
      0,
    ),
    told(
      'fanotify01',
      'tst_device.c:154: TINFO: No free devices found\ntst_device.c:450: TBROK: Failed to acquire device\n\nSummary:\npassed   0\nbroken   1\n',
      2,
    ),
    told('abs01', 'Segmentation fault', 11, 'signaled'),
  ].join('\n');
  expect(read(real)).toMatchInlineSnapshot(`
    {
      "found": true,
      "problems": [],
      "started": [
        "abs01",
        "fanotify01",
        "abs01#2",
      ],
      "tests": [
        {
          "duration": 1000,
          "path": [
            "abs01",
          ],
          "status": "pass",
        },
        {
          "duration": 1000,
          "message": "TBROK: Failed to acquire device",
          "output": "tst_device.c:154: TINFO: No free devices found
    tst_device.c:450: TBROK: Failed to acquire device

    Summary:
    passed   0
    broken   1",
          "path": [
            "fanotify01",
          ],
          "status": "fail",
        },
        {
          "duration": 1000,
          "message": "killed by signal 11",
          "output": "Segmentation fault",
          "path": [
            "abs01#2",
          ],
          "status": "fail",
        },
      ],
    }
  `);
});

describe('a test', () => {
  test.each([
    ['passes with TPASS', 'getpid01.c:33: TPASS: getpid() returns 1', 0, 'pass'],
    ['passes with exit status 0 and no result', '', 0, 'pass'],
    [
      'fails with its own words',
      'a.c:3: TFAIL: open: ENOENT (2)',
      1,
      'fail: TFAIL: open: ENOENT (2)',
    ],
    ['fails with TFAIL, although it exits with 0', 'a.c:3: TFAIL: no', 0, 'fail: TFAIL: no'],
    ['fails that is broken', 'a.c:3: TPASS: x\na.c:4: TBROK: y', 2, 'fail: TBROK: y'],
    ['fails with TWARN', 'a.c:4: TWARN: cleanup', 4, 'fail: TWARN: cleanup'],
    ['is skipped with TCONF', 'a.c:9: TCONF: no /dev/x', 32, 'skip: TCONF: no /dev/x'],
    ['passes that leaves out a part', 'a.c:9: TCONF: no acl\na.c:10: TPASS: x', 0, 'pass'],
    ['fails with TFAIL and TCONF', 'a.c:9: TCONF: x\na.c:1: TFAIL: y', 33, 'fail: TFAIL: y'],
    ['fails with exit status 1 and no result', '', 1, 'fail: TFAIL (exit status 1)'],
    [
      'fails if it does not exist',
      'bash: line 1: x: command not found',
      127,
      'fail: exit status 127',
    ],
    [
      'is read without colours',
      '\x1b[1;34ma.c:4: \x1b[0m\x1b[1;31mTFAIL: \x1b[0mred',
      1,
      'fail: TFAIL: red',
    ],
  ])('%s', (_, output, id, result) => {
    expect(judge(output, id)).toBe(result);
  });

  test('fails if a signal killed it, whatever it printed before', () => {
    expect(judge('a.c:3: TPASS: x', 11, 'signaled')).toBe('fail: killed by signal 11');
  });

  test('has its end mark behind a line without a newline', () => {
    const text = told('a', 'a.c:3: TFAIL: half', 1).replace('half\n', 'half');
    expect(read(text).tests).toMatchObject([{ status: 'fail', message: 'TFAIL: half' }]);
  });

  test('that began and has no end is only begun', () => {
    const text = told('a', 'x', 0).split('<<<execution_status')[0]!;
    expect(read(text)).toMatchObject({ started: ['a'], tests: [], found: true });
  });

  test('that appears twice gets a number', () => {
    const text = `${told('a', '', 0)}\n${told('a', '', 1)}`;
    expect(read(text).tests.map(({ path }) => path)).toEqual([['a'], ['a#2']]);
  });
});

test('LTP output without the marks is no result', () => {
  expect(read('getpid01.c:33: TPASS: getpid() returns 1')).toMatchObject({
    found: false,
    tests: [],
  });
});
