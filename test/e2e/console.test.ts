import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { breakModule } from '../support/broken-module.ts';
import {
  CTRL_A,
  interruptProgram,
  modesOf,
  openTerminal,
  SIZE,
  type Terminal,
} from '../support/terminal.ts';
import { createWorkspace } from '../support/workspace.ts';

/** Made of machine code. */
const hasBrokenModules = process.arch === 'x64';

const PROMPT = /rapido1:~# $/;

describe('rapido boot on a terminal', () => {
  const home = createWorkspace(afterAll);
  beforeAll(async () => {
    const module = hasBrokenModules
      ? [
          '--include',
          `${home.write('oops.ko', breakModule('reads through a null pointer'))}:/oops.ko`,
        ]
      : [];
    expect(await home.rapido(['cut', 'simple-example', ...module])).toMatchObject({ status: 0 });
  });

  const bootToPrompt = async (): Promise<Terminal> => {
    const terminal = openTerminal(home, ['boot']);
    await terminal.waitFor(PROMPT);
    return terminal;
  };

  it('shows 1 MB of output completely', async () => {
    const terminal = await bootToPrompt();
    const { type, waitFor } = terminal;
    type("seq -f '%099.0f' 10000 > /tmp/1m; wc -c < /tmp/1m; clear; cat /tmp/1m; echo END\r");
    await waitFor(/^1000000$/m);
    await waitFor(/^END$/m, 120_000);
    // The kernel may print a message in the middle of a line.
    const lines = terminal
      .shown()
      .replace(/\[ *\d+\.\d{6}\] [^\n]*\n/g, '')
      .split('\n')
      .filter((line) => /^\d{99}$/.test(line));
    expect(lines.length).toBe(10_000);
    expect(lines.every((line, index) => Number(line) === index + 1)).toBe(true);
    type('exit\r');
    expect(await terminal.ended).toBe(0);
  });

  it('runs a full-screen editor', async () => {
    const terminal = await bootToPrompt();
    const { type, waitFor } = terminal;
    type('type vi || echo NO EDITOR\r');
    const [found] = await waitFor(/^(vi is .*|NO EDITOR)$/m);
    if (found === 'NO EDITOR') {
      type('exit\r');
      await terminal.ended;
      return;
    }
    await waitFor(PROMPT);
    type('vi /tmp/note\r');
    await waitFor(/~.*~/s);
    type('ihello from vi\x1b:wq\r');
    await waitFor(PROMPT);
    type('cat /tmp/note; exit\r');
    await waitFor(/^hello from vi$/m);
    expect(await terminal.ended).toBe(0);
  });

  it.each(['exit', 'shutdown', 'reboot', 'poweroff', 'halt'])(
    'ends the VM on `%s`',
    async (command) => {
      const terminal = await bootToPrompt();
      terminal.type(`${command}\r`);
      expect(await terminal.ended).toBe(0);
      // The session ends its helper processes without a message.
      expect(terminal.shown()).not.toMatch(/Killed|\/rapido\//);
    },
  );

  it('ends the VM on `poweroff` of a kernel that cannot do that', async () => {
    const terminal = await bootToPrompt();
    terminal.type('mount --bind /dev/null /proc/sysrq-trigger; poweroff\r');
    expect(await terminal.ended).toBe(0);
    expect(terminal.shown()).not.toContain('this is a new shell');
  });

  it('ends the VM on Ctrl-a x', async () => {
    const terminal = await bootToPrompt();
    terminal.type(`${CTRL_A}x`);
    expect(await terminal.ended).toBe(0);
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
  });

  it('exits with 1 after a kernel panic, prints one line, and keeps the console', async () => {
    const terminal = await bootToPrompt();
    terminal.type('echo c > /proc/sysrq-trigger\r');
    expect(await terminal.ended).toBe(1);
    const said = terminal.shown().split('\n');
    expect(said).toContain('rapido: the kernel panicked: sysrq triggered crash');
    const log = join(home.directory, '.local/state/rapido/vm1/console.log');
    expect(said).toContain(`rapido: the console is in ${log}`);
    expect(readFileSync(log, 'utf8')).toContain('sysrq: Trigger a crash');
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
  });

  it.skipIf(!hasBrokenModules)(
    'starts another shell after an oops killed the first, says so, and does not exit with 0',
    async () => {
      const terminal = await bootToPrompt();
      const { type, waitFor } = terminal;
      // The oops kills the shell itself, which runs the builtin.
      type('exec insmod /oops.ko\r');
      await waitFor(
        /^rapido: the kernel oopsed and killed the shell \(signal \d+\); this is a new shell/m,
      );
      await waitFor(PROMPT);
      type('stty size; echo $-\r');
      await waitFor(new RegExp(`^${SIZE}\\n\\w*m\\w*$`, 'm'));
      await waitFor(PROMPT);
      await interruptProgram(terminal, PROMPT);
      type('exit\r');
      expect(await terminal.ended).toBe(1);
      expect(terminal.shown()).toMatch(
        /^rapido: the kernel crashed: .*NULL pointer dereference.*; what followed cannot be trusted$/m,
      );
    },
  );

  it('does not pass input for a VM that has ended to the host', async () => {
    const next = 'IFS= read -r -t 2 typed; echo "the host got: <$typed>"';
    const terminal = openTerminal(home, ['boot'], {}, [], next);
    await terminal.waitFor(PROMPT);
    terminal.type('echo c > /proc/sysrq-trigger\r');
    await terminal.waitFor(/Kernel panic - not syncing/);
    for (let count = 0; count < 40; count++) {
      terminal.type('rm -r precious\r');
      await sleep(50);
    }
    terminal.type('and half a line');
    expect(await terminal.ended).toBe(1);
    expect(terminal.shown()).toContain('rapido: the kernel panicked: sysrq triggered crash\n');
    expect(terminal.shown()).toContain('the host got: <>');
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
  });

  it('restores the terminal if QEMU is killed', async () => {
    const terminal = await bootToPrompt();
    const pidFile = join(home.directory, 'run/rapido/rapido_vm1.pid');
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
    expect(await terminal.ended).toBe(1);
    expect(terminal.shown()).toContain('the VM was lost: QEMU was killed by SIGKILL');
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
  });
});
