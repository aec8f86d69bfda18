import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { errorCode } from '../errors.ts';

/** A port of 127.0.0.1 on this host. */
export interface Port {
  protocol: 'tcp' | 'udp';
  port: number;
}

/**
 * Checks whether a program of this user can listen on a port.
 * @returns the error code of bind(2) or listen(2), such as `EADDRINUSE` or `EACCES`; undefined if it can
 */
export async function tryPort({ protocol, port }: Port): Promise<string | undefined> {
  return new Promise((resolve) => {
    const address = { port, exclusive: true };
    if (protocol === 'tcp') {
      const server = createServer();
      server.once('error', (error) => resolve(errorCode(error)));
      server.listen({ ...address, host: '127.0.0.1' }, () =>
        server.close(() => resolve(undefined)),
      );
    } else {
      const socket = createSocket('udp4');
      socket.once('error', (error) => socket.close(() => resolve(errorCode(error))));
      socket.bind({ ...address, address: '127.0.0.1' }, () =>
        socket.close(() => resolve(undefined)),
      );
    }
  });
}
