import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/** Debian's package linux-source-… , which `scripts/setup --dev` installs. */
function findKernelSource(): string | undefined {
  if (!existsSync('/usr/src')) return undefined;
  const name = readdirSync('/usr/src').find((file) => /^linux-source-[\d.]+\.tar\.xz$/.test(file));
  return name === undefined ? undefined : join('/usr/src', name);
}

const source = findKernelSource();
/** Those that need no library beside the C library. */
const COLLECTIONS = ['size', 'kcmp', 'sync'];

/** Real collections, built from the kernel's source. Skipped where there is no linux-source package. */
describe.skipIf(source === undefined)('rapido run kselftest', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  // make cannot do with the blank in the path of a workspace.
  let directory = '';
  let installed = '';

  beforeAll(() => {
    directory = execFileSync('mktemp', ['-d', '/var/tmp/rapido-kselftest-XXXXXX'], {
      encoding: 'utf8',
    }).trim();
    const name = source!.replace(/^.*\/|\.tar\.xz$/g, '');
    const parts = ['tools/testing/selftests', 'tools/include', 'scripts', 'arch/x86/include'];
    execFileSync('tar', [
      '-xJf',
      source!,
      '-C',
      directory,
      ...parts.map((part) => `${name}/${part}`),
    ]);
    installed = join(directory, 'installed');
    execFileSync(
      'make',
      [
        '-s',
        '-C',
        join(directory, name, 'tools/testing/selftests'),
        `TARGETS=${COLLECTIONS.join(' ')}`,
        `INSTALL_PATH=${installed}`,
        'install',
      ],
      { stdio: 'pipe' },
    );
  }, 300_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('runs the requested collections and tests, and reports each test', async () => {
    const { result, file } = await run(['kselftest', '--', 'size', 'kcmp:kcmp_test', 'sync'], {
      env: { KSELFTEST_DIR: installed },
    });
    const tests = Object.fromEntries(
      (result?.tests ?? []).map(({ name, status }) => [name, status]),
    );
    expect(tests).toMatchObject({
      'size/get_size/get runtime memory use': 'pass',
      'kcmp/kcmp_test': 'pass',
      'sync/sync_test': 'skip',
    });
    expect(result?.notes).not.toContainEqual(expect.stringContaining('kcmp'));
    expect(file('stdout.log').toString()).toContain('# selftests: kcmp: kcmp_test');
  });

  test('continues after a crash with the remaining tests', async () => {
    const list = join(installed, 'kselftest-list.txt');
    const before = readFileSync(list, 'utf8');
    writeFileSync(join(installed, 'kcmp/crash.sh'), '#!/bin/sh\necho c > /proc/sysrq-trigger\n', {
      mode: 0o755,
    });
    writeFileSync(list, before.replace(/^kcmp:/m, 'kcmp:crash.sh\nkcmp:'));
    onTestFinished(() => writeFileSync(list, before));
    const { status, result } = await run(
      ['kselftest', '--resume-after-crash', '--', '-c', 'size', '-c', 'kcmp'],
      { env: { KSELFTEST_DIR: installed } },
    );
    expect({ status, verdict: result?.verdict }).toEqual({ status: 120, verdict: 'crash' });
    expect(result?.tests.map(({ name, status, message }) => [name, status, message])).toEqual([
      ['size/get_size/get runtime memory use', 'pass', undefined],
      ['kcmp/crash.sh', 'fail', expect.stringMatching(/^crashed: /)],
      ['kcmp/kcmp_test', 'pass', undefined],
    ]);
  });

  test('gives every test the time of KSELFTEST_TIMEOUT_FACTOR', async () => {
    const { stdout } = await run(
      ['kselftest', '-x', 'for name in */settings; do echo "$name $(< $name)"; done'],
      { env: { KSELFTEST_DIR: installed, KSELFTEST_TIMEOUT_FACTOR: '3' } },
    );
    expect(stdout.trim().split('\n')).toEqual(
      [...COLLECTIONS].sort().map((name) => `${name}/settings timeout=135`),
    );
  });
});

test('rejects a missing kselftest, and says how to build it', async () => {
  const home = createWorkspace();
  const { status, stderr } = await home.rapido(['cut', 'kselftest'], {
    env: { KSELFTEST_DIR: '/nowhere' },
  });
  expect(status).toBe(1);
  expect(stderr).toContain(
    'KSELFTEST_DIR: /nowhere is not a directory (expected the directory where `make kselftest-install` put the tests)',
  );
});

describe('a log of KUnit that dmesg prints', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  test('is complete, although it is longer than the log of most kernels', async () => {
    // Every line is a message of its own, as printk makes it; the console would take long.
    const text = `dmesg -n 1
      say() { echo "<6>$1" > /dev/kmsg; }
      say 'KTAP version 1'; say 1..300
      for i in {1..300}; do
        say '    KTAP version 1'
        say "    # Subtest: a_suite_with_a_name_that_is_so_long_that_few_lines_fill_the_log_of_most_kernels_$i"
        say '    1..2'
        say "    ok 1 the_first_case_of_this_suite_whose_name_is_long_as_well_for_the_same_reason_$i"
        if ((i == 1)); then
          say '    # the_second_case: EXPECTATION FAILED at lib/a-test.c:12'
          say '    Expected a == b, but'
          say '        a == 1 (0x1)'
          say "    not ok 2 the_second_case_of_this_suite_whose_name_is_long_as_well_for_the_same_reason_$i"
          say "not ok $i a_suite_with_a_name_that_is_so_long_that_few_lines_fill_the_log_of_most_kernels_$i"
        else
          say "    ok 2 the_second_case_of_this_suite_whose_name_is_long_as_well_for_the_same_reason_$i"
          say "ok $i a_suite_with_a_name_that_is_so_long_that_few_lines_fill_the_log_of_most_kernels_$i"
        fi
      done
      dmesg -n 7
      dmesg`;
    const { status, result } = await run(['simple-example', '--ktap', '-x', text]);
    expect({ status, reason: result?.reason, count: result?.tests.length }).toEqual({
      status: 1,
      reason:
        'a_suite_with_a_name_that_is_so_long_that_few_lines_fill_the_log_of_most_kernels_1/the_second_case_of_this_suite_whose_name_is_long_as_well_for_the_same_reason_1 failed',
      count: 600,
    });
    expect(result?.tests[1]).toMatchObject({
      status: 'fail',
      message: 'lib/a-test.c:12: Expected a == b, but a == 1 (0x1)',
    });
  });
});
