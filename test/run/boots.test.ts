import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { type FakeMachine, installFakeQemu } from '../support/fake-qemu.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

/* The order of the VMs of a run, with a QEMU that boots nothing. */
const home = createWorkspace(afterAll);
const run = createRunner(home);
const env = (): Record<string, string> => ({ PATH: process.env.PATH ?? '' });

beforeAll(() => {
  home.write('.config/rapido/rapido.conf', 'KERNEL_FORMAT="bzImage"\n');
  addCut(home, 'client', {});
  addCut(home, 'server', {});
  addCut(home, 'suite', { test: { command: ['true'], output: 'fstests', resumes: true } });
});
afterEach(() => void vi.unstubAllEnvs());

const withServer = (...args: string[]) =>
  run(['client', '--with', 'server', ...args, '--', 'true'], { env: env() });

describe('servers', () => {
  it('are ready before the client starts, and are powered off after it', async () => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.init();
      if (vm.isServer) {
        await vm.sleep(500);
        vm.note('server ready');
        await vm.sendEvent('prompt');
        await vm.received();
      } else {
        vm.note('client started');
        await vm.sendEvent('command-start');
        await vm.sendEvent('command-end', { status: '0' });
        await vm.endOutput('stdout');
        await vm.endOutput('stderr');
        await vm.received();
      }
      await vm.sendEvent('power-off', { taint: '0', left: '0' });
      await vm.shutDown('guest-shutdown');
    });
    const { status, result } = await withServer();
    expect({ status, servers: result?.servers }).toEqual({
      status: 0,
      servers: [
        {
          cut: 'server',
          number: 1,
          start: expect.any(Number),
          console: 'console-vm1-server.log',
        },
      ],
    });
    expect(qemu.notes()).toEqual([
      'server ready',
      'client started',
      'control received',
      'control power-off',
    ]);
  });

  it('one that crashes ends the client, and the run says which', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      if (!vm.isServer) {
        await vm.sendEvent('command-start');
        return;
      }
      await vm.sendEvent('prompt');
      await vm.sleep(2000);
      await vm.write('console', '[    9.100000] Kernel panic - not syncing: of the server\r\n');
      await vm.shutDown('guest-panic');
    });
    const { status, result } = await withServer();
    expect({ status, result }).toMatchObject({
      status: 120,
      result: {
        verdict: 'crash',
        reason: expect.stringMatching(/^server \(VM 1\): the kernel crashed: /),
        splats: [{ severity: 'fatal', vm: 'server (VM 1)' }],
      },
    });
  });

  it('one that is not ready at the deadline ends the run before a client starts', async () => {
    installFakeQemu(async (vm) => {
      await vm.init();
      await vm.received();
      await vm.sendEvent('power-off', { taint: '0', left: '0' });
      await vm.shutDown('guest-shutdown');
    });
    const { status, result } = await withServer('--timeout', '3s');
    expect({ status, result }).toMatchObject({
      status: 124,
      result: { verdict: 'timeout', reason: 'server (VM 1): it was not ready after 3 s' },
    });
    expect(result?.vm).toBeUndefined();
  });

  it('share the deadline with the client, and the reason names the limit of the user', async () => {
    const qemu = installFakeQemu(async (vm) => {
      await vm.init();
      if (vm.isServer) {
        await vm.sleep(4000);
        await vm.sendEvent('prompt');
        await vm.received();
        await vm.sendEvent('power-off', { taint: '0', left: '0' });
        await vm.shutDown('guest-shutdown');
        return;
      }
      const started = Date.now();
      vm.onCommand('chardev-send-break', 'refuse');
      vm.onCommand('inject-nmi', 'refuse');
      vm.onCommand('quit', () => {
        vm.note(`ran ${Date.now() - started}`);
        vm.shutDown('host-qmp-quit');
      });
      await vm.sendEvent('command-start');
    });
    const { status, result } = await withServer('--timeout', '8s');
    expect({ status, verdict: result?.verdict }).toEqual({ status: 124, verdict: 'timeout' });
    expect(result?.reason).toContain('8 s');
    const ran = qemu.notes().find((note) => note.startsWith('ran '));
    expect(Number(ran?.slice(4))).toBeLessThan(6000);
  });
});

describe('--resume-after-crash', () => {
  const crashThenPass = async (vm: FakeMachine): Promise<void> => {
    await vm.init();
    await vm.sendEvent('command-start');
    if (vm.nth === 1) {
      await vm.write('stdout', 'generic/001 1s ...  1s\ngeneric/002 2s ... ');
      await vm.sleep(300);
      await vm.write('console', '[    9.100000] Kernel panic - not syncing: of a test\r\n');
      await vm.shutDown('guest-panic');
    }
    await vm.write('stdout', 'generic/003 1s ...  1s\nRan: generic/003\nPassed all 1 tests\n');
    await vm.sendEvent('command-end', { status: '0' });
    await vm.endOutput('stdout');
    await vm.endOutput('stderr');
    await vm.received();
    await vm.sendEvent('power-off', { taint: '0', left: '0' });
    await vm.shutDown('guest-shutdown');
  };

  it('boots again without the tests that are done, and stays a crash', async () => {
    installFakeQemu(crashThenPass);
    const ran = await run(['suite', '--resume-after-crash'], { env: env() });
    expect(ran).toMatchObject({
      status: 120,
      result: {
        verdict: 'crash',
        reason: expect.stringContaining('the kernel crashed during generic/002'),
        boots: [
          { verdict: 'crash', tests: 2 },
          { verdict: 'pass', tests: 1 },
        ],
      },
    });
    expect(ran.result?.tests.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'generic/001 pass',
      'generic/002 fail',
      'generic/003 pass',
    ]);
    expect(ran.file('console.log').toString()).toContain('rapido: boot 2, without 2 tests');
  });

  it('without the option, the crash is the end', async () => {
    installFakeQemu(crashThenPass);
    const { status, result } = await run(['suite'], { env: env() });
    expect({ status, boots: result?.boots, tests: result?.tests.length }).toEqual({
      status: 120,
      boots: undefined,
      tests: 2,
    });
  });
});
