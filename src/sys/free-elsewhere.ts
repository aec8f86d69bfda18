import { closeSync, fstatSync, openSync } from 'node:fs';
import { startTool } from './exec.ts';

/** Bytes from which on starting a process takes less time than freeing a file. */
const WORTH_IT = 16 * 1024 * 1024;

/**
 * Does what replaces or removes a big file, and leaves freeing its blocks and pages to a process in the
 * background: whoever closes such a file last waits for that, 40 ms for 100 MB on ext4.
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
  return undefined; // Not there, or not ours to read: it goes as any other file.
}

/** A process that has it open, too, and ends at once. */
function closeInBackground(fd: number): void {
  const child = startTool(['true'], {
    stdio: ['ignore', fd, 'ignore'],
    deathSignal: undefined,
    detached: true,
  });
  child.on('error', () => {});
  child.unref();
}
