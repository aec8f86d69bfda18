import type { Duplex } from 'node:stream';
import { errorCode } from '../errors.ts';

/** Receives the serial console of a VM that is connected to rapido. */
export interface ConsoleReader {
  /** Adds a line of the kernel log that came over the control channel, as if the console had shown it. */
  addLine: (line: string) => void;
  /**
   * Waits for the end of the console and of the added lines.
   * @param control resolves when no more lines will be added
   * @returns the end of the console, without the added lines
   */
  received: (control: Promise<void>) => Promise<string>;
}

/** How much of the end of the console is kept to judge how the VM ended, in characters. */
const TAIL = 64 * 1024;

/** @param deliver receives each part. The next part is not read until its promise resolves */
export function readConsole(
  channel: Duplex,
  deliver: (chunk: Buffer) => Promise<void> | void,
): ConsoleReader {
  let tail = '';
  const receive = async (): Promise<void> => {
    for await (const chunk of chunksOf(channel)) {
      tail += chunk.toString('latin1');
      if (tail.length > 2 * TAIL) tail = tail.slice(-TAIL);
      await deliver(chunk);
    }
  };
  const console = receive();
  let added: Promise<void> | undefined;
  const add = (line: string): void => {
    added = (added ?? Promise.resolve()).then(() => deliver(Buffer.from(`${line}\r\n`)));
    added.catch(() => {}); // `received` reports the error.
  };
  return {
    addLine: (line) => {
      if (added === undefined) add("\r\nrapido: the kernel's log, as the guest still has it:");
      add(line);
    },
    received: async (control) => {
      await Promise.all([console, control.then(() => added)]);
      return tail;
    },
  };
}

/** Yields the chunks of a socket until its other end is closed, with or without an error. */
export async function* chunksOf(channel: Duplex): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of channel) yield chunk;
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ECONNRESET' && code !== 'EPIPE' && code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      throw error;
    }
  }
}
