import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { carryFile, LARGEST_CARRIED, readGuestFile } from '../../src/results/guest-files.ts';
import type { RunResult } from '../../src/results/run-result.ts';
import {
  createRun,
  findEarlierRun,
  finishRun,
  type RunDirectory,
} from '../../src/results/store.ts';
import { createWorkspace } from '../support/workspace.ts';
import { aResult, tests } from './a-result.ts';

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

test('a run finds the files of the newest earlier run of its cut', () => {
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

test('does not follow a link of a guest', () => {
  const directory = parent();
  const evil = runThat(directory, 'fstests-xfs', 1);
  symlinkSync('/etc/passwd', join(evil.file('guest'), 'check.time'));
  expect(carriedTo(runThat(directory, 'fstests-xfs', 2))).toBeUndefined();
});

test.each(['pipe', 'large'])('does not read a %s', (what) => {
  const directory = parent();
  runThat(directory, 'fstests-xfs', 1, 'older');
  const evil = runThat(directory, 'fstests-xfs', 2);
  const path = join(evil.file('guest'), 'check.time');
  if (what === 'pipe') execFileSync('mkfifo', [path]);
  else {
    writeFileSync(path, '');
    truncateSync(path, 10 * 2 ** 40);
  }
  const run = runThat(directory, 'fstests-xfs', 3);
  expect(carryFile(run, 'check.time')).toBe(what === 'large' ? path : undefined);
  expect(carriedTo(run)).toBe(what === 'large' ? undefined : 'older');
});

test('carries a file of the largest size completely', () => {
  const directory = parent();
  const earlier = runThat(directory, 'fuzz', 1);
  writeFileSync(join(earlier.file('guest'), 'check.time'), Buffer.alloc(LARGEST_CARRIED, 'x'));
  const run = runThat(directory, 'fuzz', 2);
  expect(carriedTo(run)).toHaveLength(LARGEST_CARRIED);
});

test('ignores a run that has not ended: its guest may be writing', () => {
  const directory = parent();
  runThat(directory, 'fstests-xfs', 1, 'older');
  const going = createRun(directory, 'fstests-xfs', new Date(Date.UTC(2026, 10, 23, 8, 2)));
  mkdirSync(going.file('guest'));
  writeFileSync(join(going.file('guest'), 'check.time'), 'half');
  expect(carriedTo(runThat(directory, 'fstests-xfs', 3))).toBe('older');
});

test.runIf(process.getuid?.() === 0)('ignores a run of another user', () => {
  const directory = parent();
  runThat(directory, 'fstests-xfs', 1, 'ours');
  const theirs = runThat(directory, 'fstests-xfs', 2, 'theirs');
  chownSync(theirs.path, 65534, 65534);
  expect(carriedTo(runThat(directory, 'fstests-xfs', 3))).toBe('ours');
});

test('reads only ordinary files of an ordinary size from a guest', () => {
  const run = runThat(parent(), 'fstests-xfs', 1, 'generic/001 2\n');
  const path = (name: string) => join(run.file('guest'), name);
  symlinkSync('/etc/passwd', path('link'));
  execFileSync('mkfifo', [path('pipe')]);
  writeFileSync(path('large'), '');
  truncateSync(path('large'), 1 << 30);
  const texts = ['check.time', 'link', 'pipe', 'large', 'gone'].map((name) =>
    readGuestFile(run, name),
  );
  expect(texts).toEqual(['generic/001 2\n', undefined, undefined, undefined, undefined]);
});

describe('the earlier run that lists the expected tests', () => {
  const command = (...words: string[]) => ({ arguments: words });
  const check = command('fstests-check', '-g', 'quick');

  function ended(directory: string, minute: number, changes: Partial<RunResult>): RunDirectory {
    const run = createRun(directory, 'fstests-xfs', new Date(Date.UTC(2026, 10, 23, 8, minute)));
    const whole = { command: check, commandStatus: 0, tests: tests({ 'xfs/001': 'pass' }) };
    finishRun(run, aResult({ id: run.id, ...whole, ...changes }));
    return run;
  }

  test('is the newest of the same cut and command that ended and reported tests', () => {
    const directory = parent();
    const wanted = ended(directory, 1, {});
    ended(directory, 2, { command: command('fstests-check', 'xfs/002') });
    ended(directory, 3, { commandStatus: undefined });
    ended(directory, 4, { tests: [] });
    runThat(directory, 'fstests-ext4', 5);
    const now = createRun(directory, 'fstests-xfs', new Date(Date.UTC(2026, 10, 23, 9)));
    expect(findEarlierRun(now, check)?.id).toBe(wanted.id);
  });

  test('may not exist', () => {
    const run = createRun(parent(), 'fstests-xfs', new Date());
    expect(findEarlierRun(run, check)).toBeUndefined();
  });
});
