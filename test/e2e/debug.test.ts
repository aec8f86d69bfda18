import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

describe('gdb', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const socket = join(home.directory, 'run/rapido/vm1.gdb');
  const gdb = (...words: string[]) => home.rapido(['gdb', '--', '-batch', ...words]);

  it('attaches to a VM that waits before its first instruction, which then boots', async () => {
    expect(await home.rapido(['cut', 'simple-example', '-x', 'uname'])).toMatchObject({
      status: 0,
    });
    const booting = home.rapido(['boot', '--gdb']);
    let isOver = false;
    booting.finally(() => {
      isOver = true;
    });
    while (!existsSync(socket) && !isOver) await sleep(50);
    expect(await gdb('-ex', 'info threads')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\* 1 +Thread 1\.1 \(CPU#0.* 0x0*fff0 in/m),
    });
    const booted = await booting;
    expect(booted.stderr).toContain(`waiting for a debugger: rapido gdb 1, or another one`);
    expect(booted.stderr).toContain(socket);
    expect(booted).toMatchObject({ status: 0 });
    expect(existsSync(socket)).toBe(false);
  });

  it('stops the VM of a run, whose limits do not count that time, and lets it run on', async () => {
    const seen = { status: 0 as number | null, isOpen: true };
    const ran = await run(
      ['simple-example', '--silence', '8s', '-x', 'echo READY; sleep 5; echo still here'],
      {
        whenReady: async () => {
          const address = await home.rapido(['gdb', '1', '--address']);
          expect(address).toMatchObject({ status: 0, stdout: `${socket}\n` });
          // It dies without a word to QEMU, which keeps the breakpoint, and the VM stopped.
          const { status } = await gdb(
            ...['-ex', 'hbreak *0xffffffff81000000', '-ex', 'shell sleep 12'],
            ...['-ex', 'shell kill -KILL $PPID'],
          );
          Object.assign(seen, { status, isOpen: existsSync(socket) });
        },
      },
    );
    expect(seen).toEqual({ status: 137, isOpen: false });
    expect(ran).toMatchObject({ status: 0, stdout: 'READY\nstill here\n' });
    expect(ran.result?.notes).toEqual([
      expect.stringMatching(/^the VM was stopped for 1\d\.\d s, by a debugger or for a dump/),
    ]);
  });
});

describe('a dump', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  it('is written of a VM that runs, and of one whose kernel panics, with its vmcoreinfo', async () => {
    const own = join(home.directory, 'own.vmcore');
    let dumped: unknown;
    const ran = await run(
      [
        'simple-example',
        '--dump-on-crash',
        '-x',
        'echo READY; sleep 5; echo c > /proc/sysrq-trigger',
      ],
      {
        whenReady: async () => {
          dumped = await home.rapido(['dump', '1', own]);
        },
      },
    );
    expect(dumped).toMatchObject({
      status: 0,
      stdout: `${own}\n`,
      stderr: expect.stringMatching(
        /^dumping VM 1 \(simple-example\): 512 MiB of memory, compressed/m,
      ),
    });
    expect(ran).toMatchObject({ status: 120, result: { verdict: 'crash', dumps: ['vmcore'] } });
    expect(ran.stderr).toMatch(/^ {2}dump: .*\/vmcore$/m);
    for (const dump of [readFileSync(own), ran.file('vmcore')]) {
      // The header of a kdump, and the text of vmcoreinfo, are not compressed.
      const start = dump.toString('latin1', 0, 64 * 1024);
      expect(start).toMatch(/^KDUMP {3}/);
      expect(start).toContain(`OSRELEASE=${ran.result?.kernel?.release}\n`);
    }
  });
});
