import { closeSync, constants, fstatSync, openSync, statSync, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errorCode } from '../errors.ts';
import { isInForeground } from '../sys/process-identity.ts';

const writeTo = promisify(write);

/** Where a guest's output goes, byte for byte. */
export interface GuestOutput {
  /** Resolves when the next part may come: the reader sets the pace. */
  write: (chunk: Buffer) => Promise<void>;
  /** Drops what has not been written: nobody waits for the reader any more. */
  close: () => void;
}

/** How long to wait for a reader that is behind, in milliseconds: at first, and in the end. */
const WAIT = { first: 1, longest: 50 } as const;

/**
 * Writes to rapido's own stdout (1) or stderr (2). Not by process.stdout, whose writes to a pipe
 * block everything: a reader that pauses must stop neither timers nor Ctrl-C.
 */
export function createGuestOutput(standardFd: 1 | 2): GuestOutput {
  const own = openWithoutBlocking(standardFd);
  let hasReader = true;
  let previous = Promise.resolve();
  const writeAll = async (chunk: Buffer): Promise<void> => {
    let wait: number = WAIT.first;
    for (let done = 0; hasReader && done < chunk.length; ) {
      try {
        done += (await writeTo(own ?? standardFd, chunk, done)).bytesWritten;
        wait = WAIT.first;
      } catch (error) {
        // A reader that has gone, as `head` does, needs no more, and is no reason to stop.
        if (errorCode(error) === 'EPIPE') hasReader = false;
        else if (errorCode(error) !== 'EAGAIN') throw namingStream(error, standardFd);
        else {
          await sleep(wait);
          wait = Math.min(wait * 2, WAIT.longest);
        }
      }
    }
  };
  return {
    write: (chunk) => {
      previous = previous.then(() => writeAll(chunk));
      return previous;
    },
    close: () => {
      hasReader = false;
      previous.finally(() => own !== undefined && closeSync(own)).catch(() => {});
    },
  };
}

/** What write(2) refuses has no path. */
function namingStream(error: unknown, standardFd: 1 | 2): unknown {
  if (!(error instanceof Error)) return error;
  return Object.assign(error, { path: standardFd === 1 ? 'stdout' : 'stderr' });
}

/**
 * A pipe or terminal opened a second time, as proc(5) allows: that end alone does not block, whoever
 * else has the first. A write that waits in a thread could not be given up.
 */
function openWithoutBlocking(fd: number): number | undefined {
  try {
    const stats = fstatSync(fd);
    if (!stats.isFIFO() && !stats.isCharacterDevice()) return undefined;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

export type GuestInput = typeof process.stdin;

/**
 * rapido's own input where it is meant for the guest: not closed, not /dev/null.
 * @param mayBeTerminal one in whose foreground rapido is: reading another's would stop it (SIGTTIN)
 */
export function openGuestInput({ mayBeTerminal = false } = {}): GuestInput | undefined {
  if (process.stdin.isTTY) return mayBeTerminal && isInForeground() ? process.stdin : undefined;
  try {
    const { rdev } = fstatSync(0);
    return rdev === statSync('/dev/null').rdev ? undefined : process.stdin;
  } catch {
    return undefined;
  }
}
