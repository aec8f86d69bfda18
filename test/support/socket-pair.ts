import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTemporaryDirectory } from './temporary-directory.ts';

/** Two ends of a connected Unix socket, like what QEMU and rapido have of a channel. */
export async function makeSocketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(join(makeTemporaryDirectory(), 'socket'));
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect(server.address() as string);
  const [[far]] = await Promise.all([accepted, once(near, 'connect')]);
  server.close();
  onTestFinished(() => {
    for (const end of [near, far]) end.destroy();
  });
  return [near, far];
}
