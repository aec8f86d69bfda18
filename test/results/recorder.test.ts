import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openRunLogs, type RunLogs } from '../../src/results/log-file.ts';
import { createRecorder, type Recorder, type RecorderOptions } from '../../src/results/recorder.ts';
import { judgeRun } from '../../src/results/verdict.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

interface Recorded {
  recorder: Recorder;
  logs: RunLogs;
  read: (name: 'console' | 'stdout' | 'stderr') => string;
}

function record(changes: Partial<RecorderOptions> = {}): Recorded {
  const directory = makeTemporaryDirectory();
  const files = {
    console: join(directory, 'console.log'),
    stdout: join(directory, 'stdout.log'),
    stderr: join(directory, 'stderr.log'),
  };
  const { logs = openRunLogs(files), ...options } = changes;
  const recorder = createRecorder({
    logs,
    expected: [],
    survivesOops: false,
    format: undefined,
    requiresTests: false,
    ...options,
  });
  return { recorder, logs, read: (name) => readFileSync(files[name], 'latin1') };
}

test('console, stdout and stderr are on disk as they arrive, while the VM runs', () => {
  const { recorder, read } = record();
  recorder.onConsole(Buffer.from('[    1.000000] Linux\r\n[ 2'));
  recorder.onOutput('stdout', Buffer.from([0, 0xff, 0x0a]));
  recorder.onOutput('stderr', Buffer.from('no line end'));
  expect([read('console'), read('stdout'), read('stderr')]).toEqual([
    '[    1.000000] Linux\r\n[ 2',
    '\0\xff\n',
    'no line end',
  ]);
});

test('messages of rapido are on lines of their own in the console log, and are not judged', () => {
  const { recorder, read } = record();
  recorder.onConsole(Buffer.from('login: '));
  recorder.onEnding('BUG: kernel NULL pointer dereference');
  expect(read('console')).toBe(
    'login: \r\nrapido: BUG: kernel NULL pointer dereference; the VM is ended\r\n',
  );
  expect(recorder.finish().splats).toEqual([]);
});

test('tests and kernel reports have their start, also a test that a crash ends', () => {
  let now = 0;
  const { recorder } = record({ format: 'fstests', elapsed: () => now });
  const at = (time: number, work: () => void): void => {
    now = time;
    work();
  };
  at(1000, () => recorder.onEvent({ event: 'command-start' }));
  at(2000, () => recorder.onOutput('stdout', Buffer.from('xfs/001  ')));
  at(5000, () => recorder.onOutput('stdout', Buffer.from('3s\nxfs/002  ')));
  at(6000, () => recorder.onConsole(Buffer.from('[    6.000000] Kernel panic - not syncing: x\n')));
  now = 9000;
  const { tests, splats } = recorder.finish();
  expect(tests).toMatchObject([
    { name: 'xfs/001', status: 'pass', start: 2000 },
    { name: 'xfs/002', status: 'fail', start: 5000 },
  ]);
  expect(splats).toMatchObject([{ severity: 'fatal', start: 6000 }]);
});

test('a panic is known when its line is complete, whatever the pieces', () => {
  const { recorder } = record();
  const line = '[    3.141592] Kernel panic - not syncing: Fatal exception\r\n';
  const states = [...line].map((letter) => recorder.onConsole(Buffer.from(letter)));
  expect(states.indexOf('crashed')).toBe(line.length - 1);
  expect(recorder.onConsole(Buffer.from('more'))).toBe('crashed');
  expect(recorder.finish().splats).toMatchObject([{ severity: 'fatal' }]);
});

test('a kernel that runs another init is not lost until it panics', () => {
  const { recorder } = record();
  const say = (text: string) => recorder.onConsole(Buffer.from(`[    3.100000] ${text}\r\n`));
  expect(say('Run /init as init process')).toBe(undefined);
  expect(say('Failed to execute /init (error -8)')).toBe('stuck');
  expect(say('Run /bin/sh as init process')).toBe('stuck');
  const { recorder: other } = record();
  other.onConsole(Buffer.from('[    3.100000] Failed to execute /init (error -8)\r\n'));
  expect(
    other.onConsole(Buffer.from('[    5.100000] Kernel panic - not syncing: Fatal exception\r\n')),
  ).toBe('crashed');
});

test('a panic on a last line without a newline counts', () => {
  const { recorder } = record();
  recorder.onConsole(Buffer.from('[    3.100000] Kernel panic - not syncing: Fatal exception'));
  expect(recorder.finish().splats).toMatchObject([{ severity: 'fatal' }]);
});

test('tests are read from stdout only, also across pieces and multibyte characters', () => {
  const { recorder } = record({ format: 'ktap' });
  const stdout = Buffer.from('TAP version 13\n1..1\nnot ok 1 größe');
  for (const byte of stdout) recorder.onOutput('stdout', Buffer.from([byte]));
  recorder.onOutput('stderr', Buffer.from('ok 1 fake\n'));
  recorder.onConsole(Buffer.from('ok 1 fake\n'));
  expect(recorder.finish()).toMatchObject({
    tests: [{ name: 'größe', status: 'fail' }],
    testProblems: [],
  });
});

test('a line without end does not fill the memory, and hides nothing after it', () => {
  const { recorder } = record({ format: 'ktap' });
  const megabyte = Buffer.alloc(1 << 20, 'x');
  for (let count = 0; count < 8; count++) {
    recorder.onConsole(megabyte);
    recorder.onOutput('stdout', megabyte);
  }
  recorder.onConsole(Buffer.from('\n[    3.100000] Kernel panic - not syncing: x\n'));
  recorder.onOutput('stdout', Buffer.from('\nTAP version 13\n1..1\nok 1 a\n'));
  expect(recorder.finish()).toMatchObject({
    splats: [{ severity: 'fatal' }],
    tests: [{ name: 'a', status: 'pass' }],
  });
});

test('the report behind a line without end is complete, wherever that is cut', () => {
  for (const before of [63, 64, 65, 128].map((size) => size * 1024 - 30)) {
    for (const extra of [0, 7, 20, 45]) {
      const { recorder } = record();
      recorder.onConsole(Buffer.alloc(before + extra, 'x'));
      const report = '[   12.345678] INFO: task a:1 blocked for more than 120 seconds.\r\n';
      for (const letter of report) recorder.onConsole(Buffer.from(letter));
      expect(recorder.finish().splats).toMatchObject([
        { title: 'INFO: task hung', text: report.trimEnd() },
      ]);
    }
  }
});

test.each([
  '\x1b[0;3',
  '\x1b]0;title',
  '\x1bP1$',
  '\x1bO',
  '\x1b(',
  '\xe2\x82',
  '\xf0\x9f',
  '\x9b0;3',
  '\xc3',
])('a report behind %j, as bytes, counts', (prefix) => {
  const { recorder } = record();
  recorder.onConsole(Buffer.from(prefix, 'latin1'));
  recorder.onConsole(
    Buffer.from('[   12.345678] INFO: task a:1 blocked for more than 120 seconds.\r\n'),
  );
  expect(recorder.finish().splats).toMatchObject([{ kind: 'hung-task', count: 1 }]);
});

test('names a file that cannot be written, and judges the output nevertheless', () => {
  const gone = join(makeTemporaryDirectory(), 'gone', 'console.log');
  const directory = makeTemporaryDirectory();
  const { recorder, logs } = record({
    logs: openRunLogs({
      console: gone,
      stdout: join(directory, 'stdout.log'),
      stderr: join(directory, 'stderr.log'),
    }),
  });
  expect(recorder.onConsole(Buffer.from('[    1.000000] Kernel panic - not syncing: x\n'))).toBe(
    'crashed',
  );
  const { splats } = recorder.finish();
  expect(logs.unwritten).toEqual([expect.stringMatching(/^console\.log: /)]);
  expect(splats).toHaveLength(1);
});

test('a kernel that cannot power off, and whose init ends after the session, passes', () => {
  const { recorder } = record();
  const events = [
    { event: 'init', uptime: 1 },
    { event: 'command-start' },
    { event: 'command-end', status: 0 },
    { event: 'power-off', taint: 0, left: 0 },
  ] as const;
  for (const event of events) recorder.onEvent(event);
  const consoleTail =
    '[    9.100000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000\r\n';
  recorder.onConsole(Buffer.from(consoleTail));
  const { verdict } = judgeRun({
    record: {
      exit: { status: 0 },
      qemuSaid: '',
      shutdown: 'guest-reset',
      events,
      consoleTail,
      interruptedBy: undefined,
      timedOut: undefined,
      isOutputComplete: true,
      foreignLines: 0,
      times: { init: 1, autorunEnd: undefined, commandStart: 2, commandEnd: 3, end: 4 },
    },
    limits: { total: undefined, boot: undefined, silence: undefined },
    autorun: 0,
    hasCommand: true,
    unwritten: [],
    ...recorder.finish(),
  });
  expect(verdict).toBe('pass');
});

test('a test that xfstests has only named was running when the kernel crashed', () => {
  const { recorder } = record({ format: 'fstests', requiresTests: true });
  recorder.onEvent({ event: 'command-start' });
  recorder.onOutput('stdout', Buffer.from('generic/001        2s\ngeneric/0'));
  recorder.onOutput('stdout', Buffer.from('02        '));
  recorder.onConsole(Buffer.from('[    3.100000] Kernel panic - not syncing: Fatal exception\r\n'));
  const { tests, splats } = recorder.finish();
  expect(tests).toEqual([
    { name: 'generic/001', status: 'pass', duration: 2000 },
    { name: 'generic/002', status: 'fail', message: 'crashed: kernel panic: Fatal exception' },
  ]);
  expect(splats).toMatchObject([{ severity: 'fatal', during: 'generic/002' }]);
});

test.each([
  ['a limit', 'the time limit was reached (silence)'],
  ['Ctrl-C', 'got SIGINT'],
])('a test that was running at %s is interrupted, not failed', (_, why) => {
  const { recorder } = record({ format: 'fstests', requiresTests: true });
  recorder.onEvent({ event: 'command-start' });
  recorder.onOutput('stdout', Buffer.from('generic/001        2s\ngeneric/002        '));
  recorder.onEnding(why);
  expect(recorder.finish().tests).toEqual([
    { name: 'generic/001', status: 'pass', duration: 2000 },
    { name: 'generic/002', status: 'interrupted', message: `it was running: ${why}` },
  ]);
});

test('a test that was running when QEMU was killed is interrupted', () => {
  const { recorder } = record({ format: 'fstests', requiresTests: true });
  recorder.onOutput('stdout', Buffer.from('generic/002        '));
  expect(recorder.finish('the VM was lost: QEMU was killed by SIGKILL').tests).toEqual([
    {
      name: 'generic/002',
      status: 'interrupted',
      message: 'it was running: the VM was lost: QEMU was killed by SIGKILL',
    },
  ]);
});

test('a test that was running when a kernel crashed has failed, even if rapido ended the VM', () => {
  const { recorder } = record({ format: 'fstests', requiresTests: true });
  recorder.onOutput('stdout', Buffer.from('generic/002        '));
  recorder.onConsole(Buffer.from('[    3.100000] Kernel panic - not syncing: Fatal exception\r\n'));
  recorder.onEnding('the kernel crashed and did not end the VM');
  expect(recorder.finish().tests).toMatchObject([{ name: 'generic/002', status: 'fail' }]);
});

test('a test without a result has failed if its command ended by itself', () => {
  const { recorder } = record({ format: 'fstests', requiresTests: true });
  recorder.onOutput('stdout', Buffer.from('generic/002        '));
  expect(recorder.finish().tests).toMatchObject([{ name: 'generic/002', status: 'fail' }]);
});
