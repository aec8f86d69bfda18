import { describe, expect, test } from 'vitest';
import { judgeEnding, type VmRecord } from '../../src/vm/ending.ts';
import type { GuestEvent } from '../../src/vm/guest-events.ts';
import { judgeBoot } from '../../src/vm/judge-boot.ts';

const INIT: GuestEvent = { event: 'init', uptime: 2 };
const START: GuestEvent = { event: 'autorun-start', script: 'a.sh' };
const END: GuestEvent = { event: 'autorun-end', script: 'a.sh', status: 0 };
const FAILED: GuestEvent = { event: 'autorun-end', script: 'a.sh', status: 3 };
const PROMPT: GuestEvent = { event: 'prompt' };
const POWER_OFF: GuestEvent = { event: 'power-off', taint: 0, left: 0 };

/** An unattended VM that succeeded, with changes. */
function makeRecord(changes: Partial<VmRecord> = {}): VmRecord {
  return {
    exit: { status: 0 },
    qemuSaid: '',
    shutdown: 'guest-shutdown',
    events: [INIT, START, END, POWER_OFF],
    consoleTail: '[    0.000000] Linux version 6.10.0\r\n',
    interruptedBy: undefined,
    ...changes,
  };
}

const PANIC = '[    3.1] Kernel panic - not syncing: Fatal exception\r\n[    3.2] CPU: 0\r\n';
const KILLED_INIT =
  '[    9.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000\r\n';

/** How an unattended VM ended; an interactive one has the same result unless listed below. */
const ENDINGS: Record<string, Partial<VmRecord>> = {
  'it powers off at the end of its session': {},
  'an autorun script fails': { events: [INIT, START, FAILED, POWER_OFF] },
  'an autorun script powers it off': { events: [INIT, START] },
  'it powers off before its session ends': { events: [INIT, START, END] },
  'it powers off without a word of init': { events: [] },
  'the kernel panics': { shutdown: 'guest-reset', consoleTail: PANIC },
  'the kernel panics and has pvpanic': { shutdown: 'guest-panic', consoleTail: PANIC },
  'the kernel panics without a message': {
    shutdown: 'guest-reset',
    consoleTail: 'Kernel panic - not syncing:',
  },
  'init dies': { shutdown: 'guest-reset', consoleTail: KILLED_INIT, events: [INIT] },
  'init ends in order if the kernel cannot power off': {
    shutdown: 'guest-reset',
    consoleTail: KILLED_INIT,
  },
  'it resets without a panic': { shutdown: 'guest-reset' },
  'somebody quits QEMU': { shutdown: 'host-qmp-quit' },
  'somebody closes its window': { shutdown: 'host-ui' },
  'rapido is interrupted': { interruptedBy: 'SIGINT', shutdown: 'host-signal' },
  'rapido is interrupted twice': { interruptedBy: 'SIGINT', exit: { signal: 'SIGKILL' } },
  'somebody ends QEMU': { shutdown: 'host-signal' },
  'somebody kills QEMU': { exit: { signal: 'SIGKILL' }, shutdown: undefined },
  'QEMU crashes': { exit: { signal: 'SIGSEGV' }, shutdown: undefined },
  'QEMU does not start': {
    exit: { status: 1 },
    shutdown: undefined,
    events: [],
    consoleTail: '',
    qemuSaid: 'qemu-system-x86_64: -nosuch: invalid option\n',
  },
  'QEMU does not start, for a reason that rapido does not know': {
    exit: { status: 1 },
    shutdown: undefined,
    events: [],
    consoleTail: '',
    qemuSaid: 'qemu-system-x86_64: the moon is full\n',
  },
  'QEMU fails after the VM has powered off': {
    exit: { status: 1 },
    qemuSaid: 'qemu-system-x86_64: cannot flush a.img\n',
  },
  'it powers off, and the taint cannot be read': {
    events: [INIT, START, END, { event: 'power-off', taint: undefined, left: 0 }],
  },
  'QEMU fails after the guest has said something': { exit: { status: 1 }, shutdown: undefined },
  'QEMU ends without saying why': { shutdown: undefined },
  'QEMU names a reason that rapido does not know': { shutdown: 'snapshot-load' },
};

function describeOutcome(record: VmRecord, interactive: boolean, oops?: string): string {
  const { kind } = judgeEnding(record);
  const { status, lines } = judgeBoot(record, { interactive, autorun: 1, oops });
  return [`${kind}, status ${status}`, ...lines.map((line) => `    ${line}`)].join('\n  ');
}

test('the message and the exit status for each ending', () => {
  const table = Object.entries(ENDINGS).map(
    ([name, changes]) => `${name}\n  ${describeOutcome(makeRecord(changes), false)}`,
  );
  expect(table.join('\n')).toMatchInlineSnapshot(`
    "it powers off at the end of its session
      powered-off, status 0
          the autorun script succeeded
    an autorun script fails
      powered-off, status 1
          autorun script a.sh failed: exit status 3
    an autorun script powers it off
      powered-off, status 1
          autorun script a.sh powered off the VM itself; rapido cannot tell whether it succeeded
    it powers off before its session ends
      powered-off, status 1
          the VM powered off before its session ended
    it powers off without a word of init
      powered-off, status 1
          the guest's init sent no message
    the kernel panics
      panicked, status 1
          the kernel panicked: Fatal exception
    the kernel panics and has pvpanic
      panicked, status 1
          the kernel panicked: Fatal exception
    the kernel panics without a message
      panicked, status 1
          the kernel panicked: no message
    init dies
      panicked, status 1
          the kernel panicked: Attempted to kill init! exitcode=0x00000000
    init ends in order if the kernel cannot power off
      powered-off, status 0
          the autorun script succeeded
    it resets without a panic
      reset, status 1
          the VM reset without shutting down: a triple fault, or a reboot that bypassed rapido
    somebody quits QEMU
      quit, status 1
          QEMU quit before the VM powered off
    somebody closes its window
      quit, status 1
          QEMU quit before the VM powered off
    rapido is interrupted
      interrupted, status 130
          interrupted by SIGINT; the VM was ended
    rapido is interrupted twice
      interrupted, status 130
          interrupted by SIGINT; the VM was ended
    somebody ends QEMU
      lost, status 1
          the VM was lost: QEMU was terminated by a signal
    somebody kills QEMU
      lost, status 1
          the VM was lost: QEMU was killed by SIGKILL
    QEMU crashes
      lost, status 1
          the VM was lost: QEMU was killed by SIGSEGV
    QEMU does not start
      not-started, status 1
          QEMU did not start the VM
          hint: check QEMU_EXTRA_ARGS and the arguments after \`--\`
    QEMU does not start, for a reason that rapido does not know
      not-started, status 1
          QEMU did not start the VM
          hint: check QEMU_EXTRA_ARGS and the arguments after \`--\`
    QEMU fails after the VM has powered off
      failed, status 1
          QEMU failed with status 1 after the VM had powered off: qemu-system-x86_64: cannot flush a.img
    it powers off, and the taint cannot be read
      powered-off, status 1
          rapido cannot tell whether the kernel crashed: the guest could not read /proc/sys/kernel/tainted
    QEMU fails after the guest has said something
      lost, status 1
          the VM was lost: QEMU failed with status 1
    QEMU ends without saying why
      lost, status 1
          the VM was lost: QEMU exited without an error message
    QEMU names a reason that rapido does not know
      lost, status 1
          the VM was lost: QEMU ended: snapshot-load"
  `);
});

describe('at a terminal', () => {
  const watched = (changes: Partial<VmRecord> = {}): string =>
    describeOutcome(
      makeRecord({ events: [INIT, START, END, PROMPT, POWER_OFF], ...changes }),
      true,
    );

  test('quitting QEMU, shutting down or powering off at the prompt is success', () => {
    expect(watched()).toBe('powered-off, status 0');
    expect(watched({ events: [INIT, START, END, PROMPT] })).toBe('powered-off, status 0');
    expect(watched({ shutdown: 'host-qmp-quit' })).toBe('quit, status 0');
  });

  test('a failed autorun script still counts after the end of the session', () => {
    const events = [INIT, START, FAILED, PROMPT, POWER_OFF];
    expect(watched({ events })).toMatchInlineSnapshot(`
      "powered-off, status 1
            autorun script a.sh failed: exit status 3"
    `);
    expect(watched({ events, shutdown: 'host-qmp-quit' })).toContain('status 1');
  });

  test('a QEMU that fails at the end is a failure', () => {
    const failed = { exit: { status: 1 } };
    expect(watched(failed)).toContain('failed, status 1');
    expect(watched({ ...failed, shutdown: 'host-qmp-quit' })).toContain('failed, status 1');
  });

  test('an oops is a failure, however orderly the end', () => {
    const events: GuestEvent[] = [INIT, START, END, PROMPT, POWER_OFF];
    const oops = 'NULL pointer dereference in foo';
    expect(describeOutcome(makeRecord({ events }), true, oops)).toMatchInlineSnapshot(`
      "powered-off, status 1
            the kernel crashed: NULL pointer dereference in foo; what followed cannot be trusted"
    `);
    const quit = makeRecord({ events: events.slice(0, -1), shutdown: 'host-qmp-quit' });
    expect(describeOutcome(quit, true, oops)).toContain('status 1');
    expect(describeOutcome(makeRecord(), false, oops)).toContain('status 1');
  });

  test('a panic is a failure', () => {
    expect(watched({ shutdown: 'guest-reset', consoleTail: PANIC })).toContain('status 1');
  });

  test('a guest without messages is not a failure: the user saw it', () => {
    expect(watched({ events: [] })).toBe('powered-off, status 0');
  });
});

test('a panic long before an orderly power-off is no panic, whatever a program printed', () => {
  const record = makeRecord({ consoleTail: `${PANIC}everything is fine\r\n` });
  expect(judgeBoot(record, { interactive: false, autorun: 1, oops: undefined })).toMatchObject({
    status: 0,
    isConsoleHelpful: false,
  });
});

test('only a confirmed success counts', () => {
  const good = Object.entries(ENDINGS)
    .filter(
      ([, changes]) =>
        judgeBoot(makeRecord(changes), { interactive: false, autorun: 1, oops: undefined })
          .status === 0,
    )
    .map(([name]) => name);
  expect(good).toEqual([
    'it powers off at the end of its session',
    'init ends in order if the kernel cannot power off',
  ]);
});

test('Ctrl-a x is an orderly end at the prompt, and none before it', () => {
  const quit = { shutdown: 'host-qmp-quit' };
  const before = makeRecord({ ...quit, events: [{ event: 'init', uptime: 1 }] });
  expect(judgeBoot(before, { interactive: true, autorun: 1, oops: undefined })).toMatchObject({
    status: 1,
    lines: ['VM killed before it reached a prompt'],
  });
  const after = makeRecord({ ...quit, events: [{ event: 'prompt' }] });
  expect(judgeBoot(after, { interactive: true, autorun: 1, oops: undefined })).toEqual({
    status: 0,
    lines: [],
    isConsoleHelpful: false,
  });
});

test('a script without a message has not succeeded', () => {
  const record = makeRecord({ events: [INIT, START, END, POWER_OFF] });
  expect(judgeBoot(record, { interactive: false, autorun: 2, oops: undefined })).toMatchObject({
    status: 1,
    lines: ['1 of 2 autorun scripts reported their end'],
  });
});
