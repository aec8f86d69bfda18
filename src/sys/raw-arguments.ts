import { readFileSync } from 'node:fs';

/**
 * Returns the last arguments of this process as bytes. Node decodes arguments as UTF-8 and loses invalid bytes;
 * /proc/self/cmdline (proc(5)) has the original ones.
 * @param words the arguments as decoded by Node, which are used if nothing was lost
 */
export function readRawArguments(words: readonly string[]): Buffer[] {
  const decoded = words.map((word) => Buffer.from(word));
  if (!words.some((word) => word.includes('\ufffd'))) return decoded;
  const raw = splitAtNul(readFileSync('/proc/self/cmdline')).slice(-words.length);
  const isSame = raw.every((word, index) => word.toString() === words[index]);
  return isSame ? raw : decoded;
}

function splitAtNul(data: Buffer): Buffer[] {
  const words: Buffer[] = [];
  for (let start = 0, end = data.indexOf(0); end !== -1; end = data.indexOf(0, start)) {
    words.push(data.subarray(start, end));
    start = end + 1;
  }
  return words;
}
