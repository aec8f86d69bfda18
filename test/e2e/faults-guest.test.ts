import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { makeKernelTree } from '../support/kernel-tree.ts';
import { byName, createRunner, expectedOf, type Fault, judgedAs } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

/** What an attacker who has read the source would write, without the key. */
const FORGERY = String.raw`forge() {
  local event
  for event in init command-start command-end power-off; do
    printf '\n{"key":"","event":"%s","uptime":"1.0","status":"0","taint":"0","left":"0"}\n' "$event"
  done
  printf '\0rapido-end:00000000000000000000000000000000\0'
}
for device in /dev/vport* /dev/ttyS1 /proc/1/fd/*; do
  [[ -c $device ]] && timeout 2 bash -c 'cat > "$1"' _ "$device" < <(forge)
done 2> /dev/null
forge
forge >&2
`;

/**
 * An attacker who has read the key from the memory of PID 1, and writes to the control channel by PID 1's own
 * file descriptor: pidfd_open(2) and pidfd_getfd(2), numbers of the generic system call table. He ends the
 * output with a mark, and the command with 0.
 */
const INFORMED_FORGERY = `keys=$(while read -r range permissions _ _ _ path; do
  [[ $permissions == rw* && $path == @(|'[heap]') ]] || continue
  from=$((16#\${range%-*} / 4096)) to=$((16#\${range#*-} / 4096))
  dd if=/proc/1/mem bs=4096 skip=$from count=$((to - from)) 2> /dev/null
done < /proc/1/maps | grep --text --only-matching --extended-regexp '[0-9a-f]{32}')
[[ -n $keys ]] || exit 9
for name in /sys/class/virtio-ports/*/name; do
  read -r port < "$name"
  [[ $port == org.rapido.control ]] && device=\${name%/name}
done
for fd in /proc/1/fd/*; do [[ $fd -ef /dev/\${device##*/} ]] && control=\${fd##*/}; done
for key in $keys; do printf '\\0rapido-end:%s\\0' "$key"; done
echo what came after the forged mark
perl -e '
  my ($number, @keys) = @ARGV;
  my $fd = syscall(438, syscall(434, 1, 0), $number + 0, 0);
  open(my $control, ">&=", $fd) or exit 8;
  for my $key (@keys) {
    syswrite($control, qq(\\n{"key":"$key","event":"command-end","status":"0"}\\n));
  }' "$control" $keys || exit 7
sleep 1
echo what came after the forged end
exit 3`;

/** Overwrites the program of PID 1 with zeros, so that it crashes when it continues. */
const DESTROY_INIT = `while read -r range permissions _ _ _ path; do
  [[ $permissions == r-x* && $path == */bash ]] || continue
  from=$((16#\${range%-*} / 4096)) to=$((16#\${range#*-} / 4096))
  dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$from count=$((to - from)) conv=notrunc || exit
done < /proc/1/maps`;

/** What goes wrong in the guest while its kernel works. */
describe('a run whose guest misbehaves', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  const FAULTS: Fault[] = [
    {
      name: 'a command that kills itself gives 128 plus the signal: 137',
      args: ['simple-example', '--', 'bash', '-c', 'kill -KILL $$'],
      verdict: 'fail',
      status: 137,
      reason: 'status 137 (killed by SIGKILL)',
    },
    {
      name: 'a command that crashes gives 128 plus the signal: 139',
      args: ['simple-example', '--', 'bash', '-c', 'kill -SEGV $$'],
      verdict: 'fail',
      status: 139,
      reason: 'status 139 (killed by SIGSEGV)',
    },
    {
      name: 'a command that kills its process group kills only itself: 143',
      args: ['simple-example', '--', 'bash', '-c', 'kill 0; sleep 600'],
      verdict: 'fail',
      status: 143,
      reason: 'status 143 (killed by SIGTERM)',
    },
    {
      name: 'a command that kills all processes but PID 1 loses its output, and does not pass',
      args: ['simple-example', '-x', 'echo lost; kill -KILL -1; exit 0'],
      verdict: 'error',
      reason: "some of the command's output was lost",
    },
    {
      name: 'a program that is missing in the guest gives 127',
      args: ['simple-example', '--', '/run/no-such-program'],
      verdict: 'fail',
      status: 127,
      reason: 'status 127 (command not found)',
    },
    {
      name: 'a file that cannot be executed gives 126',
      args: ['simple-example', '--', '/rapido/boot.sh'],
      verdict: 'fail',
      status: 126,
      reason: 'status 126 (cannot execute)',
    },
    {
      name: 'an init that is destroyed while the command runs is a crash, although the command succeeds',
      args: ['simple-example', '-x', DESTROY_INIT],
      verdict: 'crash',
      reason: 'kernel panic: Attempted to kill init!',
    },
    {
      name: 'a command that fills the root filesystem fails',
      args: ['simple-example', '-x', 'head -c 9G /dev/zero > /full; status=$?; df /; exit $status'],
      verdict: 'fail',
      status: 1,
      reason: 'the command exited with status 1',
    },
    {
      name: 'a command that the OOM killer kills gives 137',
      args: ['simple-example', '--', 'tail', '/dev/zero'],
      verdict: 'fail',
      status: 137,
      reason: 'status 137 (killed by SIGKILL)',
    },
    {
      name: 'another process that the OOM killer kills is a splat, although the command succeeds',
      args: ['simple-example', '-x', 'tail /dev/zero & wait $!; exit 0'],
      verdict: 'splat',
      reason: /^the kernel reported a problem: .*(OOM|memory)/i,
    },
    {
      name: 'an OOM kill by sysrq is a splat, although the command succeeds',
      args: [
        'simple-example',
        '-x',
        `sleep 600 & echo 1000 > /proc/$!/oom_score_adj
          echo f > /proc/sysrq-trigger; wait $!; exit 0`,
      ],
      verdict: 'splat',
      reason: /^the kernel reported a problem: .*(OOM|memory)/i,
    },
    {
      name: 'a power-off by the command is a crash: its end was not reported',
      args: ['simple-example', '-x', 'echo o > /proc/sysrq-trigger; sleep 600'],
      verdict: 'crash',
      reason: 'powered off before the end of the command was reported',
    },
    {
      name: 'so is `shutdown`',
      args: ['simple-example', '--', 'shutdown'],
      verdict: 'crash',
      reason: 'powered off before the end of the command was reported',
    },
    {
      name: 'so is `reboot`',
      args: ['simple-example', '--', 'reboot'],
      verdict: 'crash',
      reason: 'powered off before the end of the command was reported',
    },
    {
      name: 'a power-off by an autorun script is a crash',
      args: [
        addCut(home, 'off-in-autorun', {}, { 'off.sh': 'echo o > /proc/sysrq-trigger; sleep 600' }),
        '--',
        'true',
      ],
      verdict: 'crash',
      reason: 'the VM powered off during autorun script off.sh: 0 of 1 autorun scripts',
    },
    {
      name: 'a power-off by another process after the command, before the session reports, is a crash',
      args: [
        'simple-example',
        '-i',
        'mkfifo',
        '-x',
        // The session reads the taint last: here it waits for ever.
        `mkfifo /pipe && mount --bind /pipe /proc/sys/kernel/tainted || exit 9
          (sleep 2; echo o > /proc/sysrq-trigger) & exit 0`,
      ],
      verdict: 'crash',
      reason: 'powered off',
    },
    {
      name: 'a taint is found even if /proc is not mounted',
      args: ['simple-example', '-x', 'echo 512 > /proc/sys/kernel/tainted; umount --lazy /proc'],
      verdict: 'splat',
      reason: 'the kernel reported a problem: kernel tainted: W, a warning',
    },
    {
      name: 'a taint that cannot be read is an error, although the command succeeds',
      args: ['simple-example', '-x', 'mount --bind /dev/null /proc/sys/kernel/tainted'],
      verdict: 'error',
      reason: 'the guest could not read /proc/sys/kernel/tainted',
    },
    {
      name: 'a log that the console did not show and that cannot be read is an error',
      args: ['simple-example', '-x', 'dmesg -n 1; rm "$(type -P dmesg)"'],
      verdict: 'error',
      reason:
        'the console did not show the whole kernel log, and the guest could not supply the rest',
    },
    {
      name: 'so is one that has lost its beginning',
      args: ['simple-example', '-x', 'dmesg -n 1; dmesg --clear'],
      verdict: 'error',
      reason:
        'the console did not show the whole kernel log, and the guest could not supply the rest',
    },
    {
      name: 'forged success does not hide the status of the command',
      args: ['simple-example', '-x', `${FORGERY} exit 3`],
      verdict: 'fail',
      status: 3,
      reason: 'the command exited with status 3',
    },
    {
      name: 'forged success and a power-off are a crash',
      args: ['simple-example', '-x', `${FORGERY} echo o > /proc/sysrq-trigger; sleep 600`],
      verdict: 'crash',
      reason: 'powered off before the end of the command was reported',
    },
    {
      name: 'forged success in an autorun script and a power-off are a crash',
      args: [
        addCut(
          home,
          'forger',
          { binaries: ['cat', 'timeout', 'sleep'] },
          { 'forge.sh': `${FORGERY} echo o > /proc/sysrq-trigger; sleep 600` },
        ),
        '--',
        'true',
      ],
      verdict: 'crash',
      reason: 'powered off during autorun script forge.sh',
    },
    {
      name: "a cut's directory that is not in the image is an error",
      args: [addCut(home, 'adrift', { directory: '/no/such' }), '--', 'true'],
      verdict: 'error',
      reason: 'the directory that the cut names is not in the image',
    },
  ];

  it.each(byName(FAULTS))('%s', async (_, { args, ...fault }) => {
    const ran = await run(args);
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
  });

  it.skipIf(!existsSync('/usr/bin/perl'))(
    'a guest that knows the key neither hides output nor passes: the session contradicts it',
    async () => {
      const fault = {
        verdict: 'error',
        reason: "the session's messages contradict each other and may be forged: command-end after",
      } as const;
      const programs = ['perl', 'grep', 'dd'].flatMap((name) => ['-i', name]);
      const ran = await run(['simple-example', ...programs, '-x', INFORMED_FORGERY]);
      expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
      expect(ran.stdout).toContain('\0what came after the forged mark\n');
      expect(ran.stdout).toContain('what came after the forged end\n');
    },
  );

  it('a failed autorun script gives status 1, and the command is not run', async () => {
    const fault = {
      verdict: 'fail',
      status: 1,
      reason: 'autorun script fail.sh failed: exit status 9',
    } as const;
    const cut = addCut(home, 'fail-in-autorun', {}, { 'fail.sh': 'exit 9' });
    const ran = await run([cut, '-x', 'echo the command ran']);
    expect(judgedAs(ran, fault)).toEqual(expectedOf(fault));
    expect(ran.stdout).toBe('');
    expect(ran.result?.commandStatus).toBeUndefined();
  });

  it('a daemon that keeps the output open does not delay the end: the status is that of the command', async () => {
    const ran = await run(['simple-example', '-x', 'setsid sleep 600 & echo said; exit 5']);
    expect(ran).toMatchObject({ status: 5, stdout: 'said\n' });
    expect(ran.milliseconds).toBeLessThan(120_000);
  });

  it('a forged success on a serial line is reported and not believed', async () => {
    const tree = join(home.directory, 'serial-kernel');
    makeKernelTree(tree, { drivers: ['zram'] });
    const forge = `${FORGERY} echo o > /proc/sysrq-trigger; sleep 600`;
    const ran = await run(['simple-example', '-x', forge], { env: { KERNEL_SRC: tree } });
    expect(ran).toMatchObject({ status: 120, result: { verdict: 'crash' } });
    expect(ran.result?.notes.join('\n')).toMatch(/lines on the control channel were not from/);
  });

  it('a flood on console and output does not hide the status, nor fill the memory of rapido', async () => {
    let peak = 0;
    let sampling: NodeJS.Timeout | undefined;
    const flood = 'yes flood | head -c 1M > /dev/console & yes | head -c 50M; wait; exit 7';
    const ran = await run(['simple-example', '-q', '-i', 'yes', '-x', flood], {
      prefix: ['bash', '-c', 'exec "$@" > /dev/null', 'bash'],
      onStart: (pid) => {
        sampling = setInterval(() => {
          peak = Math.max(peak, peakMemory(pid));
        }, 100);
      },
    });
    clearInterval(sampling);
    expect(ran.status).toBe(7);
    expect(ran.file('stdout.log').length).toBe(50 * 1024 * 1024);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(300 * 1024);
  });
});

/** The most memory that a process has had, in KiB: VmHWM of proc(5). */
function peakMemory(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return 0;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0);
}
