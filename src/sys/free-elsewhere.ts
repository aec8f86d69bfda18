import { closeSync, fstatSync, openSync } from 'node:fs';
import { startTool } from './exec.ts';

/** Size in bytes above which starting a process takes less time than freeing a file. */
const WORTH_IT = 16 * 1024 * 1024;

/**
 * Calls `replace`, which replaces or removes a big file. A process in the background frees the blocks and pages of
 * the file: the last process that closes it waits for that, 40 ms for 100 MB on ext4.
 */
export function freeElsewhere<T>(path: string, replace: () => T): T {
  const fd = openIfBig(path);
  try {
    const result = replace();
    if (fd !== undefined) closeInBackground(fd);
    return result;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openIfBig(path: string): number | undefined {
  try {
    const fd = openSync(path, 'r');
    if (fstatSync(fd).size >= WORTH_IT) return fd;
    closeSync(fd);
  } catch {}
  return undefined; // Missing or not readable: `replace` frees it itself.
}

/** Starts a process that inherits the descriptor and exits. */
function closeInBackground(fd: number): void {
  const child = startTool(['true'], {
    stdio: ['ignore', fd, 'ignore'],
    deathSignal: undefined,
    detached: true,
  });
  child.on('error', () => {});
  child.unref();
}
