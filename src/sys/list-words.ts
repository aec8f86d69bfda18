/** "a", "a or b", "a, b or c" */
export function listWithOr(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' or ');
}
