import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listenForStreams } from '../../src/machine/exec-streams.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

test('the sockets of a command leave nothing behind, even those of a process that was killed', () => {
  const directory = makeTemporaryDirectory();
  const litter = join(directory, '.exec.999999999-1-0123abcd.tmp');
  mkdirSync(litter);
  writeFileSync(join(litter, 'stdout'), '');
  writeFileSync(join(directory, '1.json'), '{}');
  const streams = listenForStreams(directory, true);
  expect(readdirSync(directory).sort()).toEqual([
    expect.stringMatching(new RegExp(`^\\.exec\\.${process.pid}-`)),
    '1.json',
  ]);
  expect(streams.sockets.stdin).toMatch(/\.tmp\/stdin$/);
  streams.close();
  expect(readdirSync(directory)).toEqual(['1.json']);
});
