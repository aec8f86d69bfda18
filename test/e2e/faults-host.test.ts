import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { sendQmpCommand } from '../support/monitor.ts';
import {
  byName,
  createRunner,
  expectedOf,
  type Fault,
  judgedAs,
  type RunningVm,
} from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

const WAITS = ['simple-example', '-x', 'echo READY; sleep 600'];

/** What goes wrong on the host: QEMU, the cache, the disk, rapido itself. */
describe('a run whose host fails', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  const QEMU_ENDS: (Omit<Fault, 'args'> & { act: (vm: RunningVm) => void | Promise<void> })[] = [
    {
      name: 'QEMU that is killed is a crash',
      act: ({ qemu }) => void process.kill(qemu, 'SIGKILL'),
      verdict: 'crash',
      reason: 'the VM was lost during the command: QEMU was killed by SIGKILL',
    },
    {
      name: 'QEMU that gets SIGTERM is a crash',
      act: ({ qemu }) => void process.kill(qemu, 'SIGTERM'),
      verdict: 'crash',
      reason: 'the VM was lost during the command: QEMU was terminated by a signal',
    },
    {
      name: 'QEMU that is told to quit is a crash',
      act: ({ monitor }) => sendQmpCommand(monitor, 'quit'),
      verdict: 'crash',
      reason: 'QEMU was terminated during the command',
    },
    {
      name: 'a reset from outside is a crash',
      act: ({ monitor }) => sendQmpCommand(monitor, 'system_reset'),
      verdict: 'crash',
      reason: /^(the VM reset|the VM was lost) during the command/,
    },
    {
      name: 'Ctrl-C is an interruption',
      act: ({ rapido }) => void process.kill(rapido, 'SIGINT'),
      verdict: 'interrupted',
      reason: 'interrupted by SIGINT during the command',
    },
    {
      name: 'so is a SIGTERM',
      act: ({ rapido }) => void process.kill(rapido, 'SIGTERM'),
      verdict: 'interrupted',
      reason: 'interrupted by SIGTERM during the command',
    },
  ];

  it.each(byName(QEMU_ENDS))('%s', async (_, { act, ...fault }) => {
    const ran = await run(WAITS, { whenReady: act });
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });

  it('QEMU that fails after the VM has powered off is an error, although the command succeeded', async () => {
    const qemu = `bin/${architectureOf(process.arch).qemu}`;
    const failing = [
      '#!/bin/bash',
      'PATH=${PATH#*:} "${0##*/}" "$@"',
      'echo no space >&2',
      'exit 1',
    ];
    const directory = dirname(home.write(qemu, `${failing.join('\n')}\n`, 0o755));
    const ran = await run(['simple-example', '--', 'true'], {
      env: { PATH: `${directory}:${process.env.PATH}` },
    });
    const fault = {
      verdict: 'error',
      reason: 'QEMU failed with status 1 after the VM had powered off: no space',
    } as const;
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });

  it('if rapido is killed, QEMU dies too, and the run is lost', async () => {
    let qemu: number | undefined;
    const ran = await run(WAITS, {
      whenReady: (vm) => {
        qemu = vm.qemu;
        process.kill(vm.rapido, 'SIGKILL');
      },
    });
    expect(ran).toMatchObject({ status: null, signal: 'SIGKILL', result: undefined });
    const isAlive = (): boolean => identifyProcess(qemu ?? 0) !== undefined;
    for (let waited = 0; isAlive() && waited < 5000; waited += 50) await sleep(50);
    expect(isAlive()).toBe(false);
    const list = await home.rapido(['results', '--results', ran.results]);
    expect(list.stdout).toMatch(/lost/);
  });

  describe('because of a broken QEMU', () => {
    const FAKES: (Omit<Fault, 'args'> & { script: string })[] = [
      {
        name: 'one that exits with 0 without a message is a crash',
        script: 'exit 0',
        verdict: 'crash',
        reason: 'QEMU exited without an error message',
      },
      {
        name: 'one that forges the messages of a guest and exits with 0 is a crash',
        script: `for fd in 3 4 5; do
          for event in init command-start command-end power-off; do
            echo '{"key":"","event":"'$event'","uptime":"1.0","status":"0","taint":"0","left":"0"}' >&$fd
          done; done
          exit 0`,
        verdict: 'crash',
        reason: 'QEMU exited without an error message',
      },
      {
        name: 'one that does not start is an error',
        script: 'echo "qemu: no such machine" >&2; exit 1',
        verdict: 'error',
        reason: 'QEMU did not start the VM: qemu: no such machine',
      },
      {
        name: 'one that crashes is a crash',
        script: 'kill -SEGV $$',
        verdict: 'crash',
        reason: 'the VM was lost before init: QEMU was killed by SIGSEGV',
      },
    ];

    it.each(byName(FAKES))('%s', async (_, { script, ...fault }) => {
      const fake = home.write('fake/qemu-system-x86_64', `#!/bin/bash\n${script}\n`, 0o755);
      copyFileSync(fake, join(dirname(fake), 'qemu-system-aarch64'));
      chmodSync(join(dirname(fake), 'qemu-system-aarch64'), 0o755);
      const ran = await run(['simple-example', '--', 'true'], {
        env: { PATH: `${dirname(fake)}:${process.env.PATH}` },
      });
      expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
    });
  });

  describe('because of a damaged cache', () => {
    const SAYS = ['simple-example', '--', 'echo', 'all there'];
    const filesBelow = (directory: string): string[] =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
    const cutShort = (path: string): void =>
      truncateSync(path, Math.floor(readFileSync(path).length / 2));
    const passes = async (): Promise<void> => {
      expect(await run(SAYS)).toMatchObject({ status: 0, stdout: 'all there\n' });
    };

    it('a truncated image is cut again', async () => {
      await passes();
      for (const image of filesBelow(join(home.images, 'run'))) cutShort(image);
      await passes();
    });

    it('a truncated layer is rebuilt', async () => {
      await passes();
      rmSync(join(home.images, 'run'), { recursive: true });
      const layers = filesBelow(home.layers).filter((path) => path.endsWith('.layer'));
      expect(layers).not.toEqual([]);
      for (const layer of layers) cutShort(layer);
      await passes();
    });
  });

  describe('because of a broken kernel image', () => {
    const runKernel = (name: string, image: string) => {
      const tree = join(home.directory, name);
      makeKernelTree(tree, { drivers: CHANNEL_MODULES, image });
      return run(['simple-example', '--boot-timeout', '20s', '--', 'true'], {
        env: { KERNEL_SRC: tree },
      });
    };

    it('text instead of a kernel is an error', async () => {
      const text = home.write('text', 'This is no kernel.\n'.repeat(1000));
      const ran = await runKernel('text-kernel', text);
      expect(ran).toMatchObject({ status: 125, result: { verdict: 'error' } });
    });

    it('a truncated kernel never passes', async () => {
      const whole = readFileSync(hostKernel()?.image ?? '');
      const half = home.write('half', whole.subarray(0, whole.length / 2));
      const ran = await runKernel('half-kernel', half);
      expect([120, 124, 125]).toContain(ran.status);
      expect(['crash', 'timeout', 'error']).toContain(ran.result?.verdict);
    });
  });

  const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
  describe.skipIf(!canMount)('because of a full disk (needs root to mount one)', () => {
    /** Runs with a small filesystem at --results, which only that rapido sees. */
    const runOnSmallDisk = async (size: string, command: string) => {
      const disk = home.write('disk/here', '');
      const mount = 'mount -t tmpfs -o "size=$1" rapido "$2" && shift 2 && exec "$@"';
      return home.rapido(
        ['run', '--results', join(dirname(disk), 'runs'), 'simple-example', '-x', command],
        { prefix: ['unshare', '--mount', 'bash', '-c', mount, 'bash', size, dirname(disk)] },
      );
    };

    it('is an error although the command passes: its output could not be stored', async () => {
      const ran = await runOnSmallDisk('1M', 'seq 1 200000');
      expect(ran.status).toBe(125);
      expect(ran.stdout).toMatch(/^200000$/m);
      expect(ran.stderr).toMatch(/no space left on the device/);
      expect(ran.stderr).not.toMatch(/bug in rapido/);
    });

    it('is an error if the disk is full from the start', async () => {
      const ran = await runOnSmallDisk('4k', 'echo unheard');
      expect(ran.status).toBe(125);
      expect(ran.stderr).not.toMatch(/bug in rapido/);
    });
  });

  it('a full stdout is an error, not a success', async () => {
    const ran = await run(['simple-example', '--', 'echo', 'lost'], {
      prefix: ['bash', '-c', 'exec "$@" > /dev/full', 'bash'],
    });
    expect(ran.status).toBe(125);
    expect(ran.stderr).toMatch(/no space left on the device/);
    expect(ran.stderr).not.toMatch(/bug in rapido/);
  });

  describe('because of a mistake, before anything is started', () => {
    /** `bisecting`: 128 stops `git bisect run`; 125 skips a commit, for which it may be the reason. */
    const MISTAKES: [name: string, bisecting: number, args: string[]][] = [
      ['an unknown option', 128, ['simple-example', '--no-such-option']],
      ['an unknown cut', 128, ['no-such-cut']],
      ['a broken conf file', 128, ['simple-example']],
      ['an invalid duration', 128, ['simple-example', '--timeout', 'soon', '--', 'true']],
      ['a second command', 128, ['simple-example', '-x', 'true', '--', 'true']],
      ['no command after the dashes', 128, ['simple-example', '--']],
      ['a missing script', 128, ['simple-example', '-f', 'no-such-script']],
      ['a missing kernel', 128, ['simple-example', '--', 'true']],
    ];
    const environmentOf = (name: string): Record<string, string> => {
      if (name === 'a broken conf file') {
        return { RAPIDO_CONF: home.write('broken.conf', 'NO_SUCH_KEY="1"\n') };
      }
      return name === 'a missing kernel' ? { KERNEL_SRC: home.directory } : {};
    };

    it.each(MISTAKES)('%s is an error: 125, with --bisect %i', async (name, status, args) => {
      const env = environmentOf(name);
      expect(await run(args, { env })).toMatchObject({ status: 125, stdout: '' });
      const bisecting = await run([args[0] ?? '', '--bisect', ...args.slice(1)], { env });
      expect(bisecting).toMatchObject({ status, stdout: '' });
    });
  });
});
