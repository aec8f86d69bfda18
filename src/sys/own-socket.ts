import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { UserError } from '../errors.ts';

/** O_PATH of open(2), which Node does not name; the same on all architectures that it runs on. */
const O_PATH = 0o10000000;

/**
 * Connects to a Unix socket of this user's. Another user may have put one in its place: what is looked at
 * is what is connected to.
 * @throws UserError when it is another user's, or no socket
 * @throws what open(2) refuses
 */
export function connectToOwn(path: string): Socket {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const stats = fstatSync(fd);
    if (!stats.isSocket() || stats.uid !== process.geteuid?.()) {
      throw new UserError(`${path}: is not a socket of this user`);
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
