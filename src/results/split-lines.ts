import { StringDecoder } from 'node:string_decoder';

/** Longest line that is read as one, in characters: whoever writes it cannot fill our memory. */
const LONGEST_LINE = 64 * 1024;

/** What is kept back of a longer one: a line of the kernel's (1 KiB at most) that begins in it stays whole. */
const KEPT_BACK = 2048;

/**
 * Hands over the lines of what comes in parts.
 * @param onRest gets what there is of a line that has not ended
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
