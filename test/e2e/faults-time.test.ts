import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { breakModule } from '../support/broken-module.ts';
import { addCut } from '../support/cuts.ts';
import { sendQmpCommand } from '../support/monitor.ts';
import {
  byName,
  createRunner,
  expectedOf,
  type Fault,
  judgedAs,
  type RunnerOptions,
} from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

/** Longer than a boot beside four others. */
const LIMIT = '60s';

/** Guests that do not end by themselves. These VMs wait most of the time, so they wait at the same time. */
describe.concurrent('a run that hangs', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);
  beforeAll(async () => {
    await home.rapido(['cut', 'simple-example']);
  });
  const sleeper = home.write('sleeper', '#!/bin/bash\nsleep 6000\nexit\n', 0o755);

  const HANGS: (Fault & { options?: RunnerOptions })[] = [
    {
      name: 'before init ends by --boot-timeout',
      args: [
        'simple-example',
        '--include',
        `${sleeper}:/sleeper`,
        '--boot-timeout',
        '15s',
        '--',
        'true',
      ],
      options: { env: { QEMU_EXTRA_KERNEL_PARAMS: 'rdinit=/sleeper' } },
      verdict: 'timeout',
      reason: "the guest's init did not start within 15 s",
    },
    {
      name: 'in an autorun script ends by --timeout',
      args: [
        addCut(home, 'sleep-in-autorun', { binaries: ['sleep'] }, { 'hang.sh': 'sleep 6000' }),
        '--timeout',
        LIMIT,
        '--',
        'true',
      ],
      verdict: 'timeout',
      reason: 'the run exceeded the time limit of 60 s during autorun script hang.sh',
    },
    {
      name: 'in the command ends by --timeout',
      args: ['simple-example', '--timeout', LIMIT, '--', 'sleep', '6000'],
      verdict: 'timeout',
      reason: 'the run exceeded the time limit of 60 s during the command',
    },
    {
      name: 'in the command ends by --timeout, also if it changes the clock',
      args: ['simple-example', '--timeout', LIMIT, '-x', 'date -s 1990-01-01; sleep 6000'],
      verdict: 'timeout',
      reason: 'the run exceeded the time limit of 60 s during the command',
    },
    {
      name: 'at power-off ends by --timeout, although the command has succeeded',
      args: [
        'simple-example',
        '--timeout',
        LIMIT,
        '-x',
        "printf '#!/bin/bash\\nsleep 6000\\n' > /rapido/power-off",
      ],
      verdict: 'timeout',
      reason: 'the run exceeded the time limit of 60 s after the end of the command',
    },
    {
      name: 'because its CPUs were stopped ends by --timeout',
      args: ['simple-example', '--timeout', LIMIT, '-x', 'echo READY; sleep 6000'],
      options: { whenReady: ({ monitor }) => sendQmpCommand(monitor, 'stop') },
      verdict: 'timeout',
      reason: 'the run exceeded the time limit of 60 s during the command',
    },
    {
      name: 'because QEMU was stopped ends by --timeout, and QEMU with it',
      args: ['simple-example', '--timeout', LIMIT, '-x', 'echo READY; sleep 6000'],
      options: {
        whenReady: ({ qemu }) => {
          process.kill(qemu, 'SIGSTOP');
        },
      },
      verdict: 'timeout',
      reason: 'the run exceeded the time limit of 60 s during the command',
    },
  ];

  it.for(byName(HANGS))('%s', async ([, { args, options, ...fault }], { onTestFinished }) => {
    const ran = await run(args, { ...options, onTestFinished });
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });

  it.skipIf(process.arch !== 'x64')(
    'with interrupts off ends by --timeout, and the console shows where it hung',
    async ({ onTestFinished }) => {
      const module = home.write('hang.ko', breakModule('spins with interrupts off'));
      const ran = await run(
        [
          'simple-example',
          '--cpus',
          '1',
          '--include',
          `${module}:/hang.ko`,
          '--timeout',
          LIMIT,
          '--',
          'insmod',
          '/hang.ko',
        ],
        { onTestFinished },
      );
      expect(ran).toMatchObject({ status: 124, result: { verdict: 'timeout' } });
      expect(ran.file('console.log').toString('latin1')).toMatch(/RIP: 0010:\w*init/);
    },
  );

  it('shows which task is blocked and where; its test is interrupted, not failed', async ({
    onTestFinished,
  }) => {
    const text = `set -e; modprobe zram
      echo 64M > /sys/block/zram0/disksize
      mkfs.ext4 -q /dev/zram0
      mkdir /mnt/frozen
      mount /dev/zram0 /mnt/frozen
      fsfreeze --freeze /mnt/frozen
      echo TAP version 13; echo 1..1; echo '# selftests: fs: frozen'
      touch /mnt/frozen/file`;
    const ran = await run(
      [
        'simple-example',
        '--driver',
        'zram',
        '--driver',
        'ext4',
        '--ktap',
        '--silence',
        '15s',
        '-i',
        'mkfs.ext4',
        '-i',
        'fsfreeze',
        '-x',
        text,
      ],
      { onTestFinished },
    );
    expect(ran.status).toBe(124);
    expect(ran.result?.tests).toMatchObject([{ name: 'fs/frozen', status: 'interrupted' }]);
    const [task] = ran.result?.blockedTasks ?? [];
    expect(task).toMatchObject({ name: 'touch', function: expect.stringMatching(/./) });
    expect(ran.stderr).toContain(`  blocked: touch (PID ${task?.pid}) in ${task?.function}\n`);
    expect(ran.stderr).toContain('  interrupted: fs/frozen: it was running');
    expect(ran.file('console.log').toString('latin1')).toMatch(/sysrq: Show Blocked State/);
  });

  it('runs nothing of a guest that started after --boot-timeout', async ({ onTestFinished }) => {
    const late = home.write('late', '#!/bin/bash\nsleep 8\nexec /init\n', 0o755);
    const ran = await run(
      [
        'simple-example',
        '--include',
        `${late}:/late`,
        '--boot-timeout',
        '8s',
        '-x',
        'echo ran anyway',
      ],
      { env: { QEMU_EXTRA_KERNEL_PARAMS: 'rdinit=/late' }, onTestFinished },
    );
    expect(ran).toMatchObject({ status: 124, stdout: '', result: { verdict: 'timeout' } });
    expect(ran.result?.reason).toContain("the guest's init did not start within 8 s");
  });

  it('does not end if rapido was stopped for longer than --silence', async ({ onTestFinished }) => {
    const ran = await run(
      [
        'simple-example',
        '--silence',
        '15s',
        '-x',
        'echo READY; for i in {1..9}; do sleep 1; echo $i; done',
      ],
      {
        onTestFinished,
        whenReady: async ({ rapido }) => {
          process.kill(rapido, 'SIGSTOP');
          await sleep(25_000);
          process.kill(rapido, 'SIGCONT');
        },
      },
    );
    expect(ran).toMatchObject({ status: 0, result: { verdict: 'pass' } });
    expect(ran.stdout).toBe(`READY\n${[1, 2, 3, 4, 5, 6, 7, 8, 9].join('\n')}\n`);
  });

  it('does not end if it prints something for longer than --silence', async ({
    onTestFinished,
  }) => {
    const talk = 'for i in $(seq 30); do echo $i; sleep 1; done';
    const ran = await run(['simple-example', '--silence', '20s', '-x', talk], { onTestFinished });
    expect(ran).toMatchObject({ status: 0, result: { verdict: 'pass' } });
  });
});
