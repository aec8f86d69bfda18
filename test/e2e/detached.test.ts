import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { isAlive } from '../../src/sys/process-identity.ts';
import type { VmEntry } from '../../src/vm/registry.ts';
import { CTRL_C, CTRL_Z, modesOf, openTerminal, SIZE } from '../support/terminal.ts';
import { createWorkspace, type Workspace } from '../support/workspace.ts';

const PROMPT = /rapido1:~# $/;

/** Starts a program without a standard error. */
const NO_STDERR = ['sh', '-c', 'exec "$@" 2> /dev/null', 'sh'];

/** The registry's entry of a VM. */
function entryOf(home: Workspace, number: number): VmEntry {
  return JSON.parse(readFileSync(join(home.directory, `run/rapido/vm${number}.json`), 'utf8'));
}

describe('a VM in the background', () => {
  const home = createWorkspace(afterAll);
  /** Runs a command in it. */
  const exec = (words: readonly string[], options = {}) =>
    home.rapido(['exec', '1', '--', ...words], options);

  beforeAll(async () => {
    await home.rapido(['cut', 'simple-example', '-i', 'hostname']);
    const booted = await home.rapido(['boot', '--detach']);
    expect(booted).toMatchObject({ status: 0, stdout: '1\n' });
    expect(booted.stderr).toMatch(
      /^booting simple-example \(cut with -i hostname\) as rapido1 on Linux/m,
    );
  });

  it('gives a shell on a terminal: its size, job control, Ctrl-C', async () => {
    const terminal = openTerminal(home, ['exec', '1']);
    const { type, waitFor } = terminal;
    await waitFor(/^shell in VM 1 \(simple-example\)/m);
    await waitFor(PROMPT);
    type('tty; stty size; echo "$TERM $-"\r');
    await waitFor(new RegExp(`^/dev/pts/\\d+\\n${SIZE}\\nxterm \\w*m\\w*$`, 'm'));
    await waitFor(PROMPT);

    terminal.resize(50, 132);
    // Typed text may arrive before the new size.
    type('until [[ $(stty size) == "50 132" ]]; do sleep 0.1; done; stty size\r');
    await waitFor(/^50 132$/m);
    await waitFor(PROMPT);

    type('sleep 1000\r');
    await waitFor(/sleep 1000\n/);
    await sleep(500); // The echo comes before the program runs.
    type(CTRL_Z);
    await waitFor(/^\[1\]\+ +Stopped/m);
    await waitFor(PROMPT);
    type('fg\r');
    await waitFor(/sleep 1000\n/);
    await sleep(500);
    type(CTRL_C);
    await waitFor(PROMPT);
    await sleep(500); // A person does not type faster; readline drops input while it restores its state.
    type('exit $?\r');
    expect(await terminal.ended).toBe(130);
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
  });

  it('passes line feeds unchanged, as full-screen programs require', async () => {
    const script = 'stty -onlcr; printf "<one\\ntwo>"';
    const terminal = openTerminal(home, ['exec', '1', '--', 'sh', '-c', script]);
    expect(await terminal.ended).toBe(0);
    expect(terminal.shownRaw()).toContain('<one\ntwo>');
  });

  it('shows 1 MB on a terminal completely', async () => {
    const script = "seq -f '%099.0f' 10000";
    const terminal = openTerminal(home, ['exec', '1', '--', 'sh', '-c', script]);
    expect(await terminal.ended).toBe(0);
    const lines = terminal
      .shown()
      .split('\n')
      .filter((line) => /^\d{99}$/.test(line));
    expect(lines.map(Number)).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
  });

  it('leaves a command on Enter ~ . with SIGHUP, and restores the terminal', async () => {
    const terminal = openTerminal(home, ['exec', '1', '--', 'sleep', '1001']);
    await vi.waitFor(
      async () => expect((await exec(['ps', 'ax'])).stdout).toContain('sleep 1001'),
      {
        timeout: 60_000,
      },
    );
    terminal.type('\r~.');
    await terminal.waitFor(/^rapido: left the command in VM 1/m);
    expect(await terminal.ended).toBe(130);
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
    await vi.waitFor(
      async () => expect((await exec(['ps', 'ax'])).stdout).not.toContain('sleep 1001'),
      { timeout: 60_000 },
    );
  });

  it('uses pipes with -T and if an output is redirected; -t requires a terminal for input', async () => {
    const tty = ['sh', '-c', 'tty; test -t 1 || echo pipe'];
    const piped = openTerminal(home, ['exec', '-T', '1', '--', ...tty]);
    expect(await piped.ended).toBe(0);
    expect(piped.shown()).toMatch(/^not a tty\npipe$/m);
    const redirected = openTerminal(home, ['exec', '1', '--', ...tty], {}, NO_STDERR);
    await redirected.ended;
    expect(redirected.shown()).toMatch(/^not a tty\npipe$/m);
    const asked = openTerminal(home, ['exec', '-t', '1', '--', ...tty], {}, NO_STDERR);
    await asked.ended;
    expect(asked.shown()).toMatch(/^\/dev\/pts\/\d+$/m);
    const refused = await home.rapido(['exec', '-t', '1', '--', 'true'], { input: '' });
    expect(refused).toMatchObject({ status: 125 });
    expect(refused.stderr).toContain('-t: standard input is not a terminal');
  });

  it('uses pipes at a terminal, and says why, if the guest has no pseudoterminals', async () => {
    await exec(['umount', '-l', '/dev/pts']);
    const terminal = openTerminal(home, ['exec', '1', '--', 'bash']);
    await terminal.waitFor(/^rapido: the VM cannot create a pseudoterminal/m);
    terminal.type('echo $((6 * 7)) >&2; read -r\r');
    await terminal.waitFor(/^42$/m);
    terminal.type('nothing\rexit 4\r');
    expect(await terminal.ended).toBe(4);
    await exec(['mount', '-t', 'devpts', 'devpts', '/dev/pts']);
  });

  it('refuses a command for which the guest finds no channel, with the reason', async () => {
    await exec(['umount', '-l', '/sys']);
    const { status, stderr } = await exec(['true']);
    expect({ status, reason: stderr.split('\n')[0] }).toEqual({
      status: 125,
      reason:
        'rapido: error: VM 1: the guest cannot find the channels for input and output of the command',
    });
    expect(stderr).toContain('rapido console 1');
    const console = openTerminal(home, ['console', '1']);
    await console.waitFor(/rapido1:~# /);
    console.type('mount -t sysfs sysfs /sys; echo $((6 * 7))\r');
    await console.waitFor(/^42$/m);
    console.type('\x01d');
    expect(await console.ended).toBe(0);
    expect(await exec(['echo', 'back'])).toMatchObject({ status: 0, stdout: 'back\n' });
  });

  it('runs a program by its hostname, without a shell, word by word', async () => {
    const words = ['a b', '$HOME', "it's", 'two\nlines', '', 'ä'];
    const ran = await home.rapido(['exec', 'rapido1', '--', 'printf', '<%s>', ...words]);
    expect(ran).toMatchObject({ status: 0, stdout: words.map((word) => `<${word}>`).join('') });
  });

  it('passes 3 MB byte for byte', async () => {
    const script = 'seq 450000 > /tmp/x; md5sum < /tmp/x >&2; cat /tmp/x';
    const { status, stdout, stderr } = await exec(['sh', '-c', script]);
    expect(status).toBe(0);
    expect(stdout.length).toBeGreaterThan(3_000_000);
    expect(stderr).toBe(`${createHash('md5').update(stdout).digest('hex')}  -\n`);
  });

  it('runs several commands at once, and reports a missing program', async () => {
    const ran = await Promise.all([
      ...['1', '2', '3'].map((name) => exec(['sh', '-c', `sleep 1; echo ${name}`])),
      exec(['no-such-program']),
    ]);
    expect(ran.map(({ stdout }) => stdout)).toEqual(['1\n', '2\n', '3\n', '']);
    expect(ran[3]).toMatchObject({ status: 127 });
    expect(ran[3]?.stderr).toContain('no-such-program: command not found');
  });

  it('ends a command at Ctrl-C, with the status of the signal', async () => {
    const ran = await exec(['sh', '-c', 'echo READY; exec sleep 100'], {
      onOutput: (pid: number) => process.kill(pid, 'SIGINT'),
    });
    expect(ran).toMatchObject({ status: 130, stdout: 'READY\n' });
    expect((await exec(['ps', 'ax'])).stdout).not.toContain('sleep 100');
  });

  it('shows its console on a terminal of that size, and detaches', async () => {
    const terminal = openTerminal(home, ['console', '1']);
    await terminal.waitFor(/Ctrl-a d detaches/);
    await terminal.waitFor(/rapido1:~# /);
    terminal.type('echo $((6*7)); stty size\r');
    await terminal.waitFor(/^42\n37 111$/m);
    terminal.type('\x01d');
    await terminal.waitFor(/VM 1 keeps running/);
    expect(await terminal.ended).toBe(0);
    expect((await home.rapido(['ps'])).stdout).toContain('ready');
  });

  it('does not get a number twice, and reports mistakes', async () => {
    const complaints = await Promise.all(
      [['exec', '7', '--', 'true'], ['exec', '1'], ['console', 'no such'], ['stop']].map((args) =>
        home.rapido(args),
      ),
    );
    expect(complaints.map(({ status, stderr }) => `${status} ${stderr.split('\n')[0]}`)).toEqual([
      '125 rapido: error: VM 7 is not running',
      '125 rapido: error: no command given after `--`',
      '2 rapido: error: "no such" is not a VM number or name',
      '2 rapido: error: which VM?',
    ]);
  });
});

describe('a VM in the background that fails', () => {
  const home = createWorkspace(afterAll);
  afterEach(home.killVms);

  it('is ended if an autorun script fails, and prints the end of its console', async () => {
    await home.rapido(['cut', 'simple-example', '-x', 'echo to be seen; exit 3']);
    const booted = await home.rapido(['boot', '--detach']);
    expect(booted).toMatchObject({ status: 1, stdout: '' });
    expect(booted.stderr).toContain('  | to be seen\n');
    expect(booted.stderr).toContain('autorun script echo_to_be_seen_exit_3 failed: exit status 3');
    expect((await home.rapido(['ps'])).stderr).toContain('no VMs are running');
  });

  it('is ended if the process that waits for it ends, or its rapido is killed', async () => {
    await home.rapido(['cut', 'simple-example', '-x', 'sleep 1000']);
    const interrupted = await home.rapido(['boot', '--detach'], {
      onStart: (pid) => setTimeout(() => process.kill(pid, 'SIGINT'), 4000),
    });
    expect(interrupted).toMatchObject({ signal: 'SIGINT' });
    expect((await home.rapido(['stop', '--all'])).status).toBe(0);
    await home.rapido(['cut', 'simple-example']);
    await home.rapido(['boot', '--detach']);
    const { owner, qemu } = entryOf(home, 1);
    process.kill(owner.pid, 'SIGKILL');
    await vi.waitFor(() => expect(qemu !== undefined && isAlive(qemu)).toBe(false));
    expect((await home.rapido(['ps'])).stderr).toContain('no VMs are running');
  });

  it.skipIf(process.arch !== 'x64')('starts without a console that its kernel lacks', async () => {
    await home.rapido(['cut', 'simple-example']);
    const env = { QEMU_EXTRA_KERNEL_PARAMS: '8250.nr_uarts=0' };
    const booted = await home.rapido(['boot', '--detach'], { env });
    expect(booted).toMatchObject({ status: 0, stdout: '1\n' });
    expect(booted.stderr).toContain(
      'rapido: no serial console in this kernel; run commands with rapido exec 1 --',
    );
    const ran = await home.rapido([
      'exec',
      '1',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 3',
    ]);
    expect(ran).toMatchObject({ status: 3, stdout: 'out\n', stderr: 'err\n' });
    expect((await home.rapido(['stop', '1'])).stdout).toContain('has powered off');
  });

  it('is reported by ps if the kernel panics later', async () => {
    await home.rapido(['cut', 'simple-example']);
    await home.rapido(['boot', '--detach']);
    const crashed = await home.rapido([
      'exec',
      '1',
      '--',
      'sh',
      '-c',
      'echo c > /proc/sysrq-trigger',
    ]);
    expect(crashed).toMatchObject({ status: 120 });
    expect(crashed.stderr).toContain('VM 1 ended before the command did');
    const { stderr } = await home.rapido(['ps']);
    const log = join(home.directory, '.local/state/rapido/vm1/console.log');
    expect(stderr).toMatch(/VM 1 \(simple-example\) ended .* ago: the kernel panicked: sysrq/);
    expect(stderr).toContain(`(${log})`);
    expect(readFileSync(log, 'utf8')).toContain(
      'Kernel panic - not syncing: sysrq triggered crash',
    );
  });
});

it('a run has its VM for itself; stop interrupts it, and the results are written', async () => {
  const home = createWorkspace();
  const results = join(home.directory, 'results');
  const running = home.rapido([
    'run',
    'simple-example',
    '--results',
    results,
    '--',
    'sleep',
    '1000',
  ]);
  let vm: { state: string } | undefined;
  while (vm?.state !== 'testing') {
    [vm] = JSON.parse((await home.rapido(['ps', '--json'])).stdout);
  }
  const refused = await home.rapido(['exec', '1', '--', 'true']);
  expect(refused.stderr).toContain('VM 1 belongs to a test (rapido run)');
  const stopped = await home.rapido(['stop', 'rapido1']);
  expect(stopped.stdout).toBe('VM 1 (simple-example) was interrupted\n');
  expect(await running).toMatchObject({ status: 130 });
});
