import { closeSync, constants, fstatSync, openSync, statSync, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errorCode } from '../errors.ts';
import { isInForeground } from '../sys/process-identity.ts';

const writeTo = promisify(write);

/** A stream of rapido to which the output of a guest is written, byte for byte. */
export interface GuestOutput {
  /** Resolves when the chunk is written, so that a slow reader slows down the guest. */
  write: (chunk: Buffer) => Promise<void>;
  /** Drops what has not been written, without waiting for the reader. */
  close: () => void;
}

/** How long to wait for a slow reader before the next attempt, in milliseconds; doubled each time. */
const WAIT = { first: 1, longest: 50 } as const;

/**
 * Writes to rapido's stdout (1) or stderr (2). Does not use process.stdout, whose writes to a pipe block the
 * event loop: a reader that pauses must not stop timers or Ctrl-C.
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
        // A reader that has exited, such as `head`, must not end the run.
        if (errorCode(error) === 'EPIPE') hasReader = false;
        else if (errorCode(error) !== 'EAGAIN') throw addStreamName(error, standardFd);
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

/** An error of write(2) has no path. */
function addStreamName(error: unknown, standardFd: 1 | 2): unknown {
  if (!(error instanceof Error)) return error;
  return Object.assign(error, { path: standardFd === 1 ? 'stdout' : 'stderr' });
}

/**
 * Opens a pipe or terminal a second time (see /proc/PID/fd in proc(5)), so that O_NONBLOCK does not affect
 * other processes that share the first file description. A blocking write in a thread could not be cancelled.
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
 * @param mayBeTerminal whether a terminal is accepted, if rapido is in its foreground: otherwise, reading would
 * stop rapido (SIGTTIN)
 * @returns rapido's standard input; undefined if it is closed, /dev/null, or a terminal that is not accepted
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
