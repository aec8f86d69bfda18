import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { readLines } from '../sys/lines.ts';
import { type GuestEvent, parseGuestMessage } from './guest-events.ts';

/** The host's end of the control channel. */
export interface ControlChannel {
  /** Requests the end mark in the output of the command, which has ended. @returns the mark */
  endOutput: () => Buffer;
  /** Informs the session that all output of its command has arrived. */
  confirmOutput: () => void;
  /** Sends the session a request: one line in the format that `serve_host` in guest/session reads. */
  ask: (request: string) => void;
  /** The number of lines that did not come from the session. */
  foreignLines: () => number;
  /** Resolves when the guest's end is closed. */
  closed: Promise<void>;
}

/**
 * Receives messages from the guest's session. The first message is answered with a random key for this VM.
 * Every later message must contain the key, so that lines which a test writes to the channel are not accepted.
 * @param onLog receives lines of the kernel log that the console may not have shown
 */
export function openControlChannel(
  channel: Duplex,
  onEvent: (event: GuestEvent) => void,
  onLog: (line: string) => void,
): ControlChannel {
  const key = makeToken();
  const logPrefix = `${key}>`;
  let isKnown = false;
  let foreign = 0;
  const closed = readLines(channel, (text) => {
    const line = text.trim();
    if (line === '') return;
    if (isKnown && line.startsWith(logPrefix)) {
      onLog(line.slice(logPrefix.length));
      return;
    }
    const message = parseGuestMessage(line);
    const isFirst = !isKnown && message?.event.event === 'init';
    if (message === undefined || (!isFirst && message.key !== key)) {
      foreign++;
      return;
    }
    if (isFirst) {
      isKnown = true;
      channel.write(`${key}\n`);
    }
    onEvent(message.event);
  });
  return {
    endOutput: () => {
      const word = makeToken();
      channel.write(`${word}\n`);
      return endMarkOf(word);
    },
    confirmOutput: () => {
      channel.write('received\n');
    },
    ask: (request) => {
      channel.write(`${request}\n`);
    },
    foreignLines: () => foreign,
    closed,
  };
}

/** 32 random hexadecimal digits. */
export function makeToken(): string {
  return randomBytes(16).toString('hex');
}

/**
 * The mark that the session writes after the command's output, to both streams. The word is generated after the
 * command has ended, so the command's own output cannot contain the mark, even if the command reads all of the
 * guest's memory.
 */
export function endMarkOf(word: string): Buffer {
  return Buffer.from(`\0rapido-end:${word}\0`);
}
