import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { readLines } from '../sys/lines.ts';
import { type GuestEvent, parseGuestMessage } from './guest-events.ts';

/** Our end of the control channel. */
export interface ControlChannel {
  /** Has the session mark the end of its command's output, which has ended. @returns the mark */
  endOutput: () => Buffer;
  /** Tells the session that all output of its command has arrived. */
  confirmOutput: () => void;
  /** Asks the session for something: one line, as `serve_host` in guest/session reads it. */
  ask: (request: string) => void;
  /** Lines that did not come from the session. */
  strangeLines: () => number;
  /** Resolves when the guest has gone. */
  closed: Promise<void>;
}

/**
 * Listens to the guest's session. Its first word is answered with a key, made for this VM alone, and
 * every later one must carry it: what a test writes to the channel is not taken for the session's.
 * @param onLog gets lines of the kernel's log that its console may not have shown
 */
export function openControlChannel(
  channel: Duplex,
  onEvent: (event: GuestEvent) => void,
  onLog: (line: string) => void,
): ControlChannel {
  const key = makeWord();
  const logPrefix = `${key}>`;
  let isKnown = false;
  let strange = 0;
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
      strange++;
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
      const word = makeWord();
      channel.write(`${word}\n`);
      return endMarkOf(word);
    },
    confirmOutput: () => {
      channel.write('received\n');
    },
    ask: (request) => {
      channel.write(`${request}\n`);
    },
    strangeLines: () => strange,
    closed,
  };
}

/** 32 digits that nobody can guess. */
export function makeWord(): string {
  return randomBytes(16).toString('hex');
}

/**
 * What the session writes behind a command's output, to both of its streams. The word is made when the
 * command has ended, so nothing that it wrote can hold the mark, whatever of the guest's memory it read.
 */
export function endMarkOf(word: string): Buffer {
  return Buffer.from(`\0rapido-end:${word}\0`);
}
