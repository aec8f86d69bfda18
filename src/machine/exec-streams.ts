import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { removeLitter, temporaryNameFor } from '../sys/temporary.ts';
import type { CommandSockets } from '../vm/guest-commands.ts';
import { refuseUnsafe, requireSocketPath } from '../vm/registry.ts';

/** The host's ends of the streams of a command in a VM. */
export interface ExecStreams {
  sockets: CommandSockets;
  /** Resolves when QEMU has connected to the socket. */
  stdin: Promise<Socket> | undefined;
  stdout: Promise<Socket>;
  stderr: Promise<Socket>;
  close: () => void;
}

/**
 * Listens on Unix sockets for the streams of a command, in a new subdirectory of the registry. Removes those of
 * processes that were killed.
 * @throws UsageError if the path is too long for a Unix socket
 */
export function listenForStreams(directory: string, hasInput: boolean): ExecStreams {
  refuseUnsafe(directory);
  removeLitter(directory);
  const own = temporaryNameFor(join(directory, 'exec'));
  requireSocketPath(join(own, 'stdout'));
  mkdirSync(own, { mode: 0o700 });
  const closers = [(): void => rmSync(own, { recursive: true, force: true })];
  const listen = (name: string): { path: string; socket: Promise<Socket> } => {
    const path = join(own, name);
    const server = createServer({ allowHalfOpen: true });
    const socket = new Promise<Socket>((resolve) => {
      server.once('connection', (connection) => {
        connection.on('error', () => connection.destroy());
        connection.pause();
        closers.push(() => connection.destroy());
        resolve(connection);
      });
    });
    server.listen(path);
    closers.push(() => server.close());
    return { path, socket };
  };
  const [stdout, stderr] = [listen('stdout'), listen('stderr')];
  const stdin = hasInput ? listen('stdin') : undefined;
  return {
    sockets: { stdin: stdin?.path, stdout: stdout.path, stderr: stderr.path },
    stdin: stdin?.socket,
    stdout: stdout.socket,
    stderr: stderr.socket,
    close: () => {
      for (const close of closers) close();
    },
  };
}
