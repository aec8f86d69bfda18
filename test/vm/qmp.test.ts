import { afterEach, expect, test, vi } from 'vitest';
import { openQmp, type Qmp } from '../../src/vm/qmp.ts';
import { makeSocketPair } from '../support/socket-pair.ts';

afterEach(() => vi.restoreAllMocks());

interface Command {
  execute: string;
  id: number;
  arguments?: unknown;
}

interface Monitor {
  qmp: Qmp;
  commands: Command[];
  /** Writes a line as QEMU does. */
  say: (message: unknown) => void;
  write: (text: string) => void;
  leave: () => void;
}

/** QEMU's end of a monitor. @param answer its answer to a command; undefined: none */
async function openMonitor(answer: (command: Command) => unknown): Promise<Monitor> {
  const [ours, end] = await makeSocketPair();
  const commands: Command[] = [];
  const write = (text: string): void => {
    end.write(text);
  };
  const say = (message: unknown): void => write(`${JSON.stringify(message)}\r\n`);
  let rest = '';
  end.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const command of lines.map((line) => JSON.parse(line) as Command)) {
      commands.push(command);
      const message = answer(command);
      if (message !== undefined) say(message);
    }
  });
  say({ QMP: { version: { qemu: { major: 7, minor: 2, micro: 0 } }, capabilities: [] } });
  return { qmp: openQmp(ours), commands, say, write, leave: () => end.destroy() };
}

const agree = ({ id }: Command): unknown => ({ return: {}, id });

test('completes the negotiation first, and sends commands with their arguments', async () => {
  const { qmp, commands } = await openMonitor(agree);
  expect(await qmp.execute('chardev-send-break', { arguments: { id: 'console' } })).toBe(true);
  expect(commands).toEqual([
    { execute: 'qmp_capabilities', id: 1 },
    { execute: 'chardev-send-break', id: 2, arguments: { id: 'console' } },
  ]);
});

test('a command that QEMU rejects is not done', async () => {
  const { qmp } = await openMonitor(({ id, execute }) =>
    execute === 'inject-nmi'
      ? { id, error: { class: 'GenericError', desc: 'not supported' } }
      : { id, return: {} },
  );
  expect(await qmp.execute('inject-nmi')).toBe(false);
  expect(await qmp.execute('stop')).toBe(true);
});

test('an answer has what QEMU returns, or why it refuses', async () => {
  const { qmp } = await openMonitor(({ id, execute }) =>
    execute === 'dump'
      ? { id, error: { class: 'GenericError', desc: 'no space' } }
      : { id, return: { running: true } },
  );
  expect(await qmp.ask('query-status')).toEqual({ value: { running: true } });
  expect(await qmp.ask('dump')).toEqual({ error: 'no space' });
});

test('passes events on, until the listener is removed', async () => {
  const { qmp, say, leave } = await openMonitor(agree);
  const events: string[] = [];
  const stop = qmp.onEvent(({ event, data }) => {
    events.push(event);
    if (data?.error === 'last') stop();
  });
  say({ event: 'STOP', timestamp: {} });
  say({ event: 'DUMP_COMPLETED', data: { error: 'last', result: {} } });
  say({ event: 'RESUME', timestamp: {} });
  leave();
  await qmp.closed;
  expect(events).toEqual(['STOP', 'DUMP_COMPLETED']);
});

test('answers belong to their commands, in any order', async () => {
  const waiting: Command[] = [];
  const { qmp, say } = await openMonitor((command) => {
    if (command.execute === 'qmp_capabilities') return agree(command);
    waiting.push(command);
    return undefined;
  });
  const first = qmp.execute('first');
  const second = qmp.execute('second');
  await vi.waitFor(() => expect(waiting).toHaveLength(2));
  say({ id: waiting[1]?.id, error: {} });
  expect(await second).toBe(false);
  say({ id: waiting[0]?.id, return: {} });
  expect(await first).toBe(true);
});

test('a QEMU that does not answer in time has not done it; a late answer has no effect', async () => {
  let late: Command | undefined;
  const { qmp, say } = await openMonitor((command) => {
    if (command.execute !== 'quit') return agree(command);
    late = command;
    return undefined;
  });
  const started = performance.now();
  expect(await qmp.execute('quit', { timeout: 60 })).toBe(false);
  expect(performance.now() - started).toBeGreaterThan(50);
  say({ id: late?.id, return: {} });
  expect(await qmp.execute('stop')).toBe(true);
});

test('a QEMU that ends has not done it, and nothing waits for the answer', async () => {
  const { qmp, leave, commands } = await openMonitor(() => undefined);
  const answer = qmp.execute('quit', { timeout: 60_000 });
  await vi.waitFor(() => expect(commands).toHaveLength(2));
  leave();
  expect(await answer).toBe(false);
  await qmp.closed;
});

test('a command for a QEMU that has ended is not done, without delay and error', async () => {
  const { qmp, leave } = await openMonitor(agree);
  leave();
  await qmp.closed;
  expect(await qmp.execute('quit', { timeout: 60_000 })).toBe(false);
});

test("the reason for the end of the VM is QEMU's first one", async () => {
  const { qmp, say, leave } = await openMonitor(agree);
  expect(qmp.shutdown()).toBeUndefined();
  const timestamp = { seconds: 1, microseconds: 0 };
  say({ event: 'RESET', data: { guest: true, reason: 'guest-reset' }, timestamp });
  say({ event: 'SHUTDOWN', data: { guest: true, reason: 'guest-shutdown' }, timestamp });
  say({ event: 'SHUTDOWN', data: { guest: false, reason: 'host-qmp-quit' }, timestamp });
  leave();
  await qmp.closed;
  expect(qmp.shutdown()).toBe('guest-shutdown');
});

test('the reason counts even if QEMU ends right after it', async () => {
  const { qmp, write, leave } = await openMonitor(() => undefined);
  write('{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-panic"}}');
  setTimeout(leave, 20);
  await qmp.closed;
  expect(qmp.shutdown()).toBe('guest-panic');
});

test('ignores lines that are not of the protocol', async () => {
  const { qmp, write, say, leave } = await openMonitor(agree);
  write('garbage\n{"half": \n\n[]\nnull\n5\n"text"\n{}\n\xff\0\n');
  say({ id: 99, return: {} });
  say({ event: 'SHUTDOWN' });
  expect(await qmp.execute('stop')).toBe(true);
  expect(qmp.shutdown()).toBeUndefined();
  leave();
  await qmp.closed;
});

// As QEMU 7.2 prints it for a disk with werror=report, and for one that stops the VM.
test.each([
  ['a write for which the host has no room', { reason: 'No space left on device' }, true],
  ['the same, said by the flag', { reason: 'Kein Platz', nospace: true }, true],
  ['another error', { reason: 'Input/output error', nospace: false }, false],
])('%s', async (_, details, isFull) => {
  const { qmp, say, leave } = await openMonitor(agree);
  const data = { device: '', operation: 'write', action: 'report', ...details };
  say({ event: 'BLOCK_IO_ERROR', data });
  leave();
  await qmp.closed;
  expect(qmp.wasHostFull()).toBe(isFull);
});
