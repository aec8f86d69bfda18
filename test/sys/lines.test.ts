import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../src/sys/lines.ts';

const linesOf = async (
  chunks: readonly (string | Buffer)[],
  options: { limit?: number; error?: Error } = {},
): Promise<string[]> => {
  const stream = new PassThrough();
  const lines: string[] = [];
  const done = readLines(stream, (line) => lines.push(line), {
    ...(options.limit !== undefined && { limit: options.limit }),
  });
  for (const chunk of chunks) stream.write(chunk);
  // What was written is read first, then the stream ends.
  await new Promise((resolve) => setImmediate(resolve));
  if (options.error === undefined) stream.end();
  else stream.destroy(options.error);
  await done;
  return lines;
};

describe('readLines', () => {
  it('joins pieces, and returns the last line without a newline, too', async () => {
    expect(await linesOf(['on', 'e\ntw', 'o\n\nthree'])).toEqual(['one', 'two', '', 'three']);
    expect(await linesOf([Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])])).toEqual(['ä']);
  });

  it('returns a line without end in parts', async () => {
    const lines = await linesOf(Array(100).fill('x'.repeat(10)), { limit: 50 });
    expect(lines.join('')).toBe('x'.repeat(1000));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('treats a reset connection as the end, and no other error', async () => {
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    expect(await linesOf(['one\n'], { error: reset })).toEqual(['one']);
    await expect(linesOf([], { error: new Error('other') })).rejects.toThrow('other');
  });
});
