import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { CHECKOUT } from '../support/workspace.ts';

/** What ci/run-test passes to rapido, one argument a line, and its exit status. */
function runTest(cwd: string, environment: Record<string, string>) {
  const rapido = join(cwd, 'rapido');
  writeFileSync(rapido, '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 121\n');
  chmodSync(rapido, 0o755);
  return spawnSync(join(CHECKOUT, 'ci/run-test'), {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, RAPIDO: rapido, ...environment },
  });
}

test('ci/run-test passes the arguments as a shell does, and the exit status on', () => {
  const cwd = makeTemporaryDirectory();
  const RAPIDO_ARGUMENTS = "simple-example --timeout 10m -x 'echo a; false'";
  const { status, stdout } = runTest(cwd, { RAPIDO_ARGUMENTS, RAPIDO_RESULTS: 'out' });
  expect(status).toBe(121);
  expect(stdout.split('\n')).toEqual([
    ...['run', '--results', 'out', '--junit', 'out/junit.xml', '--html', 'out/run.html'],
    ...['simple-example', '--timeout', '10m', '-x', 'echo a; false', ''],
  ]);
  expect(existsSync(join(cwd, 'out'))).toBe(true);
});

test('without arguments, ci/run-test says what is missing', () => {
  const { status, stderr } = runTest(makeTemporaryDirectory(), {});
  expect(status).toBe(2);
  expect(stderr).toContain('RAPIDO_ARGUMENTS: the arguments of `rapido run`');
});
