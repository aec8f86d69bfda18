import type { RunSplat } from './run-result.ts';

/** Whether a splat prevents a pass: it is neither a note nor excused. */
export function countsAgainstPass({
  severity,
  excused,
}: Pick<RunSplat, 'severity' | 'excused'>): boolean {
  return severity !== 'note' && !excused;
}
