import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type GuestCommand, planOverlay } from '../../src/image/overlay.ts';
import type { OverlayEntry } from '../../src/image/overlay-entry.ts';
import { EMPTY_OVERLAY } from './empty-overlay.ts';

function overlay(command: GuestCommand | undefined): OverlayEntry[] {
  return planOverlay({ ...EMPTY_OVERLAY, command });
}

function dataAt(entries: readonly OverlayEntry[], path: string): Buffer {
  const entry = entries.find((found) => found.path === path);
  if (entry === undefined || !('data' in entry)) throw new Error(`no file ${path}`);
  return Buffer.from(entry.data);
}

const commandFile = (words: readonly Buffer[]): Buffer =>
  dataAt(overlay({ words, script: undefined }), '/rapido/command.sh');

test('the command is a bash array', () => {
  const words = ['./check', '-g', "it's", ''].map((word) => Buffer.from(word));
  expect(String(commandFile(words))).toBe("RAPIDO_COMMAND=('./check' '-g' 'it'\\''s' '')\n");
});

test('without a command, the array is empty', () => {
  expect(String(dataAt(overlay(undefined), '/rapido/command.sh'))).toBe('RAPIDO_COMMAND=()\n');
});

test('only root can read it: arguments may be secret', () => {
  const entry = overlay(undefined).find(({ path }) => path === '/rapido/command.sh');
  expect(entry).toMatchObject({ mode: 0o600 });
});

test('a script goes to its path, and is executable', () => {
  const script = { name: 'a test.sh', content: Buffer.from([35, 33, 255]) };
  const entries = overlay({ words: [Buffer.from('/rapido/command/a test.sh')], script });
  expect(entries).toContainEqual({
    path: '/rapido/command/a test.sh',
    mode: 0o755,
    data: script.content,
  });
});

test.each(['C', 'C.UTF-8'])('a real bash reads any bytes back, in the locale %s', (locale) => {
  const word = fc.uint8Array({ min: 1, maxLength: 30 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
      const script = Buffer.concat([
        commandFile(words),
        Buffer.from('printf "%s\\0" "${RAPIDO_COMMAND[@]}"\n'),
      ]);
      const printed = execFileSync('bash', { input: script, env: { LC_ALL: locale } });
      const expected = Buffer.concat(words.map((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])));
      expect(printed.equals(expected)).toBe(true);
    }),
    { numRuns: 25 },
  );
});
