import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { errorCode } from '../errors.ts';
import { toolEnvironment } from './environment.ts';
import { isInForeground } from './process-identity.ts';

/**
 * The terminal on stdin shows what is written to it as it is: a line feed alone does not return the carriage
 * (termios(3), OPOST).
 */
export function stopOutputProcessing(): void {
  setMode('-opost');
}

/** The terminal on stdin, as it was before QEMU got it. */
export interface SavedTerminal {
  /**
   * Restores its mode: QEMU puts it into raw mode and, if it is killed, leaves it so. What was typed for
   * the VM is thrown away, or the shell that comes next would run it.
   * @param isTyping the VM has ended without a warning: who was typing still is, for a moment
   */
  restore: (isTyping: boolean) => Promise<void>;
}

/** @returns what restores it; undefined where stdin is no terminal */
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
      // Of an unfinished line, nothing could be read otherwise.
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

/** How long nobody must have typed, and how long that is waited for, in milliseconds. */
const PAUSE = { quiet: 500, longest: 10_000, poll: 20 } as const;

/**
 * Throws away what was typed at the terminal on stdin, which is in raw mode.
 * @param isTyping go on until nobody types any more
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

/** Opens stdin once more: whoever else has that terminal goes on to block. */
function openWithoutBlocking(): number | undefined {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync('/proc/self/fd/0', O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined; // After su(1), it belongs to somebody else.
  }
}

/** @returns whether there was anything */
function readAll(fd: number): boolean {
  const buffer = Buffer.alloc(4096);
  let hasRead = false;
  try {
    while (readSync(fd, buffer) > 0) hasRead = true;
  } catch (error) {
    // EIO: the terminal has gone.
    if (errorCode(error) !== 'EAGAIN' && errorCode(error) !== 'EIO') throw error;
  }
  return hasRead;
}
