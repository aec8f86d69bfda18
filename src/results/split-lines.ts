import { StringDecoder } from 'node:string_decoder';

/** Maximum length of a line, in characters, so that the writer cannot fill the memory of rapido. */
const LONGEST_LINE = 64 * 1024;

/** How much of a longer line is kept for the next part, so that a kernel message in it (at most 1 KiB) stays whole. */
const KEPT_BACK = 2048;

/**
 * Splits a stream of chunks into lines.
 * @param onRest called with the beginning of a line that has not ended
 */
export function splitLines(
  onLine: (line: string) => void,
  onRest?: (text: string) => void,
): {
  push: (chunk: Buffer) => void;
  end: () => void;
} {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    push: (chunk) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
      if (rest.length > LONGEST_LINE) {
        onLine(rest.slice(0, -KEPT_BACK));
        rest = rest.slice(-KEPT_BACK);
      }
      if (rest !== '') onRest?.(rest);
    },
    end: () => {
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
