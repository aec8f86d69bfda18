import { once } from 'node:events';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { readLines } from '../../src/sys/lines.ts';
import { makeTemporaryDirectory } from './temporary-directory.ts';

export interface QmpCommand {
  execute: string;
  id: number;
  arguments?: Record<string, unknown>;
}

/**
 * A QMP monitor without QEMU, for programs that connect to its socket.
 * @param answer what it returns for a command; `{ error }`: it refuses; undefined: it does not answer
 * @returns the directory of its socket `vm1.qmp`
 */
export async function startFakeMonitor(
  answer: (command: QmpCommand) => unknown,
): Promise<{ directory: string; socket: string }> {
  const directory = makeTemporaryDirectory();
  const socket = `${directory}/vm1.qmp`;
  const server = createServer((client) => {
    const say = (message: unknown): void => {
      client.write(`${JSON.stringify(message)}\r\n`);
    };
    client.on('error', () => {});
    say({ QMP: { version: {}, capabilities: [] } });
    readLines(client, (line) => {
      const command: QmpCommand = JSON.parse(line);
      const said = command.execute === 'qmp_capabilities' ? {} : answer(command);
      if (said === undefined) return;
      const isError = typeof said === 'object' && said !== null && 'error' in said;
      say({ id: command.id, ...(isError ? { error: { desc: said.error } } : { return: said }) });
    });
  }).listen(socket);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { directory, socket };
}
