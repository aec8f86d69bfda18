import { expect, test } from 'vitest';
import { createConsoleKeys } from '../../src/machine/console-keys.ts';

/** The result of typed characters, which arrive in the given parts. */
function type(...parts: string[]): string[] {
  const done: string[] = [];
  const keys = createConsoleKeys({
    send: (typed) => done.push(`send ${JSON.stringify(typed.toString())}`),
    leave: () => done.push('leave'),
    stop: () => done.push('stop'),
    help: () => done.push('help'),
  });
  for (const part of parts) keys(Buffer.from(part));
  return done;
}

test.each<[string, string[], string[]]>([
  ['what is typed goes to the guest', ['ls\r'], ['send "ls\\r"']],
  ['Ctrl-a d detaches', ['\x01d'], ['leave']],
  ['also where the two come one by one', ['\x01', 'd'], ['leave']],
  ['Ctrl-a x stops the VM', ['\x01x'], ['stop']],
  ['Ctrl-a h and Ctrl-a ? help', ['\x01h\x01?'], ['help', 'help']],
  ['Ctrl-a a is a Ctrl-a for the guest', ['\x01a'], ['send "\\u0001"']],
  ['and so is a second Ctrl-a', ['\x01\x01'], ['send "\\u0001"']],
  ['another key behind it does nothing', ['\x01z'], []],
  ['before and behind it all goes to the guest', ['a\x01hb'], ['send "a"', 'help', 'send "b"']],
])('%s', (_, typed, done) => {
  expect(type(...typed)).toEqual(done);
});
