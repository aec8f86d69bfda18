import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/test', import.meta.url));

/** Runs scripts/test where every program that it calls only notes its arguments. */
async function runScript(args: readonly string[], failing?: string) {
  const checkout = makeTemporaryDirectory();
  const report = join(checkout, 'report');
  for (const directory of ['scripts', '.ci', 'ci', 'guest', 'autorun', 'node_modules/.bin']) {
    mkdirSync(join(checkout, directory), { recursive: true });
  }
  copyFileSync(SCRIPT, join(checkout, 'scripts/test'));
  const calls = join(checkout, 'calls');
  const programs = ['biome', 'tsc', 'knip', 'shellcheck', 'vitest'].map(
    (name) => `node_modules/.bin/${name}`,
  );
  for (const path of ['scripts/setup', ...programs]) {
    const name = path.replace(/.*\//, '');
    const status = name === failing ? 1 : 0;
    writeFileSync(
      join(checkout, path),
      `#!/bin/sh\necho "${name} $*" >> '${calls}'\nexit ${status}\n`,
    );
    chmodSync(join(checkout, path), 0o755);
  }
  const { exitCode } = await execa('sh', [join(checkout, 'scripts/test'), ...args], {
    env: { RAPIDO_TEST_REPORT: report },
    reject: false,
  });
  const lines = (path: string): string[] => readFileSync(path, 'utf8').trim().split('\n');
  const vitest = lines(calls).find((call) => call.startsWith('vitest '));
  return {
    exitCode,
    vitest: vitest?.replaceAll(report, 'REPORT'),
    steps: lines(join(report, 'steps')),
  };
}

const REPORTERS = '--reporter=default --reporter=json --outputFile.json=REPORT/vitest.json';

describe('scripts/test', () => {
  it.each([
    [
      'without arguments',
      'the unit tests and the quick boots',
      [],
      ' --project unit --project quick',
    ],
    ['--all', 'all tests', ['--all'], ''],
    ['other arguments', 'the tests that they choose', ['boot', '-t', 'x'], ' boot -t x'],
  ])('%s: runs %s', async (_, __, args, chosen) => {
    expect((await runScript(args)).vitest).toBe(`vitest run ${REPORTERS}${chosen}`);
  });

  it('runs every step even if one fails, and reports each as .ci/run reads it', async () => {
    expect(await runScript([], 'biome')).toMatchObject({
      exitCode: 1,
      steps: [
        ...['passed setup', 'failed biome', 'passed tsc', 'passed knip'],
        ...['passed shellcheck', 'passed vitest'],
      ],
    });
  });
});
