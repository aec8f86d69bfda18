/**
 * Blocks this process like a stopped one: no timer fires and nothing is read until the time has passed.
 */
export function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
