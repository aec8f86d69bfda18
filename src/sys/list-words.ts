/** "a", "a or b", "a, b or c" */
export function listWithOr(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' or ');
}

/** "a, b and 3 more". @param most how many words are listed */
export function listSome(words: readonly string[], most = 5): string {
  const more = words.length - most;
  return `${words.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
