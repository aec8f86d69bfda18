import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** How many rows are made at a time: making thousands at once takes too long. */
const ROWS = 150;

/**
 * A list that grows when its end comes near the visible part of the page.
 * @param length of the whole list
 * @param key when it changes, the list is short again
 * @returns how many rows to show, and what to attach to the element behind the last row
 */
export function useGrowing(
  length: number,
  key: string,
): { shown: number; end: RefObject<HTMLDivElement | null>; showAtLeast: (count: number) => void } {
  const [state, setState] = useState({ key, shown: ROWS });
  const end = useRef<HTMLDivElement>(null);
  const shown = Math.min(state.key === key ? state.shown : ROWS, length);
  const showAtLeast = (count: number): void =>
    setState({ key, shown: Math.max(count + ROWS, shown) });
  useEffect(() => {
    const element = end.current;
    if (element === null || shown >= length) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) showAtLeast(shown);
      },
      // Not above the visible part: a reader who is past the list would make it grow to its full length.
      { rootMargin: '0px 0px 600px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  });
  return { shown, end, showAtLeast };
}
