/**
 * Delivers the bytes of a stream up to a mark, as they arrive. Then reads the stream to its end and drops the rest,
 * so that a process which still writes to it does not block.
 * @param markNow returns the mark, or undefined as long as the mark cannot have been written. The first byte of the
 *   mark must not occur in it again, except as its last byte
 * @param onMark called when the mark has arrived
 * @returns whether the mark arrived
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

/** @returns how many bytes at the end of `data` may be the beginning of the mark */
function markBeginningAtEnd(data: Buffer, mark: Buffer): number {
  const start = data.lastIndexOf(mark.subarray(0, 1));
  if (start === -1) return 0;
  const beginning = data.subarray(start);
  return beginning.length < mark.length && mark.subarray(0, beginning.length).equals(beginning)
    ? beginning.length
    : 0;
}
