import { fstatSync, statSync, write } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errorCode } from '../errors.ts';

const writeTo = promisify(write);

/** Where a guest's output goes, byte for byte. */
export interface GuestOutput {
  /** Resolves when the next part may come: the reader sets the pace. */
  write: (chunk: Buffer) => Promise<void>;
}

/**
 * Writes to rapido's own stdout (1) or stderr (2). Not by process.stdout, whose writes to a pipe
 * block everything: a reader that pauses must stop neither timers nor Ctrl-C.
 */
export function createGuestOutput(fd: 1 | 2): GuestOutput {
  let hasReader = true;
  let previous = Promise.resolve();
  const writeAll = async (chunk: Buffer): Promise<void> => {
    for (let done = 0; hasReader && done < chunk.length; ) {
      try {
        done += (await writeTo(fd, chunk, done)).bytesWritten;
      } catch (error) {
        // A reader that has gone, as `head` does, needs no more, and is no reason to stop.
        if (errorCode(error) === 'EPIPE') hasReader = false;
        else if (errorCode(error) === 'EAGAIN') await sleep(5);
        else throw error;
      }
    }
  };
  return {
    write: (chunk) => {
      previous = previous.then(() => writeAll(chunk));
      return previous;
    },
  };
}

/** rapido's own input where it is meant for the guest: no terminal, not closed, not /dev/null. */
export function openGuestInput(): Readable | undefined {
  if (process.stdin.isTTY) return undefined;
  try {
    const { rdev } = fstatSync(0);
    return rdev === statSync('/dev/null').rdev ? undefined : process.stdin;
  } catch {
    return undefined;
  }
}
