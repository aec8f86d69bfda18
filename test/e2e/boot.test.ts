import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { createWorkspace, type Finished } from '../support/workspace.ts';

/** Nobody watches: stdin is not a terminal. The VM runs its autorun scripts and powers off. */
describe('rapido boot without a terminal', () => {
  const home = createWorkspace(afterAll);

  /** Cuts simple-example with more, boots it, and gives what came of that. */
  const boot = (...args: string[]): Promise<Finished> =>
    home.rapido(['cut', 'simple-example', '--boot', ...args]);

  it('finds a program below /tmp, where the guest would mount a tmpfs', async () => {
    const directory = mkdtempSync('/tmp/rapido-program-');
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    writeFileSync(join(directory, 'my-test'), '#!/bin/bash\necho it runs\n', { mode: 0o755 });
    const result = await boot('-i', join(directory, 'my-test'), '-x', 'my-test');
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('it runs');
    expect(result.stderr).toContain('rapido: all 2 autorun scripts succeeded');
  });

  it('reports a failed autorun script, and runs the next one', async () => {
    const result = await boot('-x', 'exit 3', '-x', 'echo went on');
    expect(result.status).toBe(1);
    expect(result.stdout).toContain('autorun script exit_3 failed with status 3');
    expect(result.stdout).toContain('went on');
    expect(result.stderr).toContain('rapido: autorun script exit_3 failed with status 3');
  });

  it('gives scripts an empty standard input, and reports a directory that is not in the image', async () => {
    home.write(
      '.config/rapido/cuts/adrift.js',
      "export default { summary: 'adrift', binaries: [], directory: '/no/such' };",
    );
    const script = 'read -r line; echo "read: $line, status $?, $RAPIDO_CUT $RAPIDO_VM_NUM"';
    const result = await home.rapido(['cut', 'adrift', '--boot', '-x', script]);
    expect(result.status).toBe(1);
    expect(result.stdout).toContain('read: , status 1, adrift 1');
    expect(result.stdout).toContain('there is no directory /no/such in this image');
    expect(result.stderr).toContain('the directory that the cut names is not in the image');
  });

  it('continues if the console of the kernel parameters is not a device', async () => {
    const conf = home.write(
      'console.conf',
      'QEMU_EXTRA_KERNEL_PARAMS="console=uart8250,io,0x3f8"\n',
    );
    const result = await home.rapido([
      '--conf',
      conf,
      'cut',
      'simple-example',
      '--boot',
      '-x',
      'echo still here',
    ]);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('there is no /dev/uart8250');
    expect(result.stdout).toContain('still here');
  });

  it('does not report success if a script powers off the VM', async () => {
    const result = await boot('-x', 'shutdown');
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(
      'powered off the VM itself; rapido cannot tell whether it succeeded',
    );
  });

  it('exits with 1 and prints one line if the kernel panics', async () => {
    const result = await boot('-x', 'echo c > /proc/sysrq-trigger');
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('rapido: the kernel panicked: sysrq triggered crash\n');
    const log = /the console is in (.*)\n/.exec(result.stderr)?.[1] ?? '';
    expect(readFileSync(log, 'utf8')).toContain(
      'Kernel panic - not syncing: sysrq triggered crash',
    );
  });

  it('does not treat a reset as an orderly end', async () => {
    const result = await boot('-x', 'echo b > /proc/sysrq-trigger; sleep 9');
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('the VM reset without shutting down');
  });

  it('gives the VM the requested CPUs and memory', async () => {
    await home.rapido([
      'cut',
      'simple-example',
      '-i',
      'nproc',
      '-x',
      'nproc; grep MemTotal /proc/meminfo; hostname',
    ]);
    const result = await home.rapido(['boot', '--cpus', '3', '--memory', '400M']);
    expect(result.status).toBe(0);
    expect(result.stdout).toMatch(/^3\r?$/m);
    const kib = Number(/MemTotal:\s+(\d+) kB/.exec(result.stdout)?.[1]);
    expect(kib).toBeGreaterThan(300 * 1024);
    expect(kib).toBeLessThan(400 * 1024);
  });

  /** The protocol of a bzImage's setup header; the kernel's PVH entry calls itself 2.12. */
  it.each([
    ['the vmlinux unpacked from the kernel if it is emulated', 'auto', /^0x020c\r?$/m],
    ['the bzImage on request', 'bzImage', /^0x020[d-f]\r?$/m],
  ])('boots %s', async (_, format, protocol) => {
    const env = { KERNEL_FORMAT: format, VM_ACCEL: 'tcg' };
    await home.rapido(['cut', 'simple-example', '-x', 'cat /sys/kernel/boot_params/version']);
    const result = await home.rapido(['boot'], { env });
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(protocol);
  });

  it("prints QEMU's message and a hint if QEMU does not start", async () => {
    await home.rapido(['cut', 'simple-example']);
    const result = await home.rapido(['boot', '--', '-device', 'no-such-device']);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("'no-such-device' is not a valid device model name");
    expect(result.stderr).toContain('QEMU did not start the VM');
    expect(result.stderr).toContain('hint: check QEMU_EXTRA_ARGS');
  });

  it('accepts requests to QEMU from other processes while the VM runs', async () => {
    await home.rapido(['cut', 'simple-example', '-x', 'sleep 5']);
    const booting = home.rapido(['boot']);
    const socket = join(home.directory, 'run/rapido/vm1.qmp');
    for (let waited = 0; !existsSync(socket) && waited < 30_000; waited += 50) await sleep(50);
    const connection = createConnection(socket).setEncoding('utf8');
    const [greeting] = await once(connection, 'data');
    expect(JSON.parse(greeting)).toHaveProperty('QMP.version');
    connection.destroy();
    expect(await booting).toMatchObject({ status: 0 });
    expect(existsSync(socket)).toBe(false);
  });

  it('gives each VM its own number, hostname and console log', async () => {
    await home.rapido(['cut', 'simple-example', '-x', 'uname -n; sleep 4']);
    const results = await Promise.all([home.rapido(['boot']), home.rapido(['boot'])]);
    expect(results.map(({ status }) => status)).toEqual([0, 0]);
    const names = results.map(({ stdout }) => /^rapido\d/m.exec(stdout)?.[0]).sort();
    expect(names).toEqual(['rapido1', 'rapido2']);
    expect(existsSync(join(home.directory, 'run/rapido/vm1.json'))).toBe(false);
    for (const number of [1, 2]) {
      const log = join(home.directory, `.local/state/rapido/vm${number}/console.log`);
      expect(readFileSync(log, 'utf8')).toContain(`rapido${number}`);
    }
  });
});
