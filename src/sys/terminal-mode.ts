import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { errorCode } from '../errors.ts';
import { toolEnvironment } from './environment.ts';
import { isInForeground } from './process-identity.ts';

/**
 * Turns off output processing of the terminal on stdin, such as the carriage return at a line feed (termios(3),
 * OPOST).
 */
export function stopOutputProcessing(): void {
  setMode('-opost');
}

/** The state of the terminal on stdin before QEMU uses it. */
export interface SavedTerminal {
  /**
   * Restores the mode: QEMU sets raw mode and does not reset it if it is killed. Pending input is discarded, because
   * it was meant for the VM and the user's shell would execute it.
   * @param isTyping whether the VM ended without warning, so that the user may still be typing
   */
  restore: (isTyping: boolean) => Promise<void>;
}

/** @returns undefined if stdin is not a terminal */
export function saveTerminal(): SavedTerminal | undefined {
  const saved = spawnSync('stty', ['--save'], {
    stdio: ['inherit', 'pipe', 'ignore'],
    encoding: 'utf8',
    env: toolEnvironment(process.env),
  });
  const mode = saved.stdout?.trim();
  if (saved.status !== 0 || !mode) return undefined;
  return {
    restore: async (isTyping) => {
      // In canonical mode, an unfinished line could not be read.
      setMode('raw', '-echo');
      await discardInput(isTyping);
      setMode(mode);
    },
  };
}

function setMode(...settings: string[]): void {
  spawnSync('stty', settings, {
    stdio: ['inherit', 'ignore', 'ignore'],
    env: toolEnvironment(process.env),
  });
}

/** How long there must be no input, how long to wait for that, and how often to check, in milliseconds. */
const PAUSE = { quiet: 500, longest: 10_000, poll: 20 } as const;

/**
 * Discards the pending input of the terminal on stdin, which is in raw mode.
 * @param isTyping whether to continue until the user stops typing
 */
export async function discardInput(isTyping: boolean): Promise<void> {
  const fd = isatty(0) && isInForeground() ? openWithoutBlocking() : undefined;
  if (fd === undefined) return;
  try {
    const begun = performance.now();
    let last = begun;
    while (true) {
      const now = performance.now();
      if (readAll(fd)) last = now;
      if (!isTyping || now - last > PAUSE.quiet || now - begun > PAUSE.longest) return;
      await sleep(PAUSE.poll);
    }
  } finally {
    closeSync(fd);
  }
}

/** Opens stdin a second time, so that O_NONBLOCK does not affect other processes on the terminal. */
function openWithoutBlocking(): number | undefined {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync('/proc/self/fd/0', O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined; // After su(1), the terminal belongs to another user.
  }
}

/** @returns whether there was any input */
function readAll(fd: number): boolean {
  const buffer = Buffer.alloc(4096);
  let hasRead = false;
  try {
    while (readSync(fd, buffer) > 0) hasRead = true;
  } catch (error) {
    // EIO: the terminal was closed.
    if (errorCode(error) !== 'EAGAIN' && errorCode(error) !== 'EIO') throw error;
  }
  return hasRead;
}
