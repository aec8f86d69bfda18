import { parseKernelLines } from '../formats/klog/line.ts';
import type { TestMark } from '../formats/suites/suite.ts';

/** The line that guest/session writes to the kernel log when the command has ended. */
const COMMAND_END = 'rapido: the command has ended';

/** How many marks are kept; the oldest are dropped. */
const MAX_MARKS = 200_000;

/** Which test ran at which time of the kernel's clock. */
export interface TestTimeline {
  /** Takes a line of the console. */
  push: (line: string) => void;
  /** Whether the suite has marked the beginning of a test in the kernel log. */
  isMarked: () => boolean;
  /**
   * @param time in seconds of the kernel's clock; undefined: now
   * @returns the test that ran at that time; undefined: none, or unknown
   */
  testAt: (time: number | undefined) => string | undefined;
}

interface Mark {
  time: number;
  /** undefined: the last test has ended. */
  test: string | undefined;
}

/**
 * Output and console arrive on different channels, so their order relative to each other is unknown. Suites therefore
 * mark the beginning of a test in the kernel log. The timestamps count, not the order of the lines, because `dmesg`
 * may print old lines to the console again.
 * @param beginning undefined: the suite does not mark tests
 */
export function createTestTimeline(beginning: TestMark | undefined): TestTimeline {
  const marks: Mark[] = [];
  let isMarked = false;
  const add = (mark: Mark): void => {
    const after = marks.findLastIndex(({ time }) => time <= mark.time);
    const before = marks[after];
    if (before?.time === mark.time && before.test === mark.test) return;
    marks.splice(after + 1, 0, mark);
    if (marks.length > MAX_MARKS) marks.shift();
  };
  return {
    push: (line) => {
      if (beginning === undefined) return;
      if (!line.includes(beginning.clue) && !line.includes(COMMAND_END)) return;
      for (const { time, text } of parseKernelLines(line)) {
        const [, test] = beginning.line.exec(text) ?? [];
        if (time === undefined || (test === undefined && text !== COMMAND_END)) continue;
        if (test !== undefined) isMarked = true;
        add({ time, test });
      }
    },
    isMarked: () => isMarked,
    testAt: (time) =>
      (time === undefined ? marks.at(-1) : marks.findLast((mark) => mark.time <= time))?.test,
  };
}
