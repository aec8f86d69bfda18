import { expect, test } from 'vitest';
import { createEscapes } from '../../src/machine/exec-escapes.ts';

/** What is sent, with the effects of the escapes in brackets. */
function type(...chunks: string[]): string {
  const done: string[] = [];
  const keys = createEscapes({
    send: (typed) => done.push(typed.toString()),
    leave: () => done.push('[leave]'),
    help: () => done.push('[help]'),
  });
  for (const chunk of chunks) keys(Buffer.from(chunk));
  return done.join('');
}

test.each([
  ['~ and . leave, at the very start', ['~', '.'], '[leave]'],
  ['or after Enter', ['ls\r~.'], 'ls\r[leave]'],
  ['or after a line feed', ['ls\n', '~.'], 'ls\n[leave]'],
  ['not elsewhere in a line', ['ls ~.\r'], 'ls ~.\r'],
  ['~ and ? show help, and what follows goes on', ['~?ls'], '[help]ls'],
  ['~~ is one ~, and no beginning of another', ['~~.'], '~.'],
  ['another key behind ~ is sent with it', ['~/bin\r'], '~/bin\r'],
  ['an Enter behind ~ begins a line', ['~\r~.'], '~\r[leave]'],
  ['bytes that are no characters are unchanged', ['ä~.'], 'ä~.'],
])('%s', (_what, chunks, expected) => {
  expect(type(...chunks)).toBe(expected);
});
