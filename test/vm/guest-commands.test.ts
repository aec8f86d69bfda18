import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createGuestCommands, quoteForLine } from '../../src/vm/guest-commands.ts';
import { complaintOf } from '../support/complaint.ts';

describe('words for the guest', () => {
  test('are one line, and the same bytes again for the shell that reads it', () => {
    const word = fc
      .uint8Array({ min: 1, max: 255, maxLength: 30 })
      .map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        const line = words.map(quoteForLine).join(' ');
        expect(line).toMatch(/^[ -~]*$/);
        const script = 'IFS= read -r line; eval "words=($line)"; printf "%s\\0" "${words[@]}"';
        const read = execFileSync('bash', ['-c', script], { input: `${line}\n` });
        expect(read).toEqual(Buffer.concat(words.map((each) => Buffer.concat([each, ZERO]))));
      }),
      { numRuns: 50 },
    );
  });

  test('stay readable if possible', () => {
    expect(quoteForLine(Buffer.from('--file=/tmp/a'))).toBe('--file=/tmp/a');
    expect(quoteForLine(Buffer.from("it's\n$HOME"))).toBe("$'it\\x27s\\x0a$HOME'");
    expect(quoteForLine(Buffer.from(''))).toBe("$''");
  });
});

const ZERO = Buffer.alloc(1);

/** A QEMU that records its commands, and a session that records its requests. */
function setUp({ refuses }: { refuses?: string } = {}) {
  const told: string[] = [];
  const commands = createGuestCommands(
    {
      qmp: {
        execute: async (command, { arguments: args = {} } = {}) => {
          told.push(`${command} ${args.id}`);
          return `${command} ${args.id}` !== refuses;
        },
        ask: async () => undefined,
        onEvent: () => () => {},
        shutdown: () => undefined,
        wasHostFull: () => false,
        closed: new Promise(() => {}),
      },
    },
    { ask: (request) => told.push(request) },
    'virtio',
  );
  return { told, commands };
}

const SOCKETS = { stdin: undefined, stdout: '/out', stderr: '/err' };
const INIT = { event: 'init', uptime: 1 } as const;

describe('a command in a running VM', () => {
  test('gets ports, is requested, ends, and its ports are removed', async () => {
    const { told, commands } = setUp();
    commands.onEvent(INIT);
    const command = await commands.run([Buffer.from('ls')], SOCKETS);
    command.signal('INT');
    commands.onEvent({ event: 'exec-end', id: '2', status: 9 });
    commands.onEvent({ event: 'exec-end', id: '1', status: 3 });
    expect(await command.ended).toBe(3);
    command.endOutput('0f');
    await command.release();
    expect(told).toMatchInlineSnapshot(`
      [
        "chardev-add exec-1-stdout",
        "device_add exec-1-stdout-port",
        "chardev-add exec-1-stderr",
        "device_add exec-1-stderr-port",
        "exec 1 0 ls",
        "signal 1 INT",
        "end 1 0f",
        "device_del exec-1-stderr-port",
        "chardev-remove exec-1-stderr",
        "device_del exec-1-stdout-port",
        "chardev-remove exec-1-stdout",
      ]
    `);
  });

  test('is requested with a terminal, whose size may change, and says whether there is one', async () => {
    const { told, commands } = setUp();
    commands.onEvent(INIT);
    const sockets = { ...SOCKETS, stdin: '/in' };
    const terminal = { rows: 24, columns: 80, type: 'xterm; reboot' };
    const command = await commands.run([Buffer.from('bash'), Buffer.from('-i')], sockets, terminal);
    command.resize(50, 132);
    commands.onEvent({ event: 'exec-terminal', id: '1', made: true });
    expect(await command.hasTerminal).toBe(true);
    const { run } = commands;
    const other = await run([Buffer.from('ls')], sockets, { ...terminal, type: undefined });
    commands.onEvent({ event: 'exec-terminal', id: '2', made: false });
    expect(await other.hasTerminal).toBe(false);
    expect(told.filter((line) => /^(terminal|size)/.test(line))).toEqual([
      "terminal 1 24x80 $'xterm; reboot' bash -i",
      'size 50 132 1',
      "terminal 2 24x80 $'' ls",
    ]);
  });

  test('gets a mark for an output without one, so that the guest does not wait', async () => {
    const { told, commands } = setUp();
    commands.onEvent(INIT);
    const command = await commands.run([Buffer.from('ls')], SOCKETS);
    await command.release();
    expect(told.find((line) => line.startsWith('end '))).toMatch(/^end 1 [0-9a-f]{32}$/);
  });

  test('ends without a status if the VM does', async () => {
    const { commands } = setUp();
    commands.onEvent(INIT);
    const command = await commands.run([Buffer.from('ls')], SOCKETS);
    commands.end();
    expect(await command.ended).toBeUndefined();
  });

  test('is refused if the guest does not find its ports', async () => {
    const { commands } = setUp();
    commands.onEvent(INIT);
    const command = await commands.run([Buffer.from('ls')], SOCKETS);
    commands.onEvent({ event: 'exec-no-channel', id: '1' });
    expect(await complaintOf(() => command.ended)).toContain('rapido console N');
  });

  test('is rejected if QEMU has no port left, and its other ports are removed', async () => {
    const { told, commands } = setUp({ refuses: 'device_add exec-1-stderr-port' });
    commands.onEvent(INIT);
    expect(await complaintOf(() => commands.run([Buffer.from('ls')], SOCKETS))).toContain(
      'QEMU could not add a port to the VM',
    );
    expect(told.slice(-3)).toEqual([
      'chardev-remove exec-1-stderr',
      'device_del exec-1-stdout-port',
      'chardev-remove exec-1-stdout',
    ]);
  });

  test('is rejected before the first message of init', async () => {
    const { commands } = setUp();
    expect(await complaintOf(() => commands.run([Buffer.from('ls')], SOCKETS))).toContain(
      'the VM has not booted yet',
    );
  });
});
