import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { createRunner, judgedAs } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/** A run with servers; other tests check the connection between them. */
describe('rapido run --with', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  /** Programs of every cut here. */
  const binaries = ['sleep', 'cat', 'true'];
  const addServer = (name: string, script: string): string =>
    addCut(home, name, { binaries }, { [`${name}.sh`]: script });
  addCut(home, 'client', { binaries });
  const registry = (): string[] => readdirSync(join(home.directory, 'run/rapido'));

  it('boots the servers, runs the client, shuts all down, and keeps every console', async () => {
    addServer('first', 'echo serving as $HOSTNAME');
    addServer('second', 'echo serving too');
    const ran = await run([
      'client',
      '--with',
      'first',
      '--with',
      'second:4',
      '--timeout',
      '5m',
      '-x',
      'read -r name < /proc/sys/kernel/hostname; echo "I am $name"',
    ]);
    expect(ran).toMatchObject({ status: 0, stdout: 'I am rapido2\n' });
    expect(ran.result).toMatchObject({
      verdict: 'pass',
      servers: [
        { cut: 'first', number: 1, console: 'console-vm1-first.log' },
        { cut: 'second', number: 4, console: 'console-vm4-second.log' },
      ],
    });
    expect(ran.result?.servers?.some(({ failure }) => failure !== undefined)).toBe(false);
    expect(ran.result?.times.servers).toBeGreaterThan(0);
    const console = ran.file('console-vm4-second.log').toString();
    expect(console).toMatch(/serving too[\s\S]*reboot: Power down/);
    expect(registry()).toEqual(['lock']);
  });

  it('a server that crashes ends the run, is named, and its trace is kept', async () => {
    addServer('crasher', '(sleep 4; echo c > /proc/sysrq-trigger) &');
    const ran = await run(['client', '--with', 'crasher', '--', 'sleep', '1000']);
    const reason = 'crasher (VM 1): the kernel crashed: sysrq triggered crash';
    expect(judgedAs(ran, { reason: /^crasher \(VM 1\): the kernel (crashed|panicked): / })).toEqual(
      {
        verdict: 'crash',
        status: 120,
        reason: /^crasher \(VM 1\): the kernel (crashed|panicked): /,
      },
    );
    expect(ran.result?.splats).toMatchObject([{ severity: 'fatal', vm: 'crasher (VM 1)' }]);
    expect(ran.file('console-vm1-crasher.log').toString()).toContain('Kernel panic - not syncing');
    expect(ran.stderr).toContain(reason.slice(0, 15));
    expect(registry()).toEqual(['lock']);
  });

  it("a report that a server's console does not show fails the run, too", async () => {
    const complaint = 'BUG: sleeping function called from invalid context at fs/foo.c:3';
    addServer('quiet', `dmesg -n 1; echo '<3>${complaint}' > /dev/kmsg`);
    const ran = await run(['client', '--with', 'quiet', '--', 'true']);
    expect(ran.result).toMatchObject({
      verdict: 'splat',
      status: 121,
      reason:
        'quiet (VM 1): the kernel reported a problem: BUG: sleeping function called from invalid context',
    });
  });

  it('the client is not booted if a server fails or its cut does not exist', async () => {
    addServer('failing', 'echo no disk >&2; exit 5');
    const ran = await run(['client', '--with', 'failing', '--', 'true']);
    expect(ran.result).toMatchObject({
      verdict: 'fail',
      status: 1,
      reason: 'failing (VM 1): autorun script failing.sh failed: exit status 5',
    });
    expect(ran.file('console-vm1-failing.log').toString()).toContain('no disk');
    const unknown = await run(['client', '--with', 'no-such', '--', 'true']);
    expect(unknown).toMatchObject({ status: 125 });
    const twice = ['--with', 'first:3', '--with', 'failing:3'];
    expect((await run(['client', ...twice, '--', 'true'])).stderr).toContain(
      '--with: VM 3 is assigned to both first and failing',
    );
    const strange = await run(['client', '--with', 'first:x', '--', 'true']);
    expect(strange.stderr).toContain('--with: "first:x" is not TARGET or TARGET:VM');
    expect(registry()).toEqual(['lock']);
  });

  it('--timeout ends the wait for a server that is never ready', async () => {
    addServer('hanging', 'sleep 1000');
    const ran = await run(['client', '--with', 'hanging', '--timeout', '15s', '--', 'true']);
    expect(ran.result).toMatchObject({
      verdict: 'timeout',
      status: 124,
      reason: 'hanging (VM 1): it was not ready after 15 s',
    });
    expect(registry()).toEqual(['lock']);
  });
});
