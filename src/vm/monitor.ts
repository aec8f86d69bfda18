import { once } from 'node:events';
import { UserError } from '../errors.ts';
import { connectToOwn } from '../sys/own-socket.ts';
import { openQmp, type Qmp } from './qmp.ts';
import type { VmEntry } from './registry.ts';

/** How long QEMU may take to answer, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Opens the QMP monitor of a VM that another process watches, and passes it to `use`.
 * @throws UserError if QEMU does not answer
 */
export async function withMonitor<Result>(
  vm: VmEntry,
  use: (qmp: Qmp) => Promise<Result>,
): Promise<Result> {
  const failure = (cause?: unknown): UserError =>
    new UserError(`VM ${vm.number}: the monitor of QEMU does not answer`, {
      cause,
      hint: `it serves one client at a time: is another program connected to ${vm.monitorSocket}?`,
    });
  const socket = connectToOwn(vm.monitorSocket);
  socket.on('error', () => socket.destroy());
  try {
    await once(socket, 'connect').catch((cause) => {
      throw failure(cause);
    });
    const qmp = openQmp(socket);
    const isThere = await qmp.ask('query-status', { timeout: PATIENCE });
    if (isThere === undefined) throw failure();
    return await use(qmp);
  } finally {
    socket.destroy();
  }
}
