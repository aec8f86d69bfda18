import { afterAll, describe, expect, it } from 'vitest';
import { breakModule, type Defect } from '../support/broken-module.ts';
import { addCut } from '../support/cuts.ts';
import { byName, createRunner, expectedOf, type Fault, judgedAs } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

const PANIC = 'echo c > /proc/sysrq-trigger';

/** Ends when the session has become rapido's power-off script, after its last message. */
const UNTIL_POWER_OFF = 'until grep -q power-off /proc/1/cmdline; do sleep 0.1; done';
const SLOW_POWER_OFF = "printf '#!/bin/bash\\nsleep 600\\n' > /rapido/power-off";
const AFTER_THE_END = `${SLOW_POWER_OFF}; (${UNTIL_POWER_OFF}; sleep 0.5;`;

/** What goes wrong in the kernel, in every phase of a run. */
describe('a run whose kernel fails', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  const withParameters = (parameters: string) => ({
    env: { QEMU_EXTRA_KERNEL_PARAMS: parameters },
  });
  /** Options that put a module with a defect into the guest as /broken.ko. */
  const include = (defect: Defect): string[] => [
    '--include',
    `${home.write(`${defect.replaceAll(' ', '-')}.ko`, breakModule(defect))}:/broken.ko`,
  ];

  const noProgram = home.write('no-program', 'neither a script nor ELF\n', 0o755);

  const PANICS: (Fault & { parameters?: string })[] = [
    {
      name: 'a missing init is a crash before init',
      parameters: 'rdinit=/nosuch',
      args: ['simple-example', '--', 'true'],
      verdict: 'crash',
      // From 6.13 on, a kernel first reports that it did not find it.
      reason:
        /^the kernel crashed before init: (kernel panic: VFS: Unable to mount root fs|\/nosuch could not be found)/,
    },
    {
      name: 'an init that cannot be executed is a crash before init, although the kernel runs another',
      parameters: 'rdinit=/no-program',
      args: [
        'simple-example',
        '--include',
        `${noProgram}:/no-program`,
        '-i',
        '/bin/sh',
        '--',
        'true',
      ],
      verdict: 'crash',
      reason:
        'the kernel crashed before init: /no-program could not be executed as init (error -8)',
    },
    {
      name: 'an init that exits is a crash before init',
      parameters: 'rdinit=/usr/bin/false',
      args: ['simple-example', '--', 'true'],
      verdict: 'crash',
      reason: 'the kernel crashed before init: kernel panic: Attempted to kill init!',
    },
    {
      name: 'a panic while init loads modules is a crash',
      args: [
        addCut(home, 'panic-in-init', {
          // Debian 13 has built virtio_console and virtio_pci into its kernel.
          contents: { '/etc/modprobe.d/panic.conf': `install virtio_rng ${PANIC}\n` },
        }),
        '--',
        'true',
      ],
      verdict: 'crash',
      reason: 'the kernel crashed before init: kernel panic: sysrq triggered crash',
    },
    {
      name: 'a panic in an autorun script is a crash',
      args: [addCut(home, 'panic-in-autorun', {}, { 'panic.sh': PANIC }), '--', 'true'],
      verdict: 'crash',
      reason:
        'the kernel crashed during autorun script panic.sh: kernel panic: sysrq triggered crash',
    },
    {
      name: 'a panic between the end of the command and power-off is a crash',
      args: ['simple-example', '-x', `${AFTER_THE_END} ${PANIC}) & exit 0`],
      verdict: 'crash',
      reason: 'the kernel crashed after the end of the command: kernel panic: sysrq',
    },
    {
      name: 'a panic after which the kernel does not reboot is a crash',
      parameters: 'panic=0',
      args: ['simple-example', '-x', PANIC],
      verdict: 'crash',
      reason: 'the kernel crashed during the command: kernel panic: sysrq triggered crash',
    },
    {
      name: 'a reset is a crash',
      args: ['simple-example', '-x', 'echo b > /proc/sysrq-trigger; sleep 600'],
      verdict: 'crash',
      reason: 'the VM reset during the command',
    },
  ];

  it.each(byName(PANICS))('%s', async (_, { args, parameters, ...fault }) => {
    const ran = await run(args, parameters === undefined ? {} : withParameters(parameters));
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });

  /** Machine code for one architecture replaces drivers with bugs. */
  describe.skipIf(process.arch !== 'x64')('because of a driver with a bug', () => {
    const INSERT = 'insmod /broken.ko';
    const DEFECTS: (Omit<Fault, 'args'> & { defect: Defect; options?: string[]; text: string })[] =
      [
        {
          name: 'an oops is a crash, because nothing after it can be trusted',
          defect: 'reads through a null pointer',
          text: `${INSERT}; exit 0`,
          verdict: 'crash',
          reason: /^the kernel crashed during the command: .*NULL pointer dereference/,
        },
        {
          name: 'an oops that the kernel survives with --keep-going is a splat, although the command succeeds',
          defect: 'reads through a null pointer',
          options: ['--keep-going'],
          text: `${INSERT}; exit 0`,
          verdict: 'splat',
          reason: /^the kernel reported a problem: .*NULL pointer dereference/,
        },
        {
          name: 'an oops after which the command fails with --keep-going gives the status of the command',
          defect: 'reads through a null pointer',
          options: ['--keep-going'],
          text: `${INSERT}; exit 7`,
          verdict: 'fail',
          status: 7,
          reason: 'the command exited with status 7',
        },
        {
          name: 'a warning is a splat, although the command succeeds',
          defect: 'cannot be traced',
          text: INSERT,
          verdict: 'splat',
          reason: 'the kernel reported a problem: WARNING in ftrace_',
        },
        {
          name: 'a warning that the console did not show is a splat',
          defect: 'cannot be traced',
          text: `dmesg -n 1; ${INSERT}`,
          verdict: 'splat',
          reason: 'the kernel reported a problem: WARNING in ftrace_',
        },
        {
          name: 'a warning after the end of the command is a splat',
          defect: 'cannot be traced',
          text: `${AFTER_THE_END} ${INSERT}; echo o > /proc/sysrq-trigger) & exit 0`,
          verdict: 'splat',
          reason: 'the kernel reported a problem: WARNING in ftrace_',
        },
        {
          name: 'a warning in the middle of a flooded console is a splat',
          defect: 'cannot be traced',
          text: `yes flood | head -c 1M > /dev/console & ${INSERT}; wait`,
          options: ['-i', 'yes'],
          verdict: 'splat',
          reason: 'the kernel reported a problem: WARNING in ftrace_',
        },
        {
          name: 'a soft lockup is a splat, although the command succeeds',
          defect: 'spins forever',
          options: ['-i', 'taskset', '--cpus', '2'],
          text: `echo 1 > /proc/sys/kernel/watchdog_thresh
          taskset -c 1 ${INSERT} &
          until dmesg | grep -q 'soft lockup'; do sleep 0.5; done`,
          verdict: 'splat',
          reason: /^the kernel reported a problem: .*soft lockup/,
        },
      ];

    it.each(byName(DEFECTS))('%s', async (_, { defect, options = [], text, ...fault }) => {
      const ran = await run(['simple-example', ...include(defect), ...options, '-x', text]);
      expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
    });

    it('a warning with panic_on_warn is a crash', async () => {
      const fault = {
        verdict: 'crash',
        reason: /^the kernel crashed during the command: /,
      } as const;
      const ran = await run(
        ['simple-example', ...include('cannot be traced'), '-x', INSERT],
        withParameters('panic_on_warn=1'),
      );
      expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
    });
  });

  it("finds every report, even in the middle of a program's coloured output", async () => {
    const text = `printf '\\033[0;3' > /dev/console
      echo "<4>INFO: task adv:1 blocked for more than 120 seconds." > /dev/kmsg
      ( while :; do printf '\\033[0;31mred\\033[0m \\033[1;32mgreen\\033[0m\\n'; done > /dev/console ) & writer=$!
      sleep 0.3
      for i in {1..300}; do echo "<4>INFO: task adv$i:$i blocked for more than 120 seconds." > /dev/kmsg; done
      sleep 1
      kill $writer
      wait $writer 2> /dev/null
      echo done`;
    const { status, result } = await run(['simple-example', '-x', text]);
    expect({ status, splats: result?.splats }).toMatchObject({
      status: 121,
      splats: [{ kind: 'hung-task', severity: 'error', count: 301 }],
    });
  });

  /** The console of a PC is one of its UARTs. */
  it.skipIf(process.arch !== 'x64')(
    'a report of a kernel without a console is a splat, and its scripts do not fail because of that',
    async () => {
      const fault = {
        verdict: 'splat',
        reason: 'the kernel reported a problem: BUG: sleeping function called from invalid context',
      } as const;
      const complaint = 'BUG: sleeping function called from invalid context at fs/foo.c:3';
      const ran = await run(
        ['simple-example', '-x', `echo '<3>${complaint}' > /dev/kmsg; echo out; echo err >&2`],
        withParameters('8250.nr_uarts=0'),
      );
      expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
      expect(ran).toMatchObject({ stdout: 'out\n', result: { commandStatus: 0 } });
      expect(ran.file('stderr.log').toString()).toBe('err\n');
    },
  );

  it('a hung task is a splat, although the command succeeds', async () => {
    const fault = {
      verdict: 'splat',
      reason: /^the kernel reported a problem: .*(hung|blocked)/,
    } as const;
    const text = `set -e; modprobe zram
      echo 64M > /sys/block/zram0/disksize
      mkfs.ext4 -q /dev/zram0
      mkdir /mnt/frozen
      mount /dev/zram0 /mnt/frozen
      echo 1 > /proc/sys/kernel/hung_task_timeout_secs
      fsfreeze --freeze /mnt/frozen
      touch /mnt/frozen/file &
      until dmesg | grep -q 'blocked for more than'; do sleep 0.5; done
      fsfreeze --unfreeze /mnt/frozen
      wait`;
    const ran = await run([
      'simple-example',
      '--driver',
      'zram',
      '--driver',
      'ext4',
      '-i',
      'mkfs.ext4',
      '-i',
      'fsfreeze',
      '-x',
      text,
    ]);
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });
});
