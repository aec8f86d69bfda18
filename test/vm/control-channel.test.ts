import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { type ControlChannel, openControlChannel } from '../../src/vm/control-channel.ts';
import type { GuestEvent } from '../../src/vm/guest-events.ts';
import { makeSocketPair } from '../support/socket-pair.ts';

interface Guest {
  control: ControlChannel;
  events: GuestEvent[];
  log: string[];
  /** Writes to the channel unchanged. */
  write: (text: string) => void;
  /** One message a line, as guest/session writes them. */
  tell: (fields: Readonly<Record<string, string>>) => void;
  /** The next message of rapido. */
  hear: () => Promise<string>;
  /** Closes the channel, and waits until rapido has noticed. */
  leave: () => Promise<void>;
  end: Duplex;
}

async function openGuest(): Promise<Guest> {
  const [ours, end] = await makeSocketPair();
  const events: GuestEvent[] = [];
  const log: string[] = [];
  const control = openControlChannel(
    ours,
    (event) => events.push(event),
    (line) => log.push(line),
  );
  const write = (text: string): void => {
    end.write(text);
  };
  return {
    control,
    events,
    log,
    write,
    tell: (fields) => write(`\n${JSON.stringify(fields)}\n`),
    hear: async () => String((await once(end, 'data'))[0]),
    leave: () => {
      end.end();
      return control.closed;
    },
    end,
  };
}

/** A guest whose session has sent its first message and received its key. */
async function openSession(): Promise<Guest & { key: string }> {
  const guest = await openGuest();
  const answer = guest.hear();
  guest.tell({ key: '', event: 'init', uptime: '1.5' });
  return { ...guest, key: (await answer).trim() };
}

const INIT = { event: 'init', uptime: 1.5 };

test('answers the first word of the session with a key of 32 digits, on a line', async () => {
  const guest = await openGuest();
  const answer = guest.hear();
  guest.tell({ key: '', event: 'init', uptime: '1.5' });
  expect(await answer).toMatch(/^[0-9a-f]{32}\n$/);
  expect(guest.events).toEqual([INIT]);
});

test('every VM has its own key', async () => {
  expect((await openSession()).key).not.toBe((await openSession()).key);
});

test('returns what carries the key, in order', async () => {
  const { key, tell, leave, events, control } = await openSession();
  tell({ key, event: 'autorun-start', script: '00-a.sh' });
  tell({ key, event: 'autorun-end', script: '00-a.sh', status: '0' });
  tell({ key, event: 'command-start' });
  tell({ key, event: 'command-end', status: '3' });
  tell({ key, event: 'power-off', taint: '512', left: '1' });
  await leave();
  expect(events).toEqual([
    INIT,
    { event: 'autorun-start', script: '00-a.sh' },
    { event: 'autorun-end', script: '00-a.sh', status: 0 },
    { event: 'command-start' },
    { event: 'command-end', status: 3 },
    { event: 'power-off', taint: 512, left: 1 },
  ]);
  expect(control.foreignLines()).toBe(0);
});

test.each([
  ['a wrong key', { key: '0'.repeat(32), event: 'command-end', status: '0' }],
  ['no key', { event: 'command-end', status: '0' }],
  ['an empty key', { key: '', event: 'command-end', status: '0' }],
])('ignores and counts a forged success with %s', async (_, forged) => {
  const { tell, leave, events, control } = await openSession();
  tell(forged as Record<string, string>);
  await leave();
  expect(events).toEqual([INIT]);
  expect(control.foreignLines()).toBe(1);
});

test('ignores a second init without the key, and sends it no key', async () => {
  const { key, tell, leave, events, control, end } = await openSession();
  const answers: string[] = [];
  end.on('data', (chunk: Buffer) => answers.push(String(chunk)));
  tell({ key: '', event: 'init', uptime: '9' });
  tell({ key, event: 'command-start' });
  await leave();
  expect(answers).toEqual([]);
  expect(events).toEqual([INIT, { event: 'command-start' }]);
  expect(control.foreignLines()).toBe(1);
});

test('ignores everything before the first word', async () => {
  const { tell, leave, events, control } = await openGuest();
  tell({ key: '', event: 'command-end', status: '0' });
  tell({ key: '', event: 'power-off', taint: '0', left: '0' });
  await leave();
  expect(events).toEqual([]);
  expect(control.foreignLines()).toBe(2);
});

test('counts garbage, and hides nothing', async () => {
  const { key, write, tell, leave, events, control } = await openSession();
  write('no JSON\n{"key":\n[]\nnull\n\xff\xfe\0\n');
  write(`${JSON.stringify({ key, event: 'command-end', status: '256' })}\n`);
  write(`${JSON.stringify({ key, event: 'make-coffee' })}\n`);
  tell({ key, event: 'command-end', status: '0' });
  await leave();
  expect(events).toEqual([INIT, { event: 'command-end', status: 0 }]);
  expect(control.foreignLines()).toBe(7);
});

test('accepts empty lines, and carriage returns of a serial port', async () => {
  const { key, write, leave, events, control } = await openSession();
  write(`\n\r\n  \n${JSON.stringify({ key, event: 'command-start' })}\r\n\n`);
  await leave();
  expect(events).toEqual([INIT, { event: 'command-start' }]);
  expect(control.foreignLines()).toBe(0);
});

test('an unfinished line of another writer does not spoil the line of the session', async () => {
  const { key, write, tell, leave, events, control } = await openSession();
  write('{"event":"command-end","sta');
  tell({ key, event: 'command-start' });
  await leave();
  expect(events).toEqual([INIT, { event: 'command-start' }]);
  expect(control.foreignLines()).toBe(1);
});

test('joins a line that arrives in pieces', async () => {
  const { key, write, leave, events } = await openSession();
  for (const letter of `${JSON.stringify({ key, event: 'command-end', status: '7' })}\n`) {
    write(letter);
    await new Promise(setImmediate);
  }
  await leave();
  expect(events).toEqual([INIT, { event: 'command-end', status: 7 }]);
});

test('half a line at the end of the VM is no message', async () => {
  const { key, write, leave, events, control } = await openSession();
  write(`{"key":"${key}","event":"command-end","status":"0"`);
  await leave();
  expect(events).toEqual([INIT]);
  expect(control.foreignLines()).toBe(1);
});

test('the mark at the end of the output is a random word between two zero bytes', async () => {
  const { key, control, hear } = await openSession();
  const answer = hear();
  const mark = control.endOutput().toString('latin1');
  const word = (await answer).trim();
  expect(word).toMatch(/^[0-9a-f]{32}$/);
  expect(word).not.toBe(key);
  expect(mark).toBe(`\0rapido-end:${word}\0`);
  expect(control.endOutput().toString('latin1')).not.toBe(mark);
});

test('passes on lines of the log with the key unchanged; they are no messages', async () => {
  const { key, write, leave, events, control, log } = await openSession();
  const text = '[    1.234567] BUG: {"event":"power-off"}';
  write(`\n${key}>${text}\n${key}>\n`);
  write(`${'0'.repeat(32)}>${text}\n`);
  await leave();
  expect(log).toEqual([text, '']);
  expect(events).toEqual([INIT]);
  expect(control.foreignLines()).toBe(1);
});

test('confirms to the session that its output has arrived, on a line', async () => {
  const { control, hear } = await openSession();
  const answer = hear();
  control.confirmOutput();
  expect(await answer).toBe('received\n');
});

test('a message to a guest that has gone is no failure', async () => {
  const { control, end } = await openSession();
  end.destroy();
  control.confirmOutput();
  await control.closed;
  control.confirmOutput();
  await new Promise((next) => setTimeout(next, 20)); // An unhandled error would appear now.
});
