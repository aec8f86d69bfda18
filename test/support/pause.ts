/**
 * Stands still for so many milliseconds, as a process that is stopped does: no timer fires, nothing is
 * read, and all of that is late when it goes on.
 */
export function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
