import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { RunContext } from '../../src/run/context.ts';
import { createDisplay } from '../../src/run/display.ts';
import { createUi } from '../../src/ui/terminal.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

/** A display on a terminal, with all that is written there in the order in which it arrives. */
function createScreen() {
  const written: string[] = [];
  const stream = { isTTY: true, columns: 80, write: (text: string) => written.push(text) };
  const path = join(makeTemporaryDirectory(), '20260101-000000-suite-0000');
  const run = {
    settings: {},
    context: { ui: createUi(stream, stream, { TERM: 'vt220', NO_COLOR: '1' }) },
    cut: { cut: { summary: 'a suite', test: { output: 'fstests' } } },
    directory: { id: '20260101-000000-suite-0000', path, file: (name: string) => join(path, name) },
    result: { command: undefined },
  } as unknown as RunContext;
  const display = createDisplay(run);
  onTestFinished(display.pause);
  return { display, written };
}

/** A terminal is written to in a thread: what rapido writes by itself meanwhile comes first. */
test('no live line appears between removing it and the output above it', async () => {
  const wasTerminal = process.stdout.isTTY;
  process.stdout.isTTY = true;
  onTestFinished(() => {
    process.stdout.isTTY = wasTerminal;
  });
  const { display, written } = createScreen();
  const slow = {
    write: async (chunk: Buffer) => {
      await sleep(20);
      written.push(chunk.toString());
    },
    close: () => {},
  };
  display.enter({ event: 'command-start' });
  const writing = display.write('stdout', Buffer.from('generic/001  3s\n'), slow);
  display.listener?.onTest({ name: 'generic/001', status: 'pass', duration: 3000 });
  await writing;
  expect(written).toEqual(['0 tests; 0 s …', '\r\x1b[K', 'generic/001  3s\n', '1 test; 0 s …']);
});
