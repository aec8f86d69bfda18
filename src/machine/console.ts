import type { GlobalOptions } from '../cli/context.ts';
import { EXIT } from '../errors.ts';
import { readTail } from '../sys/read-tail.ts';
import { discardInput } from '../sys/terminal-mode.ts';
import { openRawTerminal, type TerminalSize, terminalSize } from '../ui/raw-terminal.ts';
import type { Ui } from '../ui/terminal.ts';
import { askVm } from '../vm/ask-vm.ts';
import type { VmEntry } from '../vm/registry.ts';
import type { VmRequest } from '../vm/vm-requests.ts';
import { createConsoleKeys } from './console-keys.ts';
import { findRunningVms, pickVm } from './pick.ts';

/** How much of what the console showed before is shown again, in bytes. */
const HISTORY = 4096;

/** `rapido console N`: its console is at this terminal until it is left, or the VM ends. */
export async function runConsole(name: string, options: GlobalOptions, ui: Ui): Promise<number> {
  const { vms } = findRunningVms(options, ui);
  const vm = pickVm(vms, name);
  const asked = await askVm(vm, { request: 'console' });
  await asked.hear();
  ui.note(`console of VM ${vm.number} (${vm.cut}); Ctrl-a d leaves it, Ctrl-a x stops the VM`);
  let hasLeft = false;
  const keys = createConsoleKeys({
    send: (typed) => asked.socket.write(typed),
    leave: () => {
      hasLeft = true;
      asked.socket.destroy();
    },
    stop: () => tell(vm, { request: 'stop' }),
    help: () => terminal.write('\r\nCtrl-a d leaves, x stops the VM, a is a Ctrl-a\r\n'),
  });
  const tellSize = (size: TerminalSize): void => tell(vm, { request: 'size', ...size });
  const terminal = openRawTerminal(keys, tellSize);
  try {
    terminal.write(lastLines(readTail(vm.consoleLog, HISTORY)));
    terminal.write(asked.rest());
    const size = terminalSize();
    if (size !== undefined) tellSize(size);
    await new Promise<void>((resolve) => {
      asked.socket.on('data', terminal.write);
      asked.socket.once('close', resolve);
      asked.socket.once('end', resolve);
      asked.socket.resume();
    });
  } finally {
    // Who types for a VM that is gone must not type for the shell.
    if (!hasLeft) await discardInput(true);
    terminal.close();
    asked.socket.destroy();
  }
  ui.note('');
  ui.note(hasLeft ? `VM ${vm.number} goes on` : 'the VM has ended');
  return EXIT.ok;
}

/** Whole lines, and the prompt behind them. */
function lastLines(text: string): string {
  const lines = text.split('\n');
  return lines.slice(Math.max(lines.length - 12, 1)).join('\n');
}

/** Does not wait for an answer: it is no matter of life. */
function tell(vm: VmEntry, request: VmRequest): void {
  askVm(vm, request).then(
    ({ socket }) => socket.end(),
    () => {},
  );
}
