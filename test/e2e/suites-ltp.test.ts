import { dirname } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

describe('rapido run ltp, with a made-up tree in the layout of the Linux Test Project', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const runtest = home.write(
    'l t p/runtest/ours',
    `#DESCRIPTION: ours
good good01

bad bad01 "two words"
elsewhere elsewhere01
killed kill -SEGV $$
gone gone01
`,
  );
  home.write('l t p/runtest/others', 'other good01\n');
  home.write('l t p/runtest/crashing', 'good good01\ngood crash01\nother good01\ngood good01\n');
  const tool = (name: string, script: string) =>
    home.write(`l t p/testcases/bin/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  tool('good01', 'echo "good01.c:1: TPASS: it is good, $LTPROOT"');
  tool('bad01', 'echo "bad01.c:2: TPASS: so far"; echo "bad01.c:3: TFAIL: not $1"; exit 1');
  tool('crash01', 'echo c > /proc/sysrq-trigger');
  tool('elsewhere01', 'echo "elsewhere01    1  TCONF  :  elsewhere01.c:9: no moon base"; exit 32');
  const env = { LTP_DIR: dirname(dirname(runtest)) };

  test('reports each test of a runtest file, commands, and tests by name', async () => {
    const { status, result, file } = await run(
      ['ltp', '--', '-c', 'bad01 "one word"', 'other', 'ours'],
      { env },
    );
    expect({ status, verdict: result?.verdict }).toEqual({ status: 1, verdict: 'fail' });
    const duration = expect.any(Number);
    expect(result?.tests).toMatchObject([
      { name: 'bad01', status: 'fail', message: 'TFAIL: not one word', duration },
      { name: 'other', status: 'pass', duration },
      { name: 'good', status: 'pass', duration },
      { name: 'bad', status: 'fail', message: 'TFAIL: not two words' },
      { name: 'elsewhere', status: 'skip', message: 'TCONF: elsewhere01.c:9: no moon base' },
      { name: 'killed', status: 'fail', message: 'killed by signal 11' },
      { name: 'gone', status: 'fail', message: 'exit status 127' },
    ]);
    expect(file('stdout.log').toString()).toContain(`it is good, ${env.LTP_DIR}`);
  });

  test('names the test in which the kernel crashed, and continues with the others on request', async () => {
    const { status, result } = await run(['ltp', '--resume-after-crash', '--', '-f', 'crashing'], {
      env,
    });
    expect({ status, verdict: result?.verdict }).toEqual({ status: 120, verdict: 'crash' });
    expect(result?.tests.map(({ name, message }) => [name, message])).toEqual([
      ['good', undefined],
      ['good#2', expect.stringMatching(/^crashed: /)],
      ['other', undefined],
      ['good#3', undefined],
    ]);
  });

  test('passes if all tests of a pattern pass or cannot be run here', async () => {
    const { status, result } = await run(
      ['ltp', '--', '-f', 'ours,others', '-s', '^(good|other|elsewhere)$'],
      { env },
    );
    expect({ status, verdict: result?.verdict }).toEqual({ status: 0, verdict: 'pass' });
    expect(result?.tests?.map(({ name }) => name)).toEqual(['good', 'elsewhere', 'other']);
  });
});
