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

/** How much of the earlier console output is read to show its last lines, in bytes. */
const HISTORY = 4096;

/** `rapido console N`: connects this terminal to the console until the user leaves it or the VM ends. */
export async function runConsole(name: string, options: GlobalOptions, ui: Ui): Promise<number> {
  const { vms } = findRunningVms(options, ui);
  const vm = pickVm(vms, name);
  const connection = await askVm(vm, { request: 'console' });
  await connection.nextAnswer();
  ui.note(`console of VM ${vm.number} (${vm.cut}); Ctrl-a d detaches, Ctrl-a x stops the VM`);
  let hasLeft = false;
  const keys = createConsoleKeys({
    send: (typed) => connection.socket.write(typed),
    leave: () => {
      hasLeft = true;
      connection.socket.destroy();
    },
    stop: () => sendRequest(vm, { request: 'stop' }),
    help: () =>
      terminal.write('\r\nCtrl-a d detaches, Ctrl-a x stops the VM, Ctrl-a a sends a Ctrl-a\r\n'),
  });
  const sendSize = (size: TerminalSize): void => sendRequest(vm, { request: 'size', ...size });
  const terminal = openRawTerminal(keys, sendSize);
  try {
    terminal.write(lastLines(readTail(vm.consoleLog, HISTORY)));
    terminal.write(connection.rest());
    const size = terminalSize();
    if (size !== undefined) sendSize(size);
    await new Promise<void>((resolve) => {
      connection.socket.on('data', terminal.write);
      connection.socket.once('close', resolve);
      connection.socket.once('end', resolve);
      connection.socket.resume();
    });
  } finally {
    // What the user typed for the VM must not reach the host's shell.
    if (!hasLeft) await discardInput(true);
    terminal.close();
    connection.socket.destroy();
  }
  ui.note('');
  ui.note(hasLeft ? `VM ${vm.number} keeps running` : 'the VM has ended');
  return EXIT.ok;
}

/** The last complete lines, and the unfinished one after them, which is usually the prompt. */
function lastLines(text: string): string {
  const lines = text.split('\n');
  return lines.slice(Math.max(lines.length - 12, 1)).join('\n');
}

/** Sends a request without waiting for the answer. Errors are ignored. */
function sendRequest(vm: VmEntry, request: VmRequest): void {
  askVm(vm, request).then(
    ({ socket }) => socket.end(),
    () => {},
  );
}
