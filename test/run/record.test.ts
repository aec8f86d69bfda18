import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { type FakeMachine, installFakeQemu, passes } from '../support/fake-qemu.ts';
import { createWorkspace } from '../support/workspace.ts';

/* What stays of a run, with a QEMU that boots nothing. */
const home = createWorkspace(afterAll);
const runs = join(home.directory, '.local/state/rapido/runs');

beforeAll(() => {
  home.write('.config/rapido/rapido.conf', 'KERNEL_FORMAT="bzImage"\nRESULTS_KEEP="1"\n');
  addCut(home, 'small', {});
});
afterEach(() => void vi.unstubAllEnvs());

async function run(args: readonly string[], guest = passes) {
  installFakeQemu(guest);
  const env = { PATH: process.env.PATH ?? '' };
  const ran = await home.rapido(['run', ...args], { env });
  return { ...ran, stderr: ran.stderr.replaceAll(home.directory, '~') };
}

const listRuns = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory).filter((name) => !['latest', '.configs'].includes(name))
    : [];

it('a mistake in the conf, in the command line or of the host leaves no run', {
  timeout: 120_000,
}, async () => {
  addCut(home, 'incomplete', {
    trees: [{ source: '${FSTESTS_SRC}' }],
    conf: { needs: ['FSTESTS_SRC'] },
  });
  for (const args of [
    ['incomplete', '--', 'true'],
    ['small', '--driver', 'no_such_driver', '--', 'true'],
    ['small', '-i', 'no-such-program', '--', 'true'],
    ['small', '--with', 'incomplete', '--', 'true'],
    ['small', '--net', 'tap', '--', 'true'],
  ]) {
    expect(await run(args)).toMatchObject({ status: 125, stdout: '' });
    expect(listRuns(runs)).toEqual([]);
  }
  expect(existsSync(join(runs, 'latest'))).toBe(false);
});

it('removes the oldest run of its own directory', { timeout: 120_000 }, async () => {
  for (let count = 0; count < 3; count++) await run(['small', '--', 'true']);
  expect(listRuns(runs)).toHaveLength(1);
});

it('removes no run of a directory that the user names', async () => {
  const named = join(home.directory, 'results');
  for (let count = 0; count < 3; count++) await run(['small', '--results', named, '--', 'true']);
  expect(listRuns(named)).toHaveLength(3);
});

it('a pass names its directory if the guest left files in it', async () => {
  const leavesFile = async (vm: FakeMachine): Promise<void> => {
    vm.leaveFile('trace');
    await vm.init();
    await vm.sendEvent('command-start');
    await vm.sendEvent('command-end', { status: '0' });
    await vm.endOutput('stdout');
    await vm.endOutput('stderr');
    await vm.received();
    await vm.sendEvent('power-off', { taint: '0', left: '0' });
    await vm.shutDown('guest-shutdown');
  };
  const silent = await run(['small', '--', 'true']);
  expect(silent.stderr).toMatch(/^kernel: [^\n]+\nPASS small: [^\n]*\n$/);
  const left = await run(['small', '--', 'true'], leavesFile);
  expect(left.stderr).toMatch(
    /^kernel: [^\n]+\nPASS small: [^\n]*\n {2}results: ~\/\.local\/state\/rapido\/runs\/\S+\n$/,
  );
});

it('a result that cannot be printed is an error in the files, too', async () => {
  const named = join(home.directory, 'unprinted');
  installFakeQemu(passes);
  const { status, stderr } = await home.rapido(
    ['run', 'small', '--results', named, '--json', '--', 'true'],
    {
      env: { PATH: process.env.PATH ?? '' },
      prefix: ['bash', '-c', '"$@" > /dev/full', 'bash'],
    },
  );
  expect({ status, stderr: stderr.split('\n').at(-2) }).toEqual({
    status: 125,
    stderr: 'rapido: error: stdout: no space left on the device (write)',
  });
  const shown = await home.rapido(['results', '--results', named, 'latest']);
  expect(shown.stdout).toContain(
    'error: the result could not be printed (stdout: no space left on the device (write)); it was pass: the command succeeded',
  );
});

it('RESULTS_HOOK gets the directory of each run; its output goes to stderr, and its failure changes nothing', async () => {
  installFakeQemu(passes);
  const hook = home.write(
    'hook',
    '#!/bin/sh\necho "verdict: $(grep -o \'"verdict": *"[a-z]*"\' "$1/result.json")"\nexit 7\n',
    0o755,
  );
  const env = { PATH: process.env.PATH ?? '', RESULTS_HOOK: hook };
  const { status, stdout, stderr } = await home.rapido(['run', 'small', '--', 'true'], { env });
  // `said` is the output of the fake guest.
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'said\n' });
  expect(stderr).toMatch(/^PASS small: .*\nverdict: "verdict": *"pass"$/m);
  expect(stderr).toMatch(/^warning: .*RESULTS_HOOK.*status 7/m);
});

it('in a job of GitHub Actions, the log folds, and the summary is written', async () => {
  installFakeQemu(passes);
  const summary = home.write('summary.md', '');
  const env = {
    PATH: process.env.PATH ?? '',
    GITHUB_ACTIONS: 'true',
    GITHUB_STEP_SUMMARY: summary,
  };
  const { status, stderr } = await home.rapido(['run', 'small', '--', 'true'], { env });
  expect(status).toBe(0);
  expect(stderr.match(/^::group::/gm)?.length).toBeGreaterThan(0);
  expect(stderr.match(/^::endgroup::/gm)?.length).toBe(stderr.match(/^::group::/gm)?.length);
  expect(readFileSync(summary, 'utf8')).toContain('small');
});
