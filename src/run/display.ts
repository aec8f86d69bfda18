import type { OutputFormat } from '../cut/cut.ts';
import { CHECK_TIME, parseCheckTime } from '../formats/suites/fstests.ts';
import { listsTests } from '../formats/suites/listing.ts';
import { isFailure } from '../results/compare.ts';
import { readGuestFile } from '../results/guest-files.ts';
import { createProgress, type SuiteProgress, type TestListener } from '../results/progress.ts';
import type { RunCommand, TestResult } from '../results/run-result.ts';
import { findEarlierRun } from '../results/store.ts';
import type { GuestOutput } from '../ui/guest-streams.ts';
import { toPlainText } from '../ui/plain-text.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import { hasProgress, type RunContext, showProgress } from './context.ts';

/** What is shown while the command runs: its output and, on a terminal, the progress of a suite. */
export interface RunDisplay {
  listener: TestListener | undefined;
  enter: (event: GuestEvent) => void;
  /**
   * Writes a part of the command's output. Above a progress line, only whole lines are written; the rest is
   * buffered.
   * @param chunk undefined: the output has ended
   */
  write: (name: StreamName, chunk: Buffer | undefined, output: GuestOutput) => Promise<void>;
  /** Stops the progress line: the VM has ended. */
  pause: () => void;
}

type StreamName = 'stdout' | 'stderr';

/** The format in which the command reports tests on its stdout; undefined: it reports none, or only lists them. */
export function formatOf(
  { settings, cut }: RunContext,
  command?: RunCommand,
): OutputFormat | undefined {
  if (settings.ktap === true) return 'ktap';
  const words = command !== undefined && 'arguments' in command ? command.arguments : [];
  return listsTests(words) ? undefined : cut.cut.test?.output;
}

export function createDisplay(run: RunContext): RunDisplay {
  const format = formatOf(run, run.result.command);
  return hasProgress(run) && format !== undefined ? liveDisplay(run, format) : plainDisplay(run);
}

function plainDisplay({ context: { ui } }: RunContext): RunDisplay {
  return {
    listener: undefined,
    enter: () => {},
    write: async (name, chunk, output) => {
      if (chunk === undefined) return;
      if (isTerminal(name)) ui.endProgress();
      await output.write(chunk);
    },
    pause: () => {},
  };
}

function liveDisplay(run: RunContext, format: OutputFormat): RunDisplay {
  const { ui } = run.context;
  let progress: SuiteProgress | undefined;
  let timer: NodeJS.Timeout | undefined;
  const held: Record<StreamName, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  /** Number of writes in progress. A progress line between them would not be erased. */
  let writing = 0;
  /** Does nothing unless the command is running. */
  const show = (): void => {
    if (timer === undefined || progress === undefined || writing > 0) return;
    showProgress(run, progress.describe(performance.now()));
  };
  const pause = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    listener: {
      onStart: (name) => {
        progress?.testStarted(name, performance.now());
        show();
      },
      onTest: (test) => {
        progress?.testEnded(test, performance.now());
        // runltp prints no readable line with the result of a test.
        if (format === 'ltp') ui.note(formatTest(test, ui.paintError));
        show();
      },
    },
    enter: ({ event }) => {
      if (event === 'command-end') pause();
      if (event !== 'command-start') return;
      progress ??= createProgress(expectTests(run));
      progress.begin(performance.now());
      timer = setInterval(show, 1000);
      show();
    },
    write: async (name, chunk, output) => {
      const all = Buffer.concat([held[name], chunk ?? Buffer.alloc(0)]);
      const isWhole = chunk === undefined || !isTerminal(name) || all.length > LONGEST_HELD;
      const end = isWhole ? all.length : all.lastIndexOf(LINE_FEED) + 1;
      held[name] = all.subarray(end);
      if (end === 0) return;
      if (isTerminal(name)) ui.endProgress();
      writing++;
      await output.write(all.subarray(0, end)).finally(() => writing--);
      show();
    },
    pause,
  };
}

const LINE_FEED = 0x0a;

/** The longest incomplete line that is buffered, in bytes. */
const LONGEST_HELD = 64 * 1024;

function isTerminal(name: StreamName): boolean {
  return process[name].isTTY === true;
}

/** The tests of the last run of the same command, with how long each took, in milliseconds. */
function expectTests({ directory, result }: RunContext): Map<string, number | undefined> {
  const times = parseCheckTime(readGuestFile(directory, CHECK_TIME) ?? '');
  const tests = findEarlierRun(directory, result.command)?.tests ?? [];
  return new Map(
    tests.map(({ name, status, duration }) => {
      const seconds = times.get(name);
      const known = seconds === undefined ? duration : seconds * 1000;
      return [name, status === 'skip' ? 0 : known];
    }),
  );
}

type Paint = Record<'red' | 'green' | 'yellow', (text: string) => string>;

function formatTest(test: TestResult, paint: Paint): string {
  const { name, status, message } = test;
  const isDone = status !== 'skip' && status !== 'interrupted';
  const colour = isFailure(test) ? paint.red : isDone ? paint.green : paint.yellow;
  const why = message === undefined ? '' : `: ${toPlainText(message)}`;
  return `${colour(status.padEnd(5))} ${toPlainText(name)}${why}`;
}
