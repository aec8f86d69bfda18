import type { Readable } from 'node:stream';
import { errorCode } from '../errors.ts';

/**
 * Calls `onLine` with each line of a stream, without the line feed. A line longer than `limit` characters is passed
 * in parts, so that the writer cannot fill the memory of rapido. EPIPE and ECONNRESET count as the end of the
 * stream.
 * @returns a promise that resolves at the end of the stream
 */
export function readLines(
  stream: Readable,
  onLine: (line: string) => void,
  limit = 64 * 1024,
): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length > limit) {
      onLine(rest);
      rest = '';
    }
  });
  return new Promise((resolve, reject) => {
    stream.once('error', (error) => {
      const code = errorCode(error);
      if (code !== 'EPIPE' && code !== 'ECONNRESET') reject(error);
    });
    stream.once('close', () => {
      if (rest !== '') onLine(rest);
      resolve();
    });
  });
}
