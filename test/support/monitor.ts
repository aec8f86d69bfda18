import { createConnection } from 'node:net';
import { readLines } from '../../src/sys/lines.ts';

/**
 * Sends QEMU a command over its socket, as another program would (docs/interop/qmp-spec.rst), and waits until
 * it is done.
 */
export async function sendQmpCommand(socket: string, command: string): Promise<void> {
  const connection = createConnection(socket);
  let isDone = false;
  const closed = readLines(connection, (line) => {
    const message = JSON.parse(line);
    if ('QMP' in message) connection.write('{"execute":"qmp_capabilities","id":"hello"}\n');
    if (message.id === 'hello') connection.write(`{"execute":"${command}","id":"done"}\n`);
    if (message.id !== 'done') return;
    isDone = 'return' in message;
    connection.end();
  });
  await closed;
  if (!isDone) throw new Error(`QEMU did not do ${command}`);
}
