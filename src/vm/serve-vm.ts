import { UserError } from '../errors.ts';
import { readLines } from '../sys/lines.ts';
import type { ConsoleHub } from './console-hub.ts';
import type { RunningVm } from './running-vm.ts';
import { type Client, type RequestServer, serveRequests, type VmRequest } from './vm-requests.ts';

/**
 * Serves the requests of other processes for a VM, until the server is closed.
 * @param path of the socket
 * @param console undefined: the console is connected to the terminal of `rapido boot`
 */
export async function serveVm(
  path: string,
  vm: RunningVm,
  console: ConsoleHub | undefined,
): Promise<RequestServer> {
  return serveRequests(path, (request, client) => {
    switch (request.request) {
      case 'exec':
        return runCommand(request, vm, client);
      case 'console':
        return showConsole(console, client);
      case 'size':
        vm.commands.resize(request.rows, request.columns);
        client.socket.destroySoon();
        return;
      case 'stop':
        return stopVm(vm, client);
    }
  });
}

async function runCommand(
  { words, sockets, terminal }: Extract<VmRequest, { request: 'exec' }>,
  vm: RunningVm,
  { socket, answer }: Client,
): Promise<void> {
  const command = await vm.commands.run(
    words.map((word) => Buffer.from(word, 'base64')),
    sockets,
    terminal,
  );
  let hasEnded = false;
  answer({ answer: 'started' });
  command.hasTerminal.then((made) => answer({ answer: 'terminal', made }));
  // Each line is a signal for the command, the size of its terminal, or the word for the end mark of its output. The
  // client closes the connection when all output has arrived. If it closes it before the command has ended, the
  // command gets SIGHUP, as from a closed terminal.
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
  try {
    const status = await command.ended;
    hasEnded = true;
    answer({ answer: 'ended', status });
    await gone;
  } finally {
    await command.release();
  }
}

function showConsole(console: ConsoleHub | undefined, client: Client): void {
  if (console === undefined) {
    throw new UserError('its console is the terminal in which it was booted', {
      hint: 'for a shell in it: rapido exec N',
    });
  }
  client.answer({ answer: 'granted' });
  console.attach(client.socket, client.rest);
}

async function stopVm(vm: RunningVm, { socket, answer }: Client): Promise<void> {
  answer({ answer: 'stopped', how: await vm.stop() });
  socket.destroySoon();
}
