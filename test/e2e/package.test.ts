import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { installPackage } from '../support/installed-package.ts';
import { run } from '../support/workspace.ts';

test("an installed package boots the user's first cut, and the test in it passes", async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rapido package-')));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const program = await installPackage(directory);
  const env = { PATH: process.env.PATH ?? '', HOME: directory, TERM: 'dumb' };
  const rapido = (...args: string[]) => run([program, ...args], { cwd: directory, env });

  expect(await rapido('init-cuts')).toMatchObject({ status: 0 });
  const { status, stdout, stderr } = await rapido('run', 'my-test', '--json');
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: 'pass',
    autorun: [{ script: '00-my-test.sh', status: 0 }],
  });
});
