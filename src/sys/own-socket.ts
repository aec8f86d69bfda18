import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { UserError } from '../errors.ts';

/** O_PATH of open(2), which Node does not define; the same on all architectures that Node supports. */
const O_PATH = 0o10000000;

/**
 * Connects to a Unix socket that belongs to this user. The check and the connection use the same file descriptor,
 * so that another user cannot replace the socket in between.
 * @throws UserError if it is not a socket or belongs to another user
 * @throws the system error of open(2)
 */
export function connectToOwn(path: string): Socket {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const stats = fstatSync(fd);
    if (!stats.isSocket() || stats.uid !== process.geteuid?.()) {
      throw new UserError(`${path} is not a socket that belongs to this user`);
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const socket = createConnection({ path: `/proc/self/fd/${fd}`, allowHalfOpen: true });
  let isOpen = true;
  const release = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  socket.once('connect', release);
  socket.once('close', release);
  return socket;
}
