import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import { createWorkspace, type Finished } from '../support/workspace.ts';

describe('a VM never outlives its rapido', () => {
  const home = createWorkspace(afterAll);
  beforeAll(async () => {
    const cut = await home.rapido(['cut', 'simple-example', '-x', 'echo RUNNING; sleep 300']);
    expect(cut).toMatchObject({ status: 0 });
  });

  /** Boots, sends a signal to rapido when the guest runs, and returns how both ended. */
  const endBy = async (signal: NodeJS.Signals): Promise<{ boot: Finished; qemuAlive: boolean }> => {
    const log = join(home.directory, '.local/state/rapido/vm1/console.log');
    rmSync(log, { force: true });
    let rapido = 0;
    const booting = home.rapido(['boot'], {
      onStart: (pid) => {
        rapido = pid;
      },
    });
    const runs = (): boolean => {
      try {
        return /^RUNNING\r?$/m.test(readFileSync(log, 'utf8'));
      } catch {
        return false;
      }
    };
    for (let waited = 0; !runs() && waited < 60_000; waited += 100) await sleep(100);
    const qemu = Number(readFileSync(join(home.directory, 'run/rapido/rapido_vm1.pid'), 'utf8'));
    expect(identifyProcess(qemu)).toBeDefined();
    process.kill(rapido, signal);
    const boot = await booting;
    for (let waited = 0; identifyProcess(qemu) && waited < 5000; waited += 50) await sleep(50);
    return { boot, qemuAlive: identifyProcess(qemu) !== undefined };
  };

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('if rapido gets %s', async (signal, status) => {
    const { boot, qemuAlive } = await endBy(signal);
    expect(qemuAlive).toBe(false);
    expect(boot.status).toBe(status);
    expect(boot.stderr).toContain(`interrupted by ${signal}; the VM was ended`);
  });

  it('if rapido is killed; its VM number is free again afterwards', async () => {
    for (let round = 0; round < 2; round++) {
      const { boot, qemuAlive } = await endBy('SIGKILL');
      expect(qemuAlive).toBe(false);
      expect(boot.signal).toBe('SIGKILL');
      expect(boot.stderr).toContain('as rapido1 on');
    }
  });
});
