/** A small file, link or directory made for the image. */
export type OverlayEntry =
  | { path: string; mode: number; data: string | Buffer }
  | { path: string; target: string }
  | { path: string; directory: true };
