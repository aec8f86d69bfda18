import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { carryFile, createRun, finishRun, type RunDirectory } from '../../src/results/store.ts';
import { createWorkspace } from '../support/workspace.ts';
import { aResult } from './a-result.ts';

const parent = () => join(createWorkspace().directory, 'runs');

/** A run that has ended, `minute` minutes past eight, and left a check.time. */
function runThat(directory: string, cut: string, minute: number, left?: string): RunDirectory {
  const run = createRun(directory, cut, new Date(Date.UTC(2026, 10, 23, 8, minute)));
  mkdirSync(run.file('guest'));
  if (left !== undefined) writeFileSync(join(run.file('guest'), 'check.time'), left);
  finishRun(run, aResult());
  return run;
}

function carriedTo(run: RunDirectory): string | undefined {
  carryFile(run, 'check.time');
  const path = join(run.file('guest'), 'check.time');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

test('a run finds what the newest earlier run of its cut left', () => {
  const directory = parent();
  runThat(directory, 'fstests-xfs', 1, 'old');
  runThat(directory, 'fstests-xfs', 2, 'new');
  runThat(directory, 'fstests-xfs', 3);
  runThat(directory, 'fstests-ext4', 4, "another cut's");
  expect(carriedTo(runThat(directory, 'fstests-xfs', 5))).toBe('new');
});

test('the first run of a cut finds nothing', () => {
  const directory = parent();
  runThat(directory, 'fstests-ext4', 1, "another cut's");
  expect(carriedTo(runThat(directory, 'fstests-xfs', 2))).toBeUndefined();
});

test('a link that a guest left is not followed', () => {
  const directory = parent();
  const evil = runThat(directory, 'fstests-xfs', 1);
  symlinkSync('/etc/passwd', join(evil.file('guest'), 'check.time'));
  expect(carriedTo(runThat(directory, 'fstests-xfs', 2))).toBeUndefined();
});
