const MOST_LINES = 100;
const MOST_CHARACTERS = 16 * 1024;

export interface RecentLines {
  add: (line: string) => void;
  /** Returns the lines, joined, and clears the buffer. A first line `…` stands for dropped lines. */
  take: () => string;
}

/** Keeps the last 100 lines, 16 KiB at most. */
export function createRecentLines(): RecentLines {
  let lines: string[] = [];
  let size = 0;
  let isCut = false;

  function dropFirst(): void {
    size -= lines.shift()!.length + 1;
    isCut = true;
  }

  return {
    add(line) {
      const end = line.slice(-MOST_CHARACTERS);
      isCut ||= end.length < line.length;
      lines.push(end);
      size += end.length + 1;
      while (lines.length > MOST_LINES) dropFirst();
      while (size > MOST_CHARACTERS && lines.length > 1) dropFirst();
    },
    take() {
      const text = [...(isCut ? ['…'] : []), ...lines].join('\n').trimEnd();
      lines = [];
      size = 0;
      isCut = false;
      return text;
    },
  };
}
