import { parseKernelLines } from '../formats/klog/line.ts';
import type { TestMark } from '../formats/suites/suite.ts';

/** What guest/session writes to the kernel's log once the command has ended. */
const COMMAND_END = 'rapido: the command has ended';

/** So many marks are remembered; the oldest go first. */
const MOST_MARKS = 200_000;

/** Which test ran when, by the kernel's own clock. */
export interface TestTimeline {
  /** Takes a line of the console. */
  push: (line: string) => void;
  /** Whether the suite has said in the kernel's log that a test begins. */
  isMarked: () => boolean;
  /**
   * @param time seconds of the kernel's clock; undefined: now
   * @returns the test that ran then; undefined: none, or it is not known
   */
  testAt: (time: number | undefined) => string | undefined;
}

interface Mark {
  time: number;
  /** undefined: no test runs any more. */
  test: string | undefined;
}

/**
 * Output and console come by different channels, so that neither says what of the other it came before.
 * Suites therefore write to the kernel's log where a test begins. The time stamps decide, not the order of
 * the lines: what `dmesg` prints on the console a second time tells nothing new.
 * @param beginning undefined: the suite writes no such line
 */
export function createTestTimeline(beginning: TestMark | undefined): TestTimeline {
  const marks: Mark[] = [];
  let isMarked = false;
  const add = (mark: Mark): void => {
    const after = marks.findLastIndex(({ time }) => time <= mark.time);
    const before = marks[after];
    if (before?.time === mark.time && before.test === mark.test) return;
    marks.splice(after + 1, 0, mark);
    if (marks.length > MOST_MARKS) marks.shift();
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
