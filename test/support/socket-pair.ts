import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTemporaryDirectory } from './temporary-directory.ts';

/** The two ends of a connected Unix socket, like a channel between QEMU and rapido. */
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
