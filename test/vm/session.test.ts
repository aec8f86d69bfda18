import { Readable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startDeadline } from '../../src/sys/deadline.ts';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import type { EndingSignal } from '../../src/sys/signals.ts';
import { findContradiction } from '../../src/vm/event-order.ts';
import type { GuestEvent } from '../../src/vm/guest-events.ts';
import { planVm } from '../../src/vm/plan.ts';
import { runSession, type SessionRecord } from '../../src/vm/session.ts';
import type { SessionWatch, TimeLimits } from '../../src/vm/session-watch.ts';
import { complaintOf } from '../support/complaint.ts';
import { installFakeQemu } from '../support/fake-qemu.ts';
import { standStill } from '../support/pause.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { makeSpec } from './vm-spec.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

const NO_LIMITS = { boot: undefined, silence: undefined };

const PLAN = planVm(
  makeSpec({
    terminal: undefined,
    session: { stdin: true, results: undefined, survivesOops: false, readsKernelLog: false },
  }),
);

interface Watched {
  record: SessionRecord;
  stdout: string;
  stderr: string;
  console: string;
  endings: string[];
  events: GuestEvent[];
}

/** What the watcher of a session receives. */
async function watch(changes: Partial<SessionWatch> = {}): Promise<Watched> {
  const seen = { stdout: '', stderr: '', console: '', endings: [] as string[] };
  const events: GuestEvent[] = [];
  const record = await runSession(PLAN, {
    limits: NO_LIMITS,
    deadline: undefined,
    stdin: undefined,
    onStart: () => {},
    onEvent: (event) => {
      events.push(event);
    },
    onConsole: async (chunk) => {
      seen.console += chunk;
      return undefined;
    },
    onOutput: async (name, chunk) => {
      seen[name] += chunk;
    },
    onEnding: (why) => {
      seen.endings.push(why);
    },
    ...changes,
  });
  return { record, ...seen, events };
}

/** As if this process had received it. */
function getSignal(signal: EndingSignal): void {
  process.emit(signal, signal);
}

/** Sends a signal after the first message of the guest. */
const onWord = (word: GuestEvent['event'], act: () => void): Pick<SessionWatch, 'onEvent'> => ({
  onEvent: ({ event }) => {
    if (event === word) act();
  },
});

describe('a session that succeeds', () => {
  test('has its events, its console, its output without the mark, and its end', async () => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.write('console', 'Linux version 6.18\r\n');
      await vm.init();
      await vm.sendEvent('autorun-start', { script: '00-a.sh' });
      await vm.sendEvent('autorun-end', { script: '00-a.sh', status: '0' });
      await vm.sendEvent('command-start');
      await vm.write('stdout', 'to stdout\n\0binary');
      await vm.write('stderr', 'to stderr');
      await vm.sendEvent('command-end', { status: '0' });
      await vm.endOutput('stdout');
      await vm.endOutput('stderr');
      await vm.received();
      await vm.sendEvent('power-off', { taint: '0', left: '0' });
      await vm.shutDown('guest-shutdown');
    });
    const { record, stdout, stderr, console, endings, events } = await watch();
    expect({ stdout, stderr, console, endings }).toEqual({
      stdout: 'to stdout\n\0binary',
      stderr: 'to stderr',
      console: 'Linux version 6.18\r\n',
      endings: [],
    });
    const { times, ...rest } = record;
    expect(rest).toEqual({
      exit: { status: 0 },
      memory: { bytes: 512 * 1024 * 1024, toUnpack: 256 * 1024 * 1024 },
      qemuSaid: '',
      shutdown: 'guest-shutdown',
      events,
      consoleTail: 'Linux version 6.18\r\n',
      interruptedBy: undefined,
      timedOut: undefined,
      isOutputComplete: true,
      foreignLines: 0,
    });
    expect(events.map(({ event }) => event)).toEqual([
      'init',
      'autorun-start',
      'autorun-end',
      'command-start',
      'command-end',
      'power-off',
    ]);
    const order = [times.init, times.autorunEnd, times.commandStart, times.commandEnd, times.end];
    expect(order).toEqual(order.toSorted((a, b) => (a ?? 0) - (b ?? 0)));
    expect(order).not.toContain(undefined);
    expect(qemu.notes()).toEqual(['control received']);
  });

  test('reports the pid of QEMU, which is gone afterwards', async () => {
    installFakeQemu((vm) => vm.shutDown('guest-shutdown'));
    let pid = 0;
    let wasAlive = false;
    const onStart: SessionWatch['onStart'] = (started) => {
      pid = started;
      wasAlive = identifyProcess(started) !== undefined;
    };
    await watch({ onStart });
    expect(wasAlive).toBe(true);
    expect(identifyProcess(pid)).toBeUndefined();
  });

  test('passes the complete input to the command', async () => {
    installFakeQemu(async (vm) => {
      const input = await vm.readAll('stdin');
      await vm.write('stdout', `got ${input.length}: ${input.slice(-4)}`);
      await vm.shutDown('guest-shutdown');
    });
    const stdin = Readable.from([Buffer.alloc(300_000, 'a'), Buffer.from('last')]);
    expect((await watch({ stdin })).stdout).toBe('got 300004: last');
  });

  test('gives EOF at once without an input', async () => {
    installFakeQemu(async (vm) => {
      await vm.write('stdout', `got ${(await vm.readAll('stdin')).length}`);
      await vm.shutDown('guest-shutdown');
    });
    expect((await watch()).stdout).toBe('got 0');
  });

  test('does not wait for an input that nothing reads', async () => {
    installFakeQemu((vm) => vm.shutDown('guest-shutdown'));
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    expect((await watch({ stdin: endless })).record.shutdown).toBe('guest-shutdown');
    expect(endless.destroyed).toBe(true);
  });

  test('has the last of the output although the VM has ended', async () => {
    installFakeQemu(async (vm) => {
      await vm.write('stdout', 'x'.repeat(1_000_000));
      await vm.shutDown('guest-shutdown');
    });
    const late: SessionWatch['onOutput'] = async (_, chunk) => {
      await new Promise((next) => setTimeout(next, 2));
      size += chunk.length;
    };
    let size = 0;
    await watch({ onOutput: late });
    expect(size).toBe(1_000_000);
  });
});

describe('incomplete output', () => {
  test('a mark on one stream only: the output is there, and nothing is confirmed', async () => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.init();
      await vm.write('stdout', 'all of it');
      await vm.sendEvent('command-end', { status: '0' });
      await vm.endOutput('stdout');
      await vm.write('stderr', 'a part');
      vm.received();
      await vm.sleep(100);
      await vm.shutDown('guest-shutdown');
    });
    const { record, stdout, stderr } = await watch();
    expect(record.isOutputComplete).toBe(false);
    expect({ stdout, stderr }).toEqual({ stdout: 'all of it', stderr: 'a part' });
    expect(qemu.notes()).toEqual([]);
  });

  test('a mark with another key is ordinary output', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.sendEvent('command-end', { status: '0' });
      await vm.endOutput('stderr');
      await vm.write('stdout', `\0rapido-end:${'0'.repeat(32)}\0`);
      await vm.shutDown('guest-shutdown');
    });
    const { record, stdout } = await watch();
    expect(record.isOutputComplete).toBe(false);
    expect(stdout).toBe(`\0rapido-end:${'0'.repeat(32)}\0`);
  });

  test('a mark that is written before the command has ended is output, even with the right key', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.sendEvent('command-start');
      for (const name of ['stdout', 'stderr'] as const) {
        await vm.write(name, `\0rapido-end:${vm.key()}\0and more`);
      }
      await vm.sendEvent('command-end', { status: '0' });
      await vm.endOutput('stdout');
      await vm.endOutput('stderr');
      await vm.received();
      await vm.shutDown('guest-shutdown');
    });
    const { record, stdout, stderr } = await watch();
    for (const text of [stdout, stderr]) {
      expect(text).toMatch(/^\0rapido-end:[0-9a-f]{32}\0and more$/);
    }
    expect(record.isOutputComplete).toBe(true);
  });

  test('a forged end of the command gets a mark, and no second one', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.sendEvent('command-start');
      await vm.sendEvent('command-end', { status: '0' });
      await vm.endOutput('stdout');
      await vm.write('stdout', 'dropped');
      await vm.sendEvent('command-end', { status: '1' });
      await vm.endOutput('stderr');
      await vm.received();
      await vm.shutDown('guest-shutdown');
    });
    const { record, stdout } = await watch();
    expect(stdout).toBe('');
    expect(findContradiction(record.events)).toEqual(['command-end', 'command-end']);
  });

  test('the beginning of a mark at the very end is delivered', async () => {
    installFakeQemu(async (vm) => {
      await vm.write('stdout', 'text\0rapido-');
      await vm.shutDown('guest-shutdown');
    });
    expect((await watch()).stdout).toBe('text\0rapido-');
  });
});

test('lines of the log from the control channel are handled like the console', async () => {
  installFakeQemu(async (vm) => {
    await vm.init();
    await vm.write('console', 'unfinished');
    await vm.sleep(100);
    const key = vm.key();
    await vm.write(
      'control',
      `\n${key}>[    0.000000] Linux version 6.18\n${key}>[    9.1] BUG: x\n`,
    );
    await vm.sendEvent('power-off', { taint: '128', left: 'unknown' });
    await vm.shutDown('guest-shutdown');
  });
  const { console, events } = await watch();
  expect(console.split('\r\n')).toEqual([
    'unfinished',
    "rapido: the kernel's log, as the guest still has it:",
    '[    0.000000] Linux version 6.18',
    '[    9.1] BUG: x',
    '',
  ]);
  expect(events.at(-1)).toEqual({ event: 'power-off', taint: 128, left: undefined });
});

test('counts invalid lines on the control channel', async () => {
  installFakeQemu(async (vm) => {
    await vm.init();
    await vm.write('control', '{"key":"","event":"command-end","status":"0"}\n');
    await vm.shutDown('guest-shutdown');
  });
  const { record } = await watch();
  expect(record.foreignLines).toBe(1);
  expect(record.events.map(({ event }) => event)).toEqual(['init']);
});

describe('a QEMU that fails', () => {
  test("it does not exist: setpriv's message", async () => {
    const missing = { ...PLAN, qemu: 'qemu-system-nowhere' };
    const ended = await runSession(missing, {
      limits: NO_LIMITS,
      deadline: undefined,
      stdin: undefined,
      onStart: () => {},
      onEvent: () => {},
      onConsole: async () => undefined,
      onOutput: async () => {},
      onEnding: () => {},
    });
    expect(ended.exit).toEqual({ status: 127 });
    expect(ended.qemuSaid).toContain('setpriv: failed to execute qemu-system-nowhere');
  });

  test('setpriv does not exist: a mistake with a hint', async () => {
    vi.stubEnv('PATH', makeTemporaryDirectory());
    expect(await complaintOf(() => watch())).toMatchInlineSnapshot(`
      "rapido: error: qemu-system-x86_64 cannot be executed
        hint: run \`rapido doctor\` to see what is missing"
    `);
  });

  test('it rejects its arguments: its own message', async () => {
    installFakeQemu(async (vm) => vm.exit(1, 'qemu-system-x86_64: -nosuch: invalid option\n'));
    const { record } = await watch();
    expect(record).toMatchObject({
      exit: { status: 1 },
      qemuSaid: 'qemu-system-x86_64: -nosuch: invalid option\n',
      shutdown: undefined,
      events: [],
    });
  });

  test('it crashes', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      process.kill(process.pid, 'SIGSEGV');
    });
    expect((await watch()).record).toMatchObject({
      exit: { signal: 'SIGSEGV' },
      shutdown: undefined,
    });
  });
});

describe('limits', () => {
  test('a VM that takes too long is asked for backtraces, and told to quit', async () => {
    const qemu = installFakeQemu(async (vm) => {
      vm.onKey((key) => {
        vm.note(`key ${key}`);
        vm.write('console', `sysrq: ${key}\r\n`);
      });
      await vm.init();
      await vm.sendEvent('command-start');
    });
    const { record, console, endings } = await watch({ deadline: startDeadline(500) });
    expect(endings).toEqual(['the time limit was reached (total)']);
    expect(record).toMatchObject({
      timedOut: 'total',
      shutdown: 'host-qmp-quit',
      exit: { status: 0 },
      interruptedBy: undefined,
    });
    expect(qemu.notes()).toEqual([
      ...['w', 'l', 't'].flatMap((key) => ['qmp chardev-send-break', `key ${key}`]),
      'qmp quit',
    ]);
    expect(console).toBe('sysrq: w\r\nsysrq: l\r\nsysrq: t\r\n');
  });

  test('one that does not answer to sysrq gets an NMI, and its panic is seen', async () => {
    const qemu = installFakeQemu(async (vm) => {
      vm.onCommand('inject-nmi', () => {
        vm.write('console', 'Kernel panic - not syncing: NMI\r\n').then(() =>
          vm.shutDown('guest-reset'),
        );
      });
    });
    const { record } = await watch({ deadline: startDeadline(300) });
    expect(qemu.notes()).toEqual(['qmp chardev-send-break', 'qmp inject-nmi']);
    expect(record).toMatchObject({
      timedOut: 'total',
      shutdown: 'guest-reset',
      consoleTail: 'Kernel panic - not syncing: NMI\r\n',
    });
  });

  test('a guest without a message in time did not boot', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('chardev-send-break', 'refuse');
      for (;;) {
        await vm.write('console', 'still decompressing\r\n');
        await vm.sleep(50);
      }
    });
    const { record, endings } = await watch({ limits: { ...NO_LIMITS, boot: 500 } });
    expect(endings).toEqual(['the time limit was reached (boot)']);
    expect(record).toMatchObject({ timedOut: 'boot', events: [] });
    expect(record.times.init).toBeUndefined();
  });

  test('the boot limit ends with the first message of init', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.sleep(1500);
      await vm.shutDown('guest-shutdown');
    });
    const { record } = await watch({ limits: { ...NO_LIMITS, boot: 1200 } });
    expect(record).toMatchObject({ timedOut: undefined, shutdown: 'guest-shutdown' });
  });

  test.each(['console', 'stdout', 'stderr', 'control'] as const)(
    'output on %s resets the silence',
    async (channel) => {
      installFakeQemu(
        // The function is passed as source text, and the channel with it.
        Object.assign(async () => {}, {
          toString: () => `async (vm) => {
            for (let count = 0; count < 8; count++) {
              await vm.sleep(200);
              if ('${channel}' === 'control') await (count === 0 ? vm.init() : vm.sendEvent('command-start'));
              else await vm.write('${channel}', '.');
            }
            await vm.shutDown('guest-shutdown');
          }`,
        }),
      );
      const { record } = await watch({ limits: { ...NO_LIMITS, silence: 1000 } });
      expect(record).toMatchObject({ timedOut: undefined, shutdown: 'guest-shutdown' });
    },
  );

  test('silence ends a VM, however much it printed before', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('chardev-send-break', 'refuse');
      await vm.init();
      for (let count = 0; count < 5; count++) {
        await vm.write('stdout', '.');
        await vm.sleep(100);
      }
    });
    const { record, endings, stdout } = await watch({ limits: { ...NO_LIMITS, silence: 700 } });
    expect(endings).toEqual(['the time limit was reached (silence)']);
    expect(record.timedOut).toBe('silence');
    expect(stdout).toBe('.....');
    expect(record.times.end).toBeGreaterThan(1000);
  });

  test('time in which a debugger has stopped the VM does not count', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('query-chardev', { value: [{ label: 'gdb', filename: 'unix:/run/vm1.gdb' }] });
      await vm.emit('STOP', {});
      await vm.sleep(1500);
      await vm.emit('RESUME', {});
      await vm.init();
      await vm.emit('STOP', {});
      await vm.sleep(1500);
      await vm.emit('RESUME', {});
      await vm.sleep(100);
      await vm.shutDown('guest-shutdown');
    });
    const deadline = startDeadline(2000);
    const { record } = await watch({ deadline, limits: { boot: 1000, silence: 1000 } });
    expect(record).toMatchObject({ timedOut: undefined, shutdown: 'guest-shutdown' });
    expect(record.stoppedFor).toBeGreaterThan(2900);
    expect(deadline.left()).toBeGreaterThan(0);
  });

  test('a VM that nobody inspects reaches its limit even if it is stopped', async () => {
    installFakeQemu(async (vm) => {
      const filename = 'disconnected:unix:/run/vm1.gdb';
      vm.onCommand('query-chardev', { value: [{ label: 'gdb', filename }] });
      vm.onCommand('query-dump', { value: { status: 'none' } });
      vm.onCommand('chardev-send-break', 'refuse');
      await vm.init();
      await vm.emit('STOP', {});
    });
    const { record } = await watch({ deadline: startDeadline(1500) });
    expect(record).toMatchObject({ timedOut: 'total', stoppedFor: undefined });
  });

  test('a limit counts again once the VM runs', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('query-chardev', { value: [{ label: 'gdb', filename: 'unix:/run/vm1.gdb' }] });
      vm.onCommand('chardev-send-break', 'refuse');
      await vm.emit('STOP', {});
      await vm.sleep(1000);
      await vm.emit('RESUME', {});
    });
    const { record } = await watch({ deadline: startDeadline(600) });
    expect(record.timedOut).toBe('total');
    expect(record.times.end).toBeGreaterThan(1500);
  });

  test('only the first limit that expires counts', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('chardev-send-break', 'refuse');
      vm.onCommand('quit', () => {
        vm.sleep(400).then(() => vm.shutDown('host-qmp-quit'));
      });
    });
    const { record, endings } = await watch({
      deadline: startDeadline(300),
      limits: { boot: 500, silence: 600 },
    });
    expect(record.timedOut).toBe('total');
    expect(endings).toEqual(['the time limit was reached (total)']);
  });
});

describe('a pause of rapido is no timeout of the guest', () => {
  /** Stops at the first message of init, after the guest had time to send it. */
  const pausing = (
    { total, ...limits }: Partial<TimeLimits>,
    pause: number,
  ): Partial<SessionWatch> => ({
    limits: { ...NO_LIMITS, ...limits },
    deadline: startDeadline(total),
    ...onWord('init', () => standStill(pause)),
  });

  test.each([
    ['silence', 1000],
    ['total', 3000],
  ] as const)('%s: pending output is read before the limit expires', async (limit, time) => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.sendEvent('command-start');
      for (let count = 0; count < 10; count++) {
        await vm.sleep(100);
        await vm.write('stdout', '.');
      }
      await vm.shutDown('guest-shutdown');
    });
    const { record, stdout } = await watch(pausing({ [limit]: time }, 4000));
    expect(record).toMatchObject({ timedOut: undefined, shutdown: 'guest-shutdown' });
    expect(stdout).toBe('..........');
  });

  test('boot: the message of init is still pending', async () => {
    installFakeQemu(async (vm) => {
      await vm.write('console', 'booting\r\n');
      await vm.sleep(200);
      await vm.init();
      await vm.shutDown('guest-shutdown');
    });
    const { record } = await watch({
      limits: { ...NO_LIMITS, boot: 3000 },
      onConsole: async () => {
        standStill(5000);
        return undefined;
      },
    });
    expect(record).toMatchObject({ timedOut: undefined, shutdown: 'guest-shutdown' });
    expect(record.times.init).toBeGreaterThan(4900);
  });

  test('a limit that really expired counts', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('chardev-send-break', 'refuse');
      await vm.init();
    });
    const { record } = await watch(pausing({ silence: 500 }, 3000));
    expect(record.timedOut).toBe('silence');
  });
});

describe('interruption', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s: QEMU quits in order', async (signal) => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.init();
    });
    const { record, endings } = await watch(onWord('init', () => getSignal(signal)));
    expect(endings).toEqual([`got ${signal}`]);
    expect(record).toMatchObject({
      interruptedBy: signal,
      timedOut: undefined,
      shutdown: 'host-qmp-quit',
    });
    expect(qemu.notes()).toEqual(['qmp quit']);
  });

  test('twice: QEMU is killed at once, and the first signal counts', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('quit', 'ignore');
      await vm.init();
    });
    const { record } = await watch(
      onWord('init', () => {
        getSignal('SIGINT');
        setTimeout(() => getSignal('SIGTERM'), 50);
      }),
    );
    expect(record).toMatchObject({ interruptedBy: 'SIGINT', exit: { signal: 'SIGKILL' } });
    expect(record.times.end - (record.times.init ?? 0)).toBeLessThan(2000);
  });

  test('once, and QEMU does not answer: it is killed after some seconds', async () => {
    installFakeQemu(async (vm) => {
      vm.onCommand('quit', 'ignore');
      await vm.init();
    });
    const { record } = await watch(onWord('init', () => getSignal('SIGTERM')));
    expect(record).toMatchObject({ interruptedBy: 'SIGTERM', exit: { signal: 'SIGKILL' } });
  });

  test('signals have their default action afterwards', async () => {
    const before = process.listenerCount('SIGINT');
    installFakeQemu((vm) => vm.shutDown('guest-shutdown'));
    await watch();
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  test('a reader that stopped reading does not keep an interrupted session from ending', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.write('stdout', 'nobody reads this');
    });
    const stalled = new Promise<void>(() => {});
    const session = watch({
      onOutput: () => {
        getSignal('SIGINT');
        return stalled;
      },
    });
    const patience = new Promise((next) => setTimeout(next, 5000, 'it still waits for the reader'));
    const ended = session.then(({ record }) => record.interruptedBy);
    expect(await Promise.race([ended, patience])).toBe('SIGINT');
  });
});

describe('a kernel that is known to be lost', () => {
  const crashed: SessionWatch['onConsole'] = async (chunk) =>
    chunk.includes('Kernel panic') ? 'crashed' : undefined;

  test('it may end the VM by itself', async () => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.write('console', 'Kernel panic - not syncing: x\r\n');
      await vm.sleep(100);
      await vm.write('console', 'Rebooting\r\n');
      await vm.shutDown('guest-reset');
    });
    const { record, endings } = await watch({ onConsole: crashed });
    expect(endings).toEqual([]);
    expect(record.shutdown).toBe('guest-reset');
    expect(record.consoleTail).toBe('Kernel panic - not syncing: x\r\nRebooting\r\n');
    expect(qemu.notes()).toEqual([]);
  });

  test('if it does not, and is quiet for 15 seconds, rapido ends the VM', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const qemu = installFakeQemu(async (vm) => {
      await vm.write('console', 'Kernel panic - not syncing: x\r\n');
      for (let count = 0; count < 3; count++) {
        await vm.sleep(50);
        await vm.write('console', 'Kernel panic - not syncing: again\r\n');
      }
    });
    let lines = 0;
    const session = watch({
      onConsole: async (chunk) => {
        lines += String(chunk).split('\n').length - 1;
        if (lines < 4) vi.advanceTimersByTime(14_000);
        else setImmediate(() => vi.advanceTimersByTime(15_001));
        return 'crashed';
      },
    });
    const { record, endings } = await session;
    expect(endings).toEqual(['the kernel crashed and did not end the VM']);
    expect(record).toMatchObject({ shutdown: 'host-qmp-quit', timedOut: undefined });
    expect(qemu.notes()).toEqual(['qmp quit']);
  });
});

test("a kernel that does not run rapido's init is ended after a second", async () => {
  const qemu = installFakeQemu(async (vm) => {
    await vm.write('console', 'Failed to execute /init (error -8)\r\n');
  });
  const begun = performance.now();
  const { record, endings } = await watch({ onConsole: async () => 'stuck' });
  expect(performance.now() - begun).toBeGreaterThan(900);
  expect(endings).toEqual(['the kernel does not run its init']);
  expect(record).toMatchObject({ shutdown: 'host-qmp-quit', timedOut: undefined });
  expect(qemu.notes()).toEqual(['qmp quit']);
});

describe('an internal failure', () => {
  test.each(['onOutput', 'onConsole'] as const)(
    'in %s: the VM ends, and the failure is reported',
    async (place) => {
      installFakeQemu(async (vm) => {
        await vm.write('console', 'text');
        await vm.write('stdout', 'text');
        await vm.init();
      });
      const loose: unknown[] = [];
      const catchLoose = (error: unknown): void => {
        loose.push(error);
      };
      const others = process.listeners('unhandledRejection');
      const strays = process.listeners('uncaughtException');
      process.removeAllListeners('unhandledRejection').on('unhandledRejection', catchLoose);
      process.removeAllListeners('uncaughtException').on('uncaughtException', catchLoose);
      let pid = 0;
      const failing = (): never => {
        throw new Error('no space left on the device');
      };
      const session = watch({
        [place]: async () => failing(),
        onStart: (started) => {
          pid = started;
        },
      });
      const patience = new Promise((next) => setTimeout(next, 3000, 'it still runs'));
      try {
        const ended = session.then(
          () => 'no failure',
          (error) => error.message,
        );
        expect(await Promise.race([ended, patience])).toBe('no space left on the device');
        expect(loose).toEqual([]);
      } finally {
        if (pid !== 0 && identifyProcess(pid) !== undefined) process.kill(pid, 'SIGKILL');
        await session.catch(() => {});
        process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException');
        for (const listener of others) process.on('unhandledRejection', listener);
        for (const listener of strays) process.on('uncaughtException', listener);
      }
    },
  );
});

describe('a dump of the memory', () => {
  const crashed: SessionWatch['onConsole'] = async (chunk) =>
    chunk.includes('Kernel panic') ? 'crashed' : undefined;

  test('is taken when the report of a crash is complete, before the VM is ended', async () => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.init();
      await vm.write('console', 'Kernel panic - not syncing: sysrq\r\n');
    });
    const { record, endings } = await watch({
      onConsole: crashed,
      dump: async (qmp) => {
        await qmp.execute('dump-guest-memory');
      },
    });
    expect(qemu.notes()).toEqual(['qmp dump-guest-memory', 'qmp quit']);
    expect(endings).toEqual(['the kernel crashed and did not end the VM']);
    expect(record.shutdown).toBe('host-qmp-quit');
  });

  test('is taken at a limit, and an interruption does not wait for it', async () => {
    const qemu = installFakeQemu(async (vm) => {
      vm.onCommand('chardev-send-break', 'refuse');
      vm.onCommand('inject-nmi', 'refuse');
    });
    const { record } = await watch({
      deadline: startDeadline(300),
      dump: async (qmp) => {
        await qmp.execute('dump-guest-memory');
        getSignal('SIGINT');
        await new Promise(() => {});
      },
    });
    expect(qemu.notes().slice(-2)).toEqual(['qmp dump-guest-memory', 'qmp quit']);
    expect(record).toMatchObject({ timedOut: 'total', interruptedBy: 'SIGINT' });
  });
});
