/**
 * Finds the text of a splat in a log. Both are without carriage returns.
 * @returns where it begins, and whether all of it is there; if messages of another CPU interrupt it, its first line
 * counts, if that is unique; undefined: it is not there
 */
export function locateSplat(
  log: string,
  text: string,
): { at: number; isWhole: boolean } | undefined {
  const [first = ''] = text.split('\n', 1);
  if (first === '') return undefined;
  const whole = log.indexOf(text);
  if (whole !== -1) return { at: whole, isWhole: true };
  const at = log.indexOf(first);
  const isUnique = at !== -1 && log.indexOf(first, at + 1) === -1;
  return isUnique ? { at, isWhole: false } : undefined;
}

/** The number of lines in a text without a final line feed: at the end of a beginning, the number of its line. */
export function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
