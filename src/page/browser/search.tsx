/** A field that searches tests. */
export function SearchBox({ query, search }: { query: string; search: (query: string) => void }) {
  return (
    <input
      type="search"
      placeholder="Search tests"
      aria-label="Search tests"
      value={query}
      onInput={({ currentTarget }) => search(currentTarget.value)}
    />
  );
}

/** @returns whether a text contains all words of the query, in either case */
export function matcherOf(query: string): (text: string) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}

/**
 * A button for each value, with the number of rows that have it; values without rows have none. Pressing the chosen one
 * again chooses none (`''`).
 */
export function Filters(props: {
  counts: readonly (readonly [value: string, count: number])[];
  chosen: string;
  choose: (value: string) => void;
}) {
  const { counts, chosen, choose } = props;
  return (
    <div class="filters">
      {counts
        .filter(([, count]) => count > 0)
        .map(([value, count]) => (
          <button
            key={value}
            type="button"
            aria-pressed={chosen === value}
            onClick={() => choose(chosen === value ? '' : value)}
          >
            {value} <b>{count}</b>
          </button>
        ))}
    </div>
  );
}
