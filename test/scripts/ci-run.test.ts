import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

interface TestReport {
  /** Lines that scripts/test leaves: "passed biome". */
  steps?: readonly string[];
  /** What vitest leaves. */
  tests?: object;
  /** Exit status of `npm run test:all`. */
  status?: number;
  /** Exit status of `scripts/test-on --first trixie`. */
  trixie?: number;
}

/** Runs .ci/run where `npm run test:all` leaves this report: its exit status and last line. */
async function runCi({
  steps,
  tests,
  status = 0,
  trixie = 0,
}: TestReport): Promise<[number | undefined, string | undefined]> {
  const checkout = mkdtempSync(join(tmpdir(), 'rapido ci-'));
  onTestFinished(() => rmSync(checkout, { recursive: true }));
  for (const directory of ['.ci', 'bin', 'scripts']) mkdirSync(join(checkout, directory));
  copyFileSync(join(PROJECT, '.ci/run'), join(checkout, '.ci/run'));
  if (steps) writeFileSync(join(checkout, 'steps'), `${steps.join('\n')}\n`);
  if (tests) writeFileSync(join(checkout, 'vitest.json'), JSON.stringify(tests));
  const npm = join(checkout, 'bin/npm');
  writeFileSync(
    npm,
    `#!/bin/sh\n[ "$*" = 'run test:all' ] && [ "$CI" = true ] || exit 3\ncp steps vitest.json "$RAPIDO_TEST_REPORT"\nexit ${status}\n`,
  );
  const testOn = join(checkout, 'scripts/test-on');
  writeFileSync(testOn, `#!/bin/sh\n[ "$*" = '--first trixie' ] || exit 3\nexit ${trixie}\n`);
  for (const program of [npm, testOn]) chmodSync(program, 0o755);
  const { exitCode, stdout } = await execa('bash', ['.ci/run'], {
    cwd: checkout,
    env: { PATH: `${join(checkout, 'bin')}:${process.env.PATH}`, CI: '' },
    reject: false,
  });
  return [exitCode, stdout.split('\n').at(-1)];
}

const PASSED_STEPS = ['setup', 'biome', 'tsc', 'knip', 'shellcheck', 'vitest'].map(
  (name) => `passed ${name}`,
);

/** The fields of vitest's JSON report that count. */
function vitestReport(passed: number, failed: number, skipped = 0): object {
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: skipped,
    numTodoTests: 0,
    testResults: [
      {
        status: failed > 0 ? 'failed' : 'passed',
        assertionResults: failed > 0 ? [{ status: 'failed' }] : [{ status: 'passed' }],
      },
    ],
  };
}

describe('.ci/run ends with a line that', () => {
  it('counts each test, and each other step as one', async () => {
    expect(await runCi({ steps: PASSED_STEPS, tests: vitestReport(40, 0) })).toEqual([
      0,
      '46 passed, 0 failed',
    ]);
  });

  it('reports skipped tests', async () => {
    expect(await runCi({ steps: PASSED_STEPS, tests: vitestReport(40, 0, 2) })).toEqual([
      0,
      '46 passed, 0 failed, 2 skipped',
    ]);
  });

  it('counts quickstart on trixie, which is skipped if that cannot be installed', async () => {
    const report = { steps: PASSED_STEPS, tests: vitestReport(40, 0) };
    expect(await runCi({ ...report, trixie: 1 })).toEqual([1, '45 passed, 1 failed']);
    expect(await runCi({ ...report, trixie: 77 })).toEqual([0, '45 passed, 0 failed, 1 skipped']);
    expect(await runCi({ ...report, trixie: 124 })).toEqual([1, '45 passed, 1 failed']);
  });

  it('counts failed tests and failed steps', async () => {
    const steps = PASSED_STEPS.map((it) => it.replace(/passed (knip|vitest)/, 'failed $1'));
    expect(await runCi({ steps, tests: vitestReport(38, 2), status: 1 })).toEqual([
      1,
      '43 passed, 3 failed',
    ]);
  });

  it('counts a test file that could not be imported as a failure', async () => {
    const steps = PASSED_STEPS.map((it) => it.replace('passed vitest', 'failed vitest'));
    const broken = { status: 'failed', assertionResults: [] };
    const tests = { ...vitestReport(40, 0), testResults: [broken, broken] };
    expect(await runCi({ steps, tests, status: 1 })).toEqual([1, '46 passed, 2 failed']);
  });

  it('counts a vitest that failed for another reason as a failure', async () => {
    const steps = PASSED_STEPS.map((it) => it.replace('passed vitest', 'failed vitest'));
    expect(await runCi({ steps, tests: vitestReport(40, 0), status: 1 })).toEqual([
      1,
      '46 passed, 1 failed',
    ]);
  });

  it('is a failure if no test ran', async () => {
    expect(await runCi({ steps: PASSED_STEPS, tests: vitestReport(0, 0, 5) })).toEqual([
      1,
      '0 passed, 1 failed',
    ]);
  });

  it('is a failure if there is no report', async () => {
    expect(await runCi({})).toEqual([1, '0 passed, 1 failed']);
    expect(await runCi({ steps: PASSED_STEPS, status: 1 })).toEqual([1, '0 passed, 1 failed']);
  });
});
