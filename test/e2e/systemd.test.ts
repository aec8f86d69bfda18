import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { createRunner } from '../support/runs.ts';
import { interruptProgram, openTerminal } from '../support/terminal.ts';
import { CHECKOUT, createWorkspace, ONE_CPU } from '../support/workspace.ts';

const PROMPT = /rapido1:~# $/;

/** A guest whose PID 1 is systemd, and the session a service of it. */
describe('simple-systemd', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  it('boots to a prompt with job control, and powers off in order', async () => {
    expect(await home.rapido(['cut', 'simple-systemd'])).toMatchObject({ status: 0 });
    const terminal = openTerminal(home, ['boot']);
    const { type, waitFor } = terminal;
    await waitFor(/^systemd \d+ .*, running: \d+ units are active$/m);
    await waitFor(PROMPT);
    type('cat /proc/1/comm; systemctl is-active rapido; echo $-\r');
    await waitFor(/^systemd\nactive\n\w*m\w*$/m);
    await waitFor(PROMPT);
    await interruptProgram(terminal, PROMPT);
    type('shutdown\r');
    await waitFor(/systemd-shutdown\[1\]: Powering off\./);
    expect(await terminal.ended).toBe(0);
  });

  it('a run passes with output, input and results of the command, in the environment of a shell', async () => {
    const text = `
      cat
      cat /proc/1/comm
      grep -E '^Sig(Ign|Blk)' /proc/self/status
      echo left > /rapido/results/left
      ps -e -o comm= | grep -c '^systemd-journal'
      echo to stderr >&2`;
    const ran = await run(['simple-systemd', '-x', text], { input: 'from stdin\n' });
    expect(ran).toMatchObject({ status: 0, result: { verdict: 'pass' } });
    expect(ran.stdout.replace(/\t/g, ' ')).toBe(
      `from stdin\nsystemd\nSigBlk: ${'0'.repeat(16)}\nSigIgn: ${'0'.repeat(16)}\n1\n`,
    );
    expect(ran.file('stderr.log').toString()).toBe('to stderr\n');
    expect(ran.file('guest/left').toString()).toBe('left\n');
    expect(ran.file('console.log').toString()).toContain('systemd-shutdown[1]: Powering off.');
  });

  it('a command that kills its session does not pass: the VM ends', async () => {
    const kill = 'systemctl kill --signal=KILL rapido; sleep 60';
    const ran = await run(['simple-systemd', '-x', kill]);
    expect({ status: ran.status, verdict: ran.result?.verdict }).toEqual({
      status: 120,
      verdict: 'crash',
    });
    expect(ran.result?.reason).toBe(
      'the VM powered off before the end of the command was reported',
    );
  });

  it('fails if a unit failed; any cut can use systemd as its init', async () => {
    const cut = addCut(
      home,
      'broken-unit',
      {
        binaries: ['sh', 'systemctl', 'head', 'wc', 'false'],
        init: 'systemd',
        contents: {
          '/etc/systemd/system/broken.service':
            '[Unit]\nDescription=Breaks\n[Service]\nType=oneshot\nExecStart=false\n',
          '/etc/systemd/system/rapido.service.d/broken.conf':
            '[Unit]\nWants=broken.service\nAfter=broken.service\n',
        },
      },
      { 'simple-systemd.sh': readFileSync(join(CHECKOUT, 'autorun/simple-systemd.sh'), 'utf8') },
    );
    const ran = await run([cut]);
    expect(ran.result).toMatchObject({
      verdict: 'fail',
      reason: 'autorun script simple-systemd.sh failed: exit status 1',
    });
    expect(ran.file('console.log').toString()).toMatch(/broken\.service.*failed.*Breaks/);
  });

  it('fails without a journal', async () => {
    // An empty file masks a unit.
    const masked = ['.service', '.socket', '-audit.socket', '-dev-log.socket'].map(
      (name) => `/etc/systemd/system/systemd-journald${name}`,
    );
    const cut = addCut(
      home,
      'no-journal',
      {
        binaries: ['sh', 'systemctl', 'head', 'wc'],
        init: 'systemd',
        contents: Object.fromEntries(masked.map((path) => [path, ''])),
      },
      { 'simple-systemd.sh': readFileSync(join(CHECKOUT, 'autorun/simple-systemd.sh'), 'utf8') },
    );
    const ran = await run([cut]);
    expect(ran.result).toMatchObject({
      verdict: 'fail',
      reason: 'autorun script simple-systemd.sh failed: exit status 1',
    });
    expect(ran.file('console.log').toString()).toContain('systemd-journald is inactive');
  });
});
