import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bisectStatus } from '../../src/results/bisect.ts';
import type { RunSplat, TestResult } from '../../src/results/run-result.ts';
import {
  type Blame,
  blameFor,
  judgeRun,
  nameOfScript,
  RUN_EXIT,
  type RunFacts,
} from '../../src/results/verdict.ts';
import { findContradiction } from '../../src/vm/event-order.ts';
import type { GuestEvent } from '../../src/vm/guest-events.ts';
import type { SessionRecord } from '../../src/vm/session.ts';
import { aSplat, tests } from './a-result.ts';

const INIT: GuestEvent = { event: 'init', uptime: 2 };
const START: GuestEvent = { event: 'autorun-start', script: '00-mkfs.sh' };
const END: GuestEvent = { event: 'autorun-end', script: '00-mkfs.sh', status: 0 };
const FAILED: GuestEvent = { event: 'autorun-end', script: '00-mkfs.sh', status: 3 };
const COMMAND: GuestEvent = { event: 'command-start' };
const DONE: GuestEvent = { event: 'command-end', status: 0 };
const POWER_OFF: GuestEvent = { event: 'power-off', taint: 0, left: 0 };
const TAINT_UNKNOWN: GuestEvent = { event: 'power-off', taint: undefined, left: 0 };
const NO_DIRECTORY: GuestEvent = { event: 'no-directory' };
const NO_LOG: GuestEvent = { event: 'no-log' };

const doneWith = (status: number): GuestEvent => ({ event: 'command-end', status });

const WHOLE = [INIT, START, END, COMMAND, DONE, POWER_OFF];

function makeRecord(changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    exit: { status: 0 },
    qemuSaid: '',
    shutdown: 'guest-shutdown',
    events: WHOLE,
    consoleTail: '[    0.000000] Linux version 6.18.0\r\n',
    interruptedBy: undefined,
    timedOut: undefined,
    isOutputComplete: true,
    foreignLines: 0,
    times: {
      init: 900,
      autorunEnd: 1000,
      commandStart: 1001,
      commandEnd: 2000,
      end: 2100,
    },
    ...changes,
  };
}

/** A run of one autorun script and a command in which all went well, with changes. */
function makeFacts(
  record: Partial<SessionRecord> = {},
  changes: Partial<Omit<RunFacts, 'record'>> = {},
): RunFacts {
  return {
    record: makeRecord(record),
    limits: { total: 600_000, boot: 60_000, silence: 1500 },
    autorun: 1,
    hasCommand: true,
    tests: [],
    testProblems: [],
    splats: [],
    unwritten: [],
    ...changes,
  };
}

const PANIC = '[    3.1] Kernel panic - not syncing: Fatal exception\r\n[    3.2] CPU: 0\r\n';
const KILLED_INIT =
  '[    9.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000\r\n';
const NOT_STARTED = {
  exit: { status: 1 },
  shutdown: undefined,
  events: [],
  consoleTail: '',
  qemuSaid: 'qemu-system-x86_64: warning: old\nqemu-system-x86_64: -nosuch: invalid option\n',
};

const OOPS = aSplat({ kind: 'oops', severity: 'fatal', title: 'NULL dereference in foo' });
const WARNING = aSplat({ kind: 'warning', title: 'WARNING in foo' });
const EXCUSED = aSplat({ ...WARNING, excused: 'fixed in 6.19' });
const SAID = aSplat({ ...OOPS, excused: 'the test writes it to the log' });
const NOTE = aSplat({ kind: 'user-fault', severity: 'note', title: 'segfault in a.out' });

const describeFacts = (facts: RunFacts): string => {
  const { verdict, status, reason } = judgeRun(facts);
  return `${verdict} ${status}: ${reason}`;
};

const table = (cases: Readonly<Record<string, RunFacts>>): string =>
  Object.entries(cases)
    .map(([name, facts]) => `${name}\n  ${describeFacts(facts)}`)
    .join('\n');

/** How a VM may end, each with nothing else wrong. */
const ENDINGS: Readonly<Record<string, Partial<SessionRecord>>> = {
  'it powers off in order': {},
  'the kernel panics': { shutdown: 'guest-reset', consoleTail: PANIC },
  'the kernel panics and has pvpanic': { shutdown: 'guest-panic', consoleTail: PANIC },
  'the kernel cannot power off, and ends with init': {
    shutdown: 'guest-reset',
    consoleTail: KILLED_INIT,
  },
  'it resets without a word': { shutdown: 'guest-reset' },
  'somebody quits QEMU': { shutdown: 'host-qmp-quit' },
  'somebody ends QEMU by a signal': { shutdown: 'host-signal' },
  'somebody kills QEMU': { exit: { signal: 'SIGKILL' }, shutdown: undefined },
  'QEMU crashes': { exit: { signal: 'SIGSEGV' }, shutdown: undefined },
  'QEMU fails': { exit: { status: 1 }, shutdown: undefined },
  'QEMU fails after it has powered off': {
    exit: { status: 1 },
    qemuSaid: 'qemu-system-x86_64: flushing disk: No space left\n',
  },
  'QEMU fails after a kernel without a power-off of its own has ended with init': {
    exit: { status: 1 },
    shutdown: 'guest-reset',
    consoleTail: KILLED_INIT,
  },
  'QEMU fails after it was told to quit': { exit: { status: 1 }, shutdown: 'host-qmp-quit' },
  'QEMU ends without saying why': { shutdown: undefined },
  'QEMU names a reason that rapido does not know': { shutdown: 'snapshot-load' },
  'rapido is interrupted': { interruptedBy: 'SIGINT', shutdown: 'host-qmp-quit' },
  'rapido is interrupted, and QEMU has to be killed': {
    interruptedBy: 'SIGTERM',
    exit: { signal: 'SIGKILL' },
    shutdown: undefined,
  },
  'it takes too long': { timedOut: 'total', shutdown: 'host-qmp-quit' },
  'it takes too long, and QEMU has to be killed': {
    timedOut: 'total',
    exit: { signal: 'SIGKILL' },
    shutdown: undefined,
  },
  'it takes too long, and panics when it is asked why': {
    timedOut: 'total',
    shutdown: 'guest-reset',
    consoleTail: PANIC,
  },
  'it takes too long, and powers off while it is asked why': { timedOut: 'total' },
  'it is silent': { timedOut: 'silence', shutdown: 'host-qmp-quit' },
  'it is silent, and rapido is interrupted while it asks why': {
    timedOut: 'silence',
    interruptedBy: 'SIGINT',
    shutdown: 'host-qmp-quit',
  },
};

test('a VM that ends during the command, without a message', () => {
  const events = [INIT, START, END, COMMAND];
  const cases = Object.entries(ENDINGS).map(([name, record]) => [
    name,
    makeFacts({ events, isOutputComplete: false, ...record }),
  ]);
  expect(table(Object.fromEntries(cases))).toMatchInlineSnapshot(`
    "it powers off in order
      crash 120: the VM powered off before the end of the command was reported
    the kernel panics
      crash 120: the kernel panicked during the command: Fatal exception
    the kernel panics and has pvpanic
      crash 120: the kernel panicked during the command: Fatal exception
    the kernel cannot power off, and ends with init
      crash 120: the kernel panicked during the command: Attempted to kill init! exitcode=0x00000000
    it resets without a word
      crash 120: the VM reset during the command: a triple fault, or a reboot that bypassed rapido
    somebody quits QEMU
      crash 120: QEMU was terminated during the command
    somebody ends QEMU by a signal
      crash 120: the VM was lost during the command: QEMU was terminated by a signal
    somebody kills QEMU
      crash 120: the VM was lost during the command: QEMU was killed by SIGKILL
    QEMU crashes
      crash 120: the VM was lost during the command: QEMU was killed by SIGSEGV
    QEMU fails
      crash 120: the VM was lost during the command: QEMU failed with status 1
    QEMU fails after it has powered off
      crash 120: the VM powered off before the end of the command was reported
    QEMU fails after a kernel without a power-off of its own has ended with init
      crash 120: the kernel panicked during the command: Attempted to kill init! exitcode=0x00000000
    QEMU fails after it was told to quit
      error 125: QEMU failed with status 1 after a quit command: no error message
    QEMU ends without saying why
      crash 120: the VM was lost during the command: QEMU exited without an error message
    QEMU names a reason that rapido does not know
      crash 120: the VM was lost during the command: QEMU ended: snapshot-load
    rapido is interrupted
      interrupted 130: interrupted by SIGINT during the command
    rapido is interrupted, and QEMU has to be killed
      interrupted 130: interrupted by SIGTERM during the command
    it takes too long
      timeout 124: the run exceeded the time limit of 600 s during the command
    it takes too long, and QEMU has to be killed
      timeout 124: the run exceeded the time limit of 600 s during the command
    it takes too long, and panics when it is asked why
      timeout 124: the run exceeded the time limit of 600 s during the command
    it takes too long, and powers off while it is asked why
      timeout 124: the run exceeded the time limit of 600 s during the command
    it is silent
      timeout 124: there was no output for 1.5 s during the command
    it is silent, and rapido is interrupted while it asks why
      interrupted 130: interrupted by SIGINT during the command"
  `);
});

test('a VM that ends after its session', () => {
  const cases = Object.entries(ENDINGS).map(([name, record]) => [name, makeFacts(record)]);
  expect(table(Object.fromEntries(cases))).toMatchInlineSnapshot(`
    "it powers off in order
      pass 0: the command succeeded
    the kernel panics
      crash 120: the kernel panicked after the end of the command: Fatal exception
    the kernel panics and has pvpanic
      crash 120: the kernel panicked after the end of the command: Fatal exception
    the kernel cannot power off, and ends with init
      pass 0: the command succeeded
    it resets without a word
      crash 120: the VM reset after the end of the command: a triple fault, or a reboot that bypassed rapido
    somebody quits QEMU
      crash 120: QEMU was terminated after the end of the command
    somebody ends QEMU by a signal
      crash 120: the VM was lost after the end of the command: QEMU was terminated by a signal
    somebody kills QEMU
      crash 120: the VM was lost after the end of the command: QEMU was killed by SIGKILL
    QEMU crashes
      crash 120: the VM was lost after the end of the command: QEMU was killed by SIGSEGV
    QEMU fails
      crash 120: the VM was lost after the end of the command: QEMU failed with status 1
    QEMU fails after it has powered off
      error 125: QEMU failed with status 1 after the VM had powered off: qemu-system-x86_64: flushing disk: No space left
    QEMU fails after a kernel without a power-off of its own has ended with init
      error 125: QEMU failed with status 1 after the VM had powered off: no error message
    QEMU fails after it was told to quit
      error 125: QEMU failed with status 1 after a quit command: no error message
    QEMU ends without saying why
      crash 120: the VM was lost after the end of the command: QEMU exited without an error message
    QEMU names a reason that rapido does not know
      crash 120: the VM was lost after the end of the command: QEMU ended: snapshot-load
    rapido is interrupted
      interrupted 130: interrupted by SIGINT after the end of the command
    rapido is interrupted, and QEMU has to be killed
      interrupted 130: interrupted by SIGTERM after the end of the command
    it takes too long
      timeout 124: the run exceeded the time limit of 600 s after the end of the command
    it takes too long, and QEMU has to be killed
      timeout 124: the run exceeded the time limit of 600 s after the end of the command
    it takes too long, and panics when it is asked why
      timeout 124: the run exceeded the time limit of 600 s after the end of the command
    it takes too long, and powers off while it is asked why
      timeout 124: the run exceeded the time limit of 600 s after the end of the command
    it is silent
      timeout 124: there was no output for 1.5 s after the end of the command
    it is silent, and rapido is interrupted while it asks why
      interrupted 130: interrupted by SIGINT after the end of the command"
  `);
});

test('a VM that ends after the kernel crashed on its console', () => {
  const cases = Object.entries(ENDINGS).map(([name, record]) => [
    name,
    makeFacts({ events: [INIT, START, END, COMMAND], ...record }, { splats: [WARNING, OOPS] }),
  ]);
  expect(table(Object.fromEntries(cases))).toMatchInlineSnapshot(`
    "it powers off in order
      crash 120: the VM powered off before the end of the command was reported
    the kernel panics
      crash 120: the kernel crashed during the command: NULL dereference in foo
    the kernel panics and has pvpanic
      crash 120: the kernel crashed during the command: NULL dereference in foo
    the kernel cannot power off, and ends with init
      crash 120: the kernel crashed during the command: NULL dereference in foo
    it resets without a word
      crash 120: the kernel crashed during the command: NULL dereference in foo
    somebody quits QEMU
      crash 120: the kernel crashed during the command: NULL dereference in foo
    somebody ends QEMU by a signal
      crash 120: the kernel crashed during the command: NULL dereference in foo
    somebody kills QEMU
      crash 120: the kernel crashed during the command: NULL dereference in foo
    QEMU crashes
      crash 120: the kernel crashed during the command: NULL dereference in foo
    QEMU fails
      crash 120: the kernel crashed during the command: NULL dereference in foo
    QEMU fails after it has powered off
      crash 120: the VM powered off before the end of the command was reported
    QEMU fails after a kernel without a power-off of its own has ended with init
      crash 120: the kernel crashed during the command: NULL dereference in foo
    QEMU fails after it was told to quit
      crash 120: the kernel crashed during the command: NULL dereference in foo
    QEMU ends without saying why
      crash 120: the kernel crashed during the command: NULL dereference in foo
    QEMU names a reason that rapido does not know
      crash 120: the kernel crashed during the command: NULL dereference in foo
    rapido is interrupted
      interrupted 130: interrupted by SIGINT during the command
    rapido is interrupted, and QEMU has to be killed
      interrupted 130: interrupted by SIGTERM during the command
    it takes too long
      crash 120: the kernel crashed during the command: NULL dereference in foo
    it takes too long, and QEMU has to be killed
      crash 120: the kernel crashed during the command: NULL dereference in foo
    it takes too long, and panics when it is asked why
      crash 120: the kernel crashed during the command: NULL dereference in foo
    it takes too long, and powers off while it is asked why
      timeout 124: the run exceeded the time limit of 600 s during the command
    it is silent
      crash 120: the kernel crashed during the command: NULL dereference in foo
    it is silent, and rapido is interrupted while it asks why
      interrupted 130: interrupted by SIGINT during the command"
  `);
});

test('a VM that does not reach its command', () => {
  const before = { total: 600_000, boot: 60_000, silence: undefined };
  expect(
    table({
      'QEMU does not start': makeFacts(NOT_STARTED),
      'QEMU does not start, for a reason that rapido does not know': makeFacts({
        ...NOT_STARTED,
        qemuSaid: 'qemu-system-x86_64: the moon is full\n',
      }),
      'QEMU does not start, and is silent': makeFacts({ ...NOT_STARTED, qemuSaid: '' }),
      'nothing is heard of init': makeFacts(
        { events: [], timedOut: 'boot', shutdown: 'host-qmp-quit' },
        { limits: before },
      ),
      'the kernel panics before init': makeFacts({
        events: [],
        shutdown: 'guest-reset',
        consoleTail: '[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n',
      }),
      'the kernel panics in init': makeFacts({
        events: [INIT],
        shutdown: 'guest-reset',
        consoleTail: PANIC,
      }),
      'the kernel panics in an autorun script': makeFacts({
        events: [INIT, START],
        shutdown: 'guest-reset',
        consoleTail: PANIC,
      }),
      'the kernel panics between autorun script and command': makeFacts({
        events: [INIT, START, END],
        shutdown: 'guest-reset',
        consoleTail: PANIC,
      }),
      'the kernel panics with no message': makeFacts({
        events: [INIT],
        shutdown: 'guest-reset',
        consoleTail: 'Kernel panic - not syncing:',
      }),
      'it powers off without a word of init': makeFacts({ events: [] }),
      'an autorun script fails': makeFacts({
        events: [INIT, START, FAILED, POWER_OFF],
        isOutputComplete: false,
      }),
      'an autorun script powers it off': makeFacts({ events: [INIT, START] }),
      'an autorun script hangs': makeFacts({
        events: [INIT, START],
        timedOut: 'silence',
        shutdown: 'host-qmp-quit',
      }),
      'the second of two autorun scripts powers it off': makeFacts(
        { events: [INIT, START, END, { event: 'autorun-start', script: '01-fsck.sh' }] },
        { autorun: 2 },
      ),
      'the directory of the cut is not there': makeFacts({
        events: [INIT, START, END, NO_DIRECTORY, POWER_OFF],
      }),
    }),
  ).toMatchInlineSnapshot(`
    "QEMU does not start
      error 125: QEMU did not start the VM: qemu-system-x86_64: -nosuch: invalid option (check QEMU_EXTRA_ARGS and the arguments after \`--\`)
    QEMU does not start, for a reason that rapido does not know
      error 125: QEMU did not start the VM: qemu-system-x86_64: the moon is full
    QEMU does not start, and is silent
      error 125: QEMU did not start the VM: no error message
    nothing is heard of init
      timeout 124: the guest's init did not start within 60 s
    the kernel panics before init
      crash 120: the kernel panicked before init: VFS: Unable to mount root fs
    the kernel panics in init
      crash 120: the kernel panicked during init: Fatal exception
    the kernel panics in an autorun script
      crash 120: the kernel panicked during autorun script mkfs.sh: Fatal exception
    the kernel panics between autorun script and command
      crash 120: the kernel panicked after autorun script mkfs.sh: Fatal exception
    the kernel panics with no message
      crash 120: the kernel panicked during init: no message
    it powers off without a word of init
      crash 120: the VM powered off before init: 0 of 1 autorun scripts reported their end
    an autorun script fails
      fail 1: autorun script mkfs.sh failed: exit status 3
    an autorun script powers it off
      crash 120: the VM powered off during autorun script mkfs.sh: 0 of 1 autorun scripts reported their end
    an autorun script hangs
      timeout 124: there was no output for 1.5 s during autorun script mkfs.sh
    the second of two autorun scripts powers it off
      crash 120: the VM powered off during autorun script fsck.sh: 1 of 2 autorun scripts reported their end
    the directory of the cut is not there
      error 125: the directory that the cut names is not in the image"
  `);
});

test('the command, in a VM that powers off in order', () => {
  const events = (last: GuestEvent): GuestEvent[] => [INIT, START, END, COMMAND, last, POWER_OFF];
  expect(
    table({
      'it succeeds': makeFacts(),
      'it fails': makeFacts({ events: events(doneWith(1)) }),
      'it exits as rapido itself does for a crash': makeFacts({ events: events(doneWith(120)) }),
      'it exits with 125': makeFacts({ events: events(doneWith(125)) }),
      'it cannot be executed': makeFacts({ events: events(doneWith(126)) }),
      'there is no such program': makeFacts({ events: events(doneWith(127)) }),
      'it ends with 128': makeFacts({ events: events(doneWith(128)) }),
      'it is killed by SIGKILL': makeFacts({ events: events(doneWith(137)) }),
      'it is killed by the last of the signals': makeFacts({ events: events(doneWith(192)) }),
      'it ends with 255': makeFacts({ events: events(doneWith(255)) }),
      'it powers the VM off': makeFacts({ events: [INIT, START, END, COMMAND] }),
      'it powers the VM off in order, and never ends': makeFacts({
        events: [INIT, START, END, COMMAND, POWER_OFF],
      }),
      'it leaves a process behind that powers the VM off': makeFacts({
        events: [INIT, START, END, COMMAND, DONE],
      }),
      'its output is not whole': makeFacts({ isOutputComplete: false }),
      'it fails, and its output is not whole': makeFacts({
        events: events(doneWith(2)),
        isOutputComplete: false,
      }),
      'a file of the run cannot be written': makeFacts(
        {},
        { unwritten: ['stdout.log: no space left on the device (write)', 'console.log: it, too'] },
      ),
      'lines on the control channel that are not the session’s': makeFacts({ foreignLines: 3 }),
    }),
  ).toMatchInlineSnapshot(`
    "it succeeds
      pass 0: the command succeeded
    it fails
      fail 1: the command exited with status 1
    it exits as rapido itself does for a crash
      fail 120: the command exited with status 120
    it exits with 125
      fail 125: the command exited with status 125
    it cannot be executed
      fail 126: the command exited with status 126 (cannot execute)
    there is no such program
      fail 127: the command exited with status 127 (command not found)
    it ends with 128
      fail 128: the command exited with status 128
    it is killed by SIGKILL
      fail 137: the command exited with status 137 (killed by SIGKILL)
    it is killed by the last of the signals
      fail 192: the command exited with status 192 (killed by signal 64)
    it ends with 255
      fail 255: the command exited with status 255
    it powers the VM off
      crash 120: the VM powered off before the end of the command was reported
    it powers the VM off in order, and never ends
      error 125: the session's messages contradict each other and may be forged: power-off after command-start
    it leaves a process behind that powers the VM off
      crash 120: the VM powered off by itself after the end of the command
    its output is not whole
      error 125: some of the command's output was lost
    it fails, and its output is not whole
      fail 2: the command exited with status 2
    a file of the run cannot be written
      error 125: results are incomplete: stdout.log: no space left on the device (write)
    lines on the control channel that are not the session’s
      pass 0: the command succeeded"
  `);
});

test('kernel reports while the command succeeded', () => {
  expect(
    table({
      nothing: makeFacts(),
      'a warning': makeFacts({}, { splats: [WARNING] }),
      'a warning and a KASAN report': makeFacts({}, { splats: [WARNING, aSplat()] }),
      'an excused warning': makeFacts({}, { splats: [EXCUSED] }),
      'an excused warning and another': makeFacts({}, { splats: [EXCUSED, aSplat()] }),
      'a note': makeFacts({}, { splats: [NOTE] }),
      'an oops that it survived': makeFacts({}, { splats: [OOPS] }),
      'an oops that a test only made it say': makeFacts({}, { splats: [SAID] }),
      'an oops that was expected, and ended it': makeFacts(
        { shutdown: 'guest-reset', consoleTail: PANIC },
        { splats: [SAID] },
      ),
      'a warning, and the command failed': makeFacts(
        { events: [INIT, START, END, COMMAND, doneWith(4), POWER_OFF] },
        { splats: [WARNING] },
      ),
      'a warning, and the output is not whole': makeFacts(
        { isOutputComplete: false },
        { splats: [WARNING] },
      ),
    }),
  ).toMatchInlineSnapshot(`
    "nothing
      pass 0: the command succeeded
    a warning
      splat 121: the kernel reported a problem: WARNING in foo
    a warning and a KASAN report
      splat 121: the kernel reported a problem: WARNING in foo and 1 more
    an excused warning
      pass 0: the command succeeded; 1 expected splat
    an excused warning and another
      splat 121: the kernel reported a problem: slab-use-after-free in foo_release
    a note
      pass 0: the command succeeded
    an oops that it survived
      splat 121: the kernel reported a problem: NULL dereference in foo
    an oops that a test only made it say
      pass 0: the command succeeded; 1 expected splat
    an oops that was expected, and ended it
      crash 120: the kernel panicked after the end of the command: Fatal exception
    a warning, and the command failed
      fail 4: the command exited with status 4
    a warning, and the output is not whole
      splat 121: the kernel reported a problem: WARNING in foo"
  `);
});

test('results of single tests in the output', () => {
  const withTests = (
    results: TestResult[],
    testProblems: string[] = [],
    record: Partial<SessionRecord> = {},
  ): RunFacts => makeFacts(record, { tests: results, testProblems });
  expect(
    table({
      'all pass': withTests(tests({ a: 'pass', b: 'pass' })),
      'some are skipped, or fail as expected': withTests(
        tests({ a: 'pass', b: 'skip', c: 'xfail' }),
      ),
      'one fails': withTests(tests({ a: 'pass', b: 'fail', c: 'skip' })),
      'two fail': withTests(tests({ a: 'fail', b: 'pass', c: 'fail' })),
      'one passes that may fail': withTests(tests({ a: 'pass', b: 'xpass' })),
      'one never reports': withTests(tests({ a: 'pass' }), ['planned 2 tests, 1 reported', 'x']),
      'one fails, and one never reports': withTests(tests({ a: 'fail' }), ['planned 2 tests']),
      'there is no test in it at all': withTests([], ['there is no KTAP in it']),
      'one fails, and so does the command': withTests(tests({ a: 'fail' }), [], {
        events: [INIT, START, END, COMMAND, doneWith(1), POWER_OFF],
      }),
    }),
  ).toMatchInlineSnapshot(`
    "all pass
      pass 0: 2 tests passed
    some are skipped, or fail as expected
      pass 0: 1 test passed, 2 skipped or expected to fail
    one fails
      fail 1: b failed
    two fail
      fail 1: 2 of 3 tests failed
    one passes that may fail
      pass 0: 1 test passed, 1 skipped or expected to fail
    one never reports
      fail 1: planned 2 tests, 1 reported
    one fails, and one never reports
      fail 1: a failed
    there is no test in it at all
      fail 1: there is no KTAP in it
    one fails, and so does the command
      fail 1: a failed"
  `);
});

test('a run without a command', () => {
  const alone = (changes: Partial<Omit<RunFacts, 'record'>>, events: GuestEvent[]): RunFacts =>
    makeFacts({ events, isOutputComplete: false }, { hasCommand: false, ...changes });
  expect(
    table({
      'no autorun script either': alone({ autorun: 0 }, [INIT, POWER_OFF]),
      'one autorun script': alone({}, [INIT, START, END, POWER_OFF]),
      three: alone({ autorun: 3 }, [INIT, START, END, START, END, START, END, POWER_OFF]),
      'three, of which two were heard': alone({ autorun: 3 }, [
        INIT,
        START,
        END,
        START,
        END,
        POWER_OFF,
      ]),
      'the second of three fails': alone({ autorun: 3 }, [
        INIT,
        START,
        END,
        START,
        { event: 'autorun-end', script: '01-fsck.sh', status: 8 } as const,
        START,
        END,
        POWER_OFF,
      ]),
      'powered off before the end': alone({}, [INIT, START, END]),
    }),
  ).toMatchInlineSnapshot(`
    "no autorun script either
      pass 0: the VM booted and powered off; there was nothing to run
    one autorun script
      pass 0: the autorun script succeeded
    three
      pass 0: all 3 autorun scripts succeeded
    three, of which two were heard
      crash 120: the VM powered off after the end of the command: 2 of 3 autorun scripts reported their end
    the second of three fails
      fail 1: autorun script fsck.sh failed: exit status 8
    powered off before the end
      crash 120: the VM powered off by itself after autorun script mkfs.sh"
  `);
});

describe('the cause of a failure', () => {
  const NO_KERNEL = {
    ...NOT_STARTED,
    qemuSaid: 'qemu-system-x86_64: Error loading uncompressed kernel without PVH ELF Note\n',
  };
  test.each<[string, Blame, Partial<SessionRecord>, RunSplat[]?]>([
    ['a kernel that crashed', 'guest', { shutdown: 'guest-reset', consoleTail: PANIC }],
    [
      'a QEMU that was killed on the host',
      'host',
      { exit: { signal: 'SIGKILL' }, shutdown: undefined },
    ],
    ['a QEMU that was told to quit', 'host', { shutdown: 'host-qmp-quit' }],
    ['the same after a crash', 'guest', { shutdown: 'host-qmp-quit' }, [OOPS]],
    ['a QEMU that did not start', 'setup', NOT_STARTED],
    ['a kernel that QEMU rejects', 'guest', NO_KERNEL],
    ['a cut whose directory does not exist', 'setup', { events: [INIT, NO_DIRECTORY, POWER_OFF] }],
    ['a host without room for the disks', 'setup', { wasHostFull: true }, [OOPS]],
  ])('%s: %s', (_, blame, record, splats = []) => {
    expect(blameFor(makeFacts(record, { splats }))).toBe(blame);
  });
});

test('a host without space for the disks is an error, whatever the guest did', () => {
  const full = { wasHostFull: true } as const;
  const cases = {
    'it passes': makeFacts(full),
    'it fails': makeFacts({ ...full, events: [INIT, START, END, COMMAND, doneWith(1), POWER_OFF] }),
    'it panics': makeFacts({ ...full, shutdown: 'guest-reset' }, { splats: [OOPS] }),
    'it is interrupted': makeFacts({ ...full, interruptedBy: 'SIGINT' }),
  };
  expect(table(cases)).toMatchInlineSnapshot(`
    "it passes
      error 125: no space left on the host for the VM's disks; guest writes failed
    it fails
      error 125: no space left on the host for the VM's disks; guest writes failed
    it panics
      error 125: no space left on the host for the VM's disks; guest writes failed
    it is interrupted
      interrupted 130: interrupted by SIGINT after the end of the command"
  `);
});

test('scripts are named without the number that orders them', () => {
  expect(['00-mkfs.sh', '12-3-4.sh', 'plain.sh', '7up'].map(nameOfScript)).toEqual([
    'mkfs.sh',
    '3-4.sh',
    'plain.sh',
    '7up',
  ]);
});

test('missing and contradicting information', () => {
  const ended = (...last: GuestEvent[]): RunFacts =>
    makeFacts({ events: [INIT, START, END, COMMAND, ...last] });
  expect(
    table({
      'the taint cannot be read': ended(DONE, TAINT_UNKNOWN),
      'the taint cannot be read, after a command that failed': ended(doneWith(3), TAINT_UNKNOWN),
      'the log cannot be read': ended(DONE, NO_LOG, POWER_OFF),
      'neither can, and the console has shown a warning': makeFacts(
        { events: [INIT, START, END, COMMAND, DONE, NO_LOG, TAINT_UNKNOWN] },
        { splats: [WARNING] },
      ),
      'two ends of the command': ended(DONE, doneWith(3), POWER_OFF),
      'two ends of the session': ended(DONE, POWER_OFF, POWER_OFF),
      'a command that begins twice': ended(COMMAND, DONE, POWER_OFF),
      'an end without a beginning': makeFacts({ events: [INIT, START, END, DONE, POWER_OFF] }),
    }),
  ).toMatchInlineSnapshot(`
    "the taint cannot be read
      error 125: cannot tell whether the kernel reported a problem: the guest could not read /proc/sys/kernel/tainted
    the taint cannot be read, after a command that failed
      fail 3: the command exited with status 3
    the log cannot be read
      error 125: cannot tell whether the kernel reported a problem: the console did not show the whole kernel log, and the guest could not supply the rest
    neither can, and the console has shown a warning
      splat 121: the kernel reported a problem: WARNING in foo
    two ends of the command
      error 125: the session's messages contradict each other and may be forged: command-end after command-end
    two ends of the session
      error 125: the session's messages contradict each other and may be forged: power-off after power-off
    a command that begins twice
      error 125: the session's messages contradict each other and may be forged: command-start after command-start
    an end without a beginning
      error 125: the session's messages contradict each other and may be forged: command-end after autorun-end"
  `);
});

test('a kernel that was to be searched for memory leaks', () => {
  const searched = (...scan: GuestEvent[]): RunFacts =>
    makeFacts(
      { events: [INIT, START, END, COMMAND, DONE, ...scan, POWER_OFF] },
      { scansLeaks: true },
    );
  expect(
    table({
      'it has none': searched({ event: 'leak-scan', scanned: true }),
      'it cannot be searched': searched({ event: 'leak-scan', scanned: false }),
      'it was not searched': searched(),
      'the VM is lost during the search': makeFacts(
        {
          events: [INIT, START, END, COMMAND, DONE, { event: 'leak-scan', scanned: true }],
          shutdown: 'guest-reset',
        },
        { scansLeaks: true },
      ),
    }),
  ).toMatchInlineSnapshot(`
    "it has none
      pass 0: the command succeeded
    it cannot be searched
      error 125: the kernel could not be searched for memory leaks (CONFIG_DEBUG_KMEMLEAK, DEBUG_FS)
    it was not searched
      error 125: the kernel could not be searched for memory leaks (CONFIG_DEBUG_KMEMLEAK, DEBUG_FS)
    the VM is lost during the search
      crash 120: the VM reset after the end of the command: a triple fault, or a reboot that bypassed rapido"
  `);
});

describe('over any run', () => {
  const status = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    fc.integer({ max: 255, min: 1 }),
  );
  const script = fc.constantFrom('00-a.sh', '01-b.sh');
  const event: fc.Arbitrary<GuestEvent> = fc.oneof(
    fc.constantFrom<GuestEvent>(
      INIT,
      COMMAND,
      POWER_OFF,
      NO_DIRECTORY,
      { event: 'prompt' },
      NO_LOG,
    ),
    fc.record({ event: fc.constant('autorun-start' as const), script }),
    fc.record({ event: fc.constant('autorun-end' as const), script, status }),
    fc.record({ event: fc.constant('command-end' as const), status }),
  );
  /** Events as a guest sends them, and anything else. */
  const events = fc.oneof(
    fc.constant<GuestEvent[]>(WHOLE),
    fc.subarray<GuestEvent>(WHOLE),
    fc.array(event, { maxLength: 8 }),
    status.map((ended): GuestEvent[] => [INIT, START, END, COMMAND, doneWith(ended), POWER_OFF]),
    fc.constantFrom<GuestEvent[]>(
      [INIT, START, END, COMMAND, DONE, NO_LOG, POWER_OFF],
      [INIT, START, END, COMMAND, DONE, TAINT_UNKNOWN],
      [INIT, START, END, COMMAND, DONE, DONE, POWER_OFF],
    ),
  );
  const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
    fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));
  const record: fc.Arbitrary<SessionRecord> = fc.record({
    exit: mostly<SessionRecord['exit']>({ status: 0 }, { status: 1 }, { signal: 'SIGKILL' }),
    qemuSaid: mostly('', 'qemu: invalid option'),
    shutdown: mostly<string | undefined>(
      'guest-shutdown',
      'guest-reset',
      'guest-panic',
      'host-qmp-quit',
      'host-signal',
      'other',
      undefined,
    ),
    events,
    consoleTail: mostly('', PANIC, KILLED_INIT),
    interruptedBy: mostly<SessionRecord['interruptedBy']>(undefined, 'SIGINT', 'SIGTERM', 'SIGHUP'),
    timedOut: mostly<SessionRecord['timedOut']>(undefined, 'total', 'boot', 'silence'),
    wasHostFull: mostly<boolean | undefined>(undefined, true),
    isOutputComplete: mostly(true, false),
    foreignLines: fc.nat(3),
    times: fc.constant(makeRecord().times),
  });
  const splat: fc.Arbitrary<RunSplat> = fc
    .record({
      severity: fc.constantFrom('note' as const, 'error' as const, 'fatal' as const),
      excused: fc.constantFrom(undefined, 'known'),
    })
    .map(aSplat);
  const testResult: fc.Arbitrary<TestResult> = fc.record({
    name: fc.constantFrom('a', 'b'),
    status: mostly<TestResult['status']>('pass', 'fail', 'skip', 'xfail', 'xpass', 'interrupted'),
  });
  const mostlyEmpty = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.oneof({ weight: 4, arbitrary: fc.constant<T[]>([]) }, fc.array(item, { maxLength: 3 }));
  const facts: fc.Arbitrary<RunFacts> = fc.record({
    record,
    limits: fc.constant({ total: 1000, boot: undefined, silence: 500 }),
    autorun: mostly(1, 0, 2),
    hasCommand: mostly(true, false),
    tests: mostlyEmpty(testResult),
    testProblems: mostlyEmpty(fc.constant('planned 2 tests')),
    splats: mostlyEmpty(splat),
    unwritten: mostlyEmpty(fc.constant('stdout.log: no space left on the device')),
  });

  /** All conditions of a pass, written independently of the code under test. */
  function whatIsMissing(all: RunFacts): string[] {
    const { record: seen } = all;
    const heard = <Name extends GuestEvent['event']>(name: Name) =>
      seen.events.filter((e): e is Extract<GuestEvent, { event: Name }> => e.event === name);
    const ended = seen.events.filter((e) => e.event === 'autorun-end');
    const commandEnd = seen.events.find((e) => e.event === 'command-end');
    const poweredOffByPanic =
      /^guest-(reset|panic)$/.test(seen.shutdown ?? '') && seen.consoleTail === KILLED_INIT;
    const conditions: Record<string, boolean> = {
      'QEMU ends by itself, and well': 'status' in seen.exit && seen.exit.status === 0,
      'the words of the session are in order': findContradiction(seen.events) === undefined,
      'the taint of the kernel is known': heard('power-off').every(({ taint }) => taint === 0),
      'the log of the kernel is known': heard('no-log').length === 0,
      'it powers off in order': seen.shutdown === 'guest-shutdown' || poweredOffByPanic,
      'nobody interrupts': seen.interruptedBy === undefined,
      'the host has room': seen.wasHostFull !== true,
      'no limit runs out': seen.timedOut === undefined,
      'power-off is heard last': seen.events.at(-1)?.event === 'power-off',
      'the directory is there': heard('no-directory').length === 0,
      'all autorun scripts end': ended.length === all.autorun,
      'with 0': ended.every((e) => e.status === 0),
      'the command ends with 0': !all.hasCommand || commandEnd?.status === 0,
      'its output is whole': !all.hasCommand || seen.isOutputComplete,
      'no test fails': all.tests.every((t) => t.status !== 'fail'),
      'every test ends': all.tests.every((t) => t.status !== 'interrupted'),
      'no test is missing': all.testProblems.length === 0,
      'something is tested': all.tests.length === 0 || all.tests.some((t) => t.status !== 'skip'),
      'every channel is there': heard('no-channel').length === 0,
      'no complaint': all.splats.every((s) => s.severity === 'note' || s.excused !== undefined),
      'all is written down': all.unwritten.length === 0,
    };
    return Object.entries(conditions)
      .filter(([, isMet]) => !isMet)
      .map(([name]) => name);
  }

  test('it passes if and only if every condition of a pass was seen', () => {
    let passes = 0;
    fc.assert(
      fc.property(facts, (all) => {
        const passed = judgeRun(all).verdict === 'pass';
        if (passed) passes++;
        expect({ passed, missing: whatIsMissing(all) }).toEqual(
          passed
            ? { passed, missing: [] }
            : { passed, missing: expect.arrayContaining([expect.any(String)]) },
        );
      }),
      { numRuns: 3000 },
    );
    expect(passes).toBeGreaterThan(20);
  });

  test('the status is 0 for a pass only, and the command’s own only if that failed', () => {
    fc.assert(
      fc.property(facts, (all) => {
        const { verdict, status: exit, reason } = judgeRun(all);
        const commandEnd = all.record.events.find((e) => e.event === 'command-end');
        expect(exit === 0).toBe(verdict === 'pass');
        expect(reason).toMatch(/^.+$/);
        if (verdict !== 'fail') expect(exit).toBe(RUN_EXIT[verdict]);
        else expect([RUN_EXIT.fail, commandEnd?.status]).toContain(exit);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a module of the image that the kernel rejected', () => {
  const REFUSED = aSplat({
    kind: 'module',
    severity: 'note',
    title: 'module xfs refused: unknown symbols',
  });
  const failing = { events: [INIT, START, FAILED, POWER_OFF] };
  const judge = (record: Partial<SessionRecord>, modules: string[]) => {
    const facts = makeFacts(record, { splats: [REFUSED], modules });
    const judgement = judgeRun(facts);
    return { ...judgement, bisect: bisectStatus(judgement, blameFor(facts)) };
  };

  test('is the cause of a failure: the run says nothing about the commit', () => {
    expect(judge(failing, ['xfs'])).toEqual({
      verdict: 'error',
      status: 125,
      reason:
        'module xfs refused: unknown symbols: the module belongs to another build; then autorun script mkfs.sh failed: exit status 3',
      bisect: 125,
    });
    const waits = { timedOut: 'boot', shutdown: 'host-qmp-quit', events: [] } as const;
    expect(judge(waits, ['xfs'])).toMatchObject({ verdict: 'error', bisect: 125 });
  });

  test('is not the cause if all went well, or the kernel crashed', () => {
    expect(judge({}, ['xfs'])).toMatchObject({ verdict: 'pass', bisect: 0 });
    const crash = { shutdown: 'guest-reset', consoleTail: PANIC, events: [INIT] };
    expect(judge(crash, ['xfs'])).toMatchObject({ verdict: 'crash', bisect: 1 });
  });

  test('is not the cause if a test loaded a module of its own', () => {
    expect(judge(failing, ['zram'])).toMatchObject({ verdict: 'fail', bisect: 1 });
  });
});
