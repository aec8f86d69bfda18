import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLogFile } from '../../src/results/log-file.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { compileScript } from '../support/typescript-process.ts';
import { run } from '../support/workspace.ts';

test('a log contains what was written, byte for byte, and only its owner can read it', () => {
  const path = join(makeTemporaryDirectory(), 'console.log');
  const unwritten: string[] = [];
  const log = openLogFile(path, unwritten);
  log.write(Buffer.from([0, 255, 13, 10]));
  log.write(Buffer.alloc(0));
  log.write(Buffer.from('text'));
  expect(readFileSync(path, 'latin1')).toBe('\0\xff\r\ntext'); // Before it is closed.
  log.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(unwritten).toEqual([]);
});

test('does not change an existing log, and reports it', () => {
  const path = join(makeTemporaryDirectory(), 'console.log');
  writeFileSync(path, 'of another run');
  const unwritten: string[] = [];
  const log = openLogFile(path, unwritten);
  log.write(Buffer.from('lost'));
  log.close();
  expect(readFileSync(path, 'utf8')).toBe('of another run');
  expect(unwritten).toEqual([expect.stringMatching(/^console\.log: .*already exists \(open\)$/)]);
});

test('reports a missing directory once', () => {
  const unwritten: string[] = [];
  const log = openLogFile(join(makeTemporaryDirectory(), 'gone', 'stdout.log'), unwritten);
  for (const text of ['one', 'two', 'three']) log.write(Buffer.from(text));
  log.close();
  expect(unwritten).toEqual([
    expect.stringMatching(/^stdout\.log: .*no such file or directory \(open\)$/),
  ]);
});

test('writing after the end does nothing', () => {
  const path = join(makeTemporaryDirectory(), 'console.log');
  const unwritten: string[] = [];
  const log = openLogFile(path, unwritten);
  log.close();
  log.close();
  log.write(Buffer.from('late'));
  expect(readFileSync(path, 'utf8')).toBe('');
  expect(unwritten).toEqual([]);
});

test('a log that cannot grow has what fitted, no gap, and one message', async () => {
  const directory = makeTemporaryDirectory();
  const script = compileScript(
    directory,
    'log',
    `import { openLogFile } from './results/log-file.ts';
     const unwritten = [];
     const log = openLogFile(process.argv[2], unwritten);
     for (const letter of 'abcdef') log.write(Buffer.alloc(3000, letter));
     log.close();
     console.log(JSON.stringify(unwritten));`,
  );
  mkdirSync(join(directory, 'run'));
  const path = join(directory, 'run/stdout.log');
  const { stdout } = await run(['prlimit', '--fsize=8192', process.execPath, script, path], {});
  expect(JSON.parse(stdout)).toEqual([
    expect.stringMatching(/^stdout\.log: .*file too large \(write\)$/),
  ]);
  const whole = 'a'.repeat(3000) + 'b'.repeat(3000) + 'c'.repeat(2192);
  expect(readFileSync(path, 'utf8')).toBe(whole);
});
