import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { byName, createRunner, expectedOf, type Fault, judgedAs } from '../../support/runs.ts';
import { createWorkspace } from '../../support/workspace.ts';

/** `rapido run`: a run for each verdict that a test can have. */
describe('rapido run', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  it('passes with what the command prints, and nothing else on stdout; the results are kept', async () => {
    const junit = join(home.directory, 'copy.xml');
    const ran = await run([
      'simple-example',
      '--cpus',
      '1',
      '--memory',
      '300M',
      '--junit',
      junit,
      '--',
      'echo',
      'a <word>',
    ]);
    expect(ran).toMatchObject({ status: 0, stdout: 'a <word>\n' });
    expect(ran.stderr).toContain('PASS simple-example: the command succeeded');
    expect(ran.result).toMatchObject({
      version: 1,
      verdict: 'pass',
      status: 0,
      cut: 'simple-example',
      command: { arguments: ['echo', 'a <word>'] },
      commandStatus: 0,
      autorun: [{ script: '00-simple-example.sh', status: 0 }],
      vm: { cpus: 1, memory: 300 * 1024 * 1024 },
      tests: [],
    });
    expect(ran.file('junit.xml').toString()).toMatch(/<testsuites?[^>]* failures="0"/);
    expect(readFileSync(junit, 'utf8')).toBe(ran.file('junit.xml').toString());
    expect(ran.file('console.log').toString('latin1')).toMatch(/Linux \S+ was up in/);
    const latest = readFileSync(join(ran.results, 'latest/result.json'), 'utf8');
    expect(JSON.parse(latest)).toEqual(ran.result);
    expect(readdirSync(ran.results).filter((name) => name !== '.configs')).toHaveLength(2);
  });

  it('fails with the exit status of the command; --json prints the result, and nothing else', async () => {
    const ran = await run(['simple-example', '--json', '-x', 'echo unseen; exit 42']);
    expect(ran).toMatchObject({
      status: 42,
      result: {
        verdict: 'fail',
        status: 42,
        commandStatus: 42,
        reason: 'the command exited with status 42',
      },
    });
    expect(JSON.parse(ran.stdout)).toEqual(ran.result);
    expect(ran.file('stdout.log').toString()).toBe('unseen\n');
  });

  it('keeps its results where `rapido results` finds them', async () => {
    const ran = await home.rapido(['run', 'simple-example', '-x', 'exit 255']);
    expect(ran.status).toBe(255);
    const shown = await home.rapido(['results', 'latest', '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ verdict: 'fail', cut: 'simple-example' });
  });

  const FAULTS: Fault[] = [
    {
      name: 'a panic in the command is a crash',
      args: ['-x', 'echo c > /proc/sysrq-trigger'],
      verdict: 'crash',
      reason: 'the kernel crashed during the command: kernel panic: sysrq triggered crash',
    },
    {
      name: 'a taint by a warning that was not printed is a splat',
      args: ['-x', 'echo 512 > /proc/sys/kernel/tainted'],
      verdict: 'splat',
      reason: 'the kernel reported a problem: kernel tainted: W, a warning',
    },
    {
      name: 'a command without output for longer than --silence is a timeout',
      args: ['--silence', '10s', '-x', 'echo the last word; sleep 6000'],
      verdict: 'timeout',
      reason: 'there was no output for 10 s during the command',
    },
  ];

  it.each(byName(FAULTS))('%s', async (_, { args, ...fault }) => {
    const ran = await run(['simple-example', ...args]);
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });
});
