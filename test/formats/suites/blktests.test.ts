import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBlktestsParser } from '../../../src/formats/suites/blktests.ts';
import type { SuiteTest } from '../../../src/formats/suites/suite.ts';

/** What `check` prints, and the result of parsing it. */
function read(text: string) {
  const started: string[] = [];
  const tests: SuiteTest[] = [];
  const parser = createBlktestsParser({
    onStart: (path) => started.push(path.join('/')),
    onTest: (one) => tests.push(one),
  });
  for (const line of text.split('\n')) parser.push(line);
  return { started, tests, ...parser.end() };
}

/** As printed: the name is padded with blanks to 60 characters. */
const line = (name: string, status?: string) =>
  name.padEnd(60) + (status === undefined ? '' : ` [${status}]`);

// A run of blktests in a VM with a Debian kernel, shortened.
const REAL = [
  line('block/001 (stress device hotplugging)'),
  line('block/001 (stress device hotplugging)', 'not run'),
  '    kernel 6.1.0-56-amd64 config not found',
  '    driver sr_mod is not available',
  line('block/005 => zram0 (switch schedulers while doing IO)'),
  line('block/005 => zram0 (switch schedulers while doing IO)', 'passed'),
  '    read iops    ...  52402',
  '    runtime      ...  11.683s',
  line('block/005 => loop0 (switch schedulers while doing IO)'),
  line('block/005 => loop0 (switch schedulers while doing IO)', 'passed'),
  '    read iops    ...  3313',
  '    runtime      ...  31.241s',
  line('block/021 (read/write nr_requests on null-blk with different schedulers)'),
  line('block/021 (read/write nr_requests on null-blk with different schedulers)', 'failed'),
  '    runtime    ...  0.074s',
  '    --- tests/block/021.out\t2026-11-23 03:45:05.000000000 +0000',
  '    +++ /rapido/results/blktests/nodev/block/021.out.bad\t2026-11-23 04:09:52.609765973 +0000',
  '    @@ -1,2 +1,2 @@',
  '     Running block/021',
  '    -Test complete',
  "    +mkdir: cannot create directory '/sys/kernel/config/nullb/nullb1': No such file or directory",
  line('throtl/***', 'not run'),
  '    cgroup2 is not mounted',
].join('\n');

test('each test on each device has a result, its time, and the reasons', () => {
  expect(read(REAL)).toMatchInlineSnapshot(`
    {
      "found": true,
      "problems": [],
      "started": [
        "block/001",
        "block/005/zram0",
        "block/005/loop0",
        "block/021",
      ],
      "tests": [
        {
          "message": "kernel 6.1.0-56-amd64 config not found",
          "path": [
            "block",
            "001",
          ],
          "status": "skip",
        },
        {
          "duration": 11683,
          "path": [
            "block",
            "005",
            "zram0",
          ],
          "status": "pass",
        },
        {
          "duration": 31241,
          "path": [
            "block",
            "005",
            "loop0",
          ],
          "status": "pass",
        },
        {
          "duration": 74,
          "message": "the output is not as expected",
          "output": "--- tests/block/021.out	2026-11-23 03:45:05.000000000 +0000
    +++ /rapido/results/blktests/nodev/block/021.out.bad	2026-11-23 04:09:52.609765973 +0000
    @@ -1,2 +1,2 @@
     Running block/021
    -Test complete
    +mkdir: cannot create directory '/sys/kernel/config/nullb/nullb1': No such file or directory",
          "path": [
            "block",
            "021",
          ],
          "status": "fail",
        },
        {
          "message": "cgroup2 is not mounted",
          "path": [
            "throtl",
            "***",
          ],
          "status": "skip",
        },
      ],
    }
  `);
});

test('a test begins before its result', () => {
  const { started, tests } = read(line('loop/002 (try various loop device block sizes)'));
  expect({ started, tests }).toEqual({ started: ['loop/002'], tests: [] });
});

test('a test under several conditions has a result for each', () => {
  const name = 'nvme/002 (tr=tcp bd=file) (create many subsystems and test discovery)';
  const { tests } = read(`${line(name)}\n${line(name, 'passed')}\n    runtime  ...  1.500s`);
  expect(tests).toEqual([
    { path: ['nvme', '002', 'tr=tcp bd=file'], status: 'pass', duration: 1500 },
  ]);
});

test('conditions may have any form: no two results share a name', () => {
  const text = readFileSync(join(import.meta.dirname, 'samples/blktests-zoned.txt'), 'utf8');
  const { tests, started } = read(text.replace(/^# source: .*\n/, ''));
  expect(tests.map(({ path, status }) => `${status} ${path.join('/')}`)).toEqual([
    'pass block/004',
    'fail block/004/zoned',
    'pass throtl/001/nullb',
    'fail throtl/001/sdebug',
  ]);
  expect(started).toEqual(tests.map(({ path }) => path.join('/')));
});

test('a condition of a test on a device', () => {
  const name = 'zbd/007 => nullb1 (zoned) (zone (re)mapping)';
  expect(read(`${line(name)}\n${line(name, 'passed')}`).tests).toMatchObject([
    { path: ['zbd', '007', 'nullb1', 'zoned'] },
  ]);
});

test('the time of the last run is not used for this one', () => {
  const name = 'loop/002 (sizes)';
  const text = [
    line(name),
    '    runtime  9.000s  ...',
    line(name, 'passed'),
    '    runtime  9.000s  ...  2.310s',
  ].join('\n');
  expect(read(text).tests).toEqual([{ path: ['loop', '002'], status: 'pass', duration: 2310 }]);
});

test('a test that exits with a status says so', () => {
  const name = 'loop/003 (mount)';
  const text = `${line(name)}\n${line(name, 'failed')}\n    runtime  ...  1.000s\n    exited with status 2`;
  expect(read(text).tests).toMatchObject([{ status: 'fail', message: 'exited with status 2' }]);
});

test('the text of a description changes nothing', () => {
  const name = 'block/030 (a (nested) one, a=b)';
  const { tests } = read(`${line(name)}\n${line(name, 'passed')}`);
  expect(tests).toEqual([{ path: ['block', '030'], status: 'pass' }]);
});

test.each(['', './check: no such test', 'block/001', 'see block/001 (that) [passed] above'])(
  'a line of another form is no result: %j',
  (text) => {
    expect(read(text)).toEqual({ started: [], tests: [], found: false, problems: [] });
  },
);
