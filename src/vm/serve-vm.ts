import { UserError } from '../errors.ts';
import { readLines } from '../sys/lines.ts';
import type { ConsoleHub } from './console-hub.ts';
import type { LiveVm } from './live-vm.ts';
import { type Asker, type RequestServer, serveRequests, type VmRequest } from './vm-requests.ts';

/**
 * Does for other processes what they ask of a VM, until the server is closed.
 * @param path of the socket
 * @param console undefined: it is at somebody's terminal
 */
export async function serveVm(
  path: string,
  vm: LiveVm,
  console: ConsoleHub | undefined,
): Promise<RequestServer> {
  return serveRequests(path, (request, asker) => {
    switch (request.request) {
      case 'exec':
        return runCommand(request, vm, asker);
      case 'console':
        return showConsole(console, asker);
      case 'size':
        vm.commands.resize(request.rows, request.columns);
        asker.socket.destroySoon();
        return;
      case 'stop':
        return stopVm(vm, asker);
      default:
        throw new UserError('the rapido that watches this VM does not know that request');
    }
  });
}

async function runCommand(
  { words, sockets, terminal }: Extract<VmRequest, { request: 'exec' }>,
  vm: LiveVm,
  { socket, answer }: Asker,
): Promise<void> {
  const command = await vm.commands.run(
    words.map((word) => Buffer.from(word, 'base64')),
    sockets,
    terminal,
  );
  let hasEnded = false;
  answer({ answer: 'started' });
  command.hasTerminal.then((made) => answer({ answer: 'terminal', made }));
  // Each line names a signal for the command, the size of its terminal, or the word by which its output is to
  // end. Who asked goes away when all output has come, or leaves the command behind as a closed terminal does.
  const gone = readLines(socket, (line) => {
    const size = /^size (\d+) (\d+)$/.exec(line);
    const word = /^end ([0-9a-f]{32})$/.exec(line)?.[1];
    if (size !== null) command.resize(Number(size[1]), Number(size[2]));
    else if (word !== undefined && hasEnded) command.endOutput(word);
    else if (/^[A-Z]+$/.test(line)) command.signal(line);
  }).then(() => {
    if (!hasEnded) command.signal('HUP');
  });
  socket.resume();
  const status = await command.ended;
  hasEnded = true;
  answer({ answer: 'ended', status });
  await gone;
  await command.release();
}

function showConsole(console: ConsoleHub | undefined, asker: Asker): void {
  if (console === undefined) {
    throw new UserError('its console is at the terminal where it was booted', {
      hint: 'rapido exec N is a shell in it',
    });
  }
  asker.answer({ answer: 'granted' });
  console.attach(asker.socket, asker.rest);
}

async function stopVm(vm: LiveVm, { socket, answer }: Asker): Promise<void> {
  answer({ answer: 'stopped', how: await vm.stop() });
  socket.destroySoon();
}
