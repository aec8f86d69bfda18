import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { errorCode } from '../errors.ts';

/** Maximum length of a line, in characters, so that the writer cannot fill the memory of rapido. */
const LONGEST_LINE = 64 * 1024;

interface LineOptions {
  /** The longest line that is passed whole. */
  limit?: number;
  /** How much of a longer line is passed again at the beginning of its next part. */
  overlap?: number;
  /** Called with the beginning of a line that has not ended. */
  onRest?: (text: string) => void;
}

/** Splits chunks of UTF-8 into lines, without their line feeds. A line that is longer than the limit is split. */
export interface LineSplitter {
  push: (chunk: Buffer) => void;
  /** Passes the last line, which has no line feed. */
  end: () => void;
}

export function splitLines(
  onLine: (line: string) => void,
  { limit = LONGEST_LINE, overlap = 0, onRest }: LineOptions = {},
): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    push: (chunk) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
      if (rest.length > limit) {
        onLine(overlap === 0 ? rest : rest.slice(0, -overlap));
        rest = overlap === 0 ? '' : rest.slice(-overlap);
      }
      if (rest !== '') onRest?.(rest);
    },
    end: () => {
      const last = rest + decoder.end();
      rest = '';
      if (last !== '') onLine(last);
    },
  };
}

/**
 * Calls `onLine` with each line of a stream. EPIPE and ECONNRESET count as the end of the stream.
 * @returns a promise that resolves at the end of the stream
 */
export function readLines(
  stream: Readable,
  onLine: (line: string) => void,
  options?: LineOptions,
): Promise<void> {
  const lines = splitLines(onLine, options);
  stream.on('data', lines.push);
  return new Promise((resolve, reject) => {
    stream.once('error', (error) => {
      const code = errorCode(error);
      if (code !== 'EPIPE' && code !== 'ECONNRESET') reject(error);
    });
    stream.once('close', () => {
      lines.end();
      resolve();
    });
  });
}
