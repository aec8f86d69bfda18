/**
 * Hands over the bytes of a stream up to a mark, as they come, and reads on to its end: who still
 * writes there must not be held up.
 * @param markNow the mark, or undefined as long as nobody can have written it. Its first byte comes in
 *   it once, or again as its last
 * @returns whether the mark came
 */
export async function untilEndMark(
  chunks: AsyncIterable<Buffer>,
  markNow: () => Buffer | undefined,
  deliver: (chunk: Buffer) => Promise<void>,
  onMark: () => void,
): Promise<boolean> {
  let hasEnded = false;
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (hasEnded) continue;
    const mark = markNow();
    if (mark === undefined) {
      await deliver(chunk);
      continue;
    }
    const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const end = data.indexOf(mark);
    hasEnded = end !== -1;
    const size = hasEnded ? end : data.length - markBeginningAtEnd(data, mark);
    held = data.subarray(size);
    if (size > 0) await deliver(data.subarray(0, size));
    if (hasEnded) onMark();
  }
  if (!hasEnded && held.length > 0) await deliver(held);
  return hasEnded;
}

/** How many bytes at the end of `data` may be the beginning of the mark. */
function markBeginningAtEnd(data: Buffer, mark: Buffer): number {
  const start = data.lastIndexOf(mark.subarray(0, 1));
  if (start === -1) return 0;
  const beginning = data.subarray(start);
  return beginning.length < mark.length && mark.subarray(0, beginning.length).equals(beginning)
    ? beginning.length
    : 0;
}
