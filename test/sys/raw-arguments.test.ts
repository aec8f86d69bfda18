import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { readRawArguments } from '../../src/sys/raw-arguments.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { compileScript } from '../support/typescript-process.ts';

/**
 * What a separate process gets if a shell passes `words` to it, as hexadecimal digits. Node itself can
 * pass on no bytes that are not UTF-8.
 * @param words in the notation of printf's %b
 * @param count how many of the last are restored
 */
async function readThroughShell(words: readonly string[], count = words.length): Promise<string[]> {
  const script = compileScript(
    makeTemporaryDirectory(),
    'arguments',
    `import { readRawArguments } from './sys/raw-arguments.ts';
     const count = Number(process.env.COUNT);
     const words = readRawArguments(count === 0 ? [] : process.argv.slice(-count));
     console.log(JSON.stringify(words.map((word) => word.toString('hex'))));`,
  );
  const quoted = words.map((word) => `"$(printf %b '${word}')"`).join(' ');
  const child = spawn('bash', ['-c', `exec "$0" "$1" own ${quoted}`, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, COUNT: String(count) },
  });
  return JSON.parse(Buffer.concat(await child.stdout.toArray()).toString());
}

const hex = (...words: string[]): string[] =>
  words.map((word) => Buffer.from(word).toString('hex'));

test('leaves ordinary words unchanged', async () => {
  expect(await readThroughShell(['ls', '-l', 'a b', ''])).toEqual(hex('ls', '-l', 'a b', ''));
});

test('leaves UTF-8 unchanged', async () => {
  expect(await readThroughShell(['gr\\xc3\\xbc\\xc3\\x9fe', '\\xf0\\x9f\\x90\\xa7'])).toEqual(
    hex('grüße', '🐧'),
  );
});

test('restores bytes that are not UTF-8', async () => {
  expect(await readThroughShell(['cat', 'caf\\xe9', '\\xff\\xfe', 'plain', ''])).toEqual([
    ...hex('cat'),
    '636166e9',
    'fffe',
    ...hex('plain', ''),
  ]);
});

test('keeps a replacement character that was typed', async () => {
  expect(await readThroughShell(['\\xef\\xbf\\xbd'])).toEqual(['efbfbd']);
});

test('restores only the requested words: those after `--`, not those before', async () => {
  expect(await readThroughShell(['\\xfa', '--', '\\xfb', '\\xfc'], 2)).toEqual(['fb', 'fc']);
  expect(await readThroughShell(['\\xfa'], 0)).toEqual([]);
});

test('leaves words of another command line unchanged, as in a test', () => {
  const words = ['not', 'of \ufffd this', 'process'];
  expect(readRawArguments(words).map(String)).toEqual(words);
});
