import { Chalk, type ChalkInstance } from 'chalk';
import { toPlainLines, toPlainPainted, toPlainText } from './plain-text.ts';

/**
 * The output of rapido: results to stdout, everything else to stderr. Some text comes from a guest, so a
 * terminal gets only visible characters and rapido's own colours.
 */
export interface Ui {
  /** Writes one or more lines of the result to stdout; unchanged if stdout is not a terminal. */
  result: (lines: string) => void;
  /** Writes a line of information to stderr. */
  note: (line: string) => void;
  warn: (line: string) => void;
  /** Writes a line for a CI system to stderr, unchanged. What came from a guest must be plain text. */
  mark: (line: string) => void;
  /** Writes the output of another program to stderr. */
  passOn: (text: string) => void;
  /** Whether stderr is a terminal on which a line can be replaced. */
  isLive: boolean;
  /** Shows the current step: in a line that is overwritten on a terminal, in a plain line otherwise. */
  progress: (step: string) => void;
  /** Erases the progress line. */
  endProgress: () => void;
  /** Colours for stdout. */
  paint: ChalkInstance;
  /** Colours for stderr. */
  paintError: ChalkInstance;
}

interface Stream {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write: (text: string) => unknown;
}

export function createUi(
  stdout: Stream,
  stderr: Stream,
  env: Readonly<Record<string, string | undefined>>,
): Ui {
  const paint = chooseColours(stdout, env);
  const paintError = chooseColours(stderr, env);
  const isLive = stderr.isTTY === true && env.TERM !== 'dumb';
  let shown = '';
  const clear = (): void => {
    if (shown !== '' && isLive) stderr.write('\r\x1b[K');
    shown = '';
  };
  const note = (line: string): void => {
    clear();
    stderr.write(`${toPlainPainted(line)}\n`);
  };
  return {
    result: (lines) => {
      clear();
      const shown = stdout.isTTY ? lines.split('\n').map(toPlainPainted).join('\n') : lines;
      stdout.write(`${shown}\n`);
    },
    note,
    mark: (line) => {
      clear();
      stderr.write(`${line}\n`);
    },
    isLive,
    passOn: (text) => {
      clear();
      stderr.write(toPlainLines(text));
    },
    warn: (line) => note(`${paintError.yellow('warning:')} ${line}`),
    progress: (text) => {
      const step = toPlainText(text);
      if (step === shown) return;
      if (isLive) {
        clear();
        stderr.write(paintError.dim(`${step} …`.slice(0, (stderr.columns ?? 80) - 1)));
      } else stderr.write(`${step}\n`);
      shown = step;
    },
    endProgress: clear,
    paint,
    paintError,
  };
}

/**
 * rapido uses only the basic colours, level 1 of chalk. chalk's own detection is not used: it also obeys `--color`
 * and `--no-color` in the arguments, which may belong to the command of `rapido exec`, and ignores NO_COLOR.
 *
 * https://force-color.org and https://no-color.org: an empty value counts as unset. Of both, FORCE_COLOR wins, as in
 * Node. `0` and `false` turn colours off, as in chalk.
 */
function chooseColours(
  stream: Stream,
  env: Readonly<Record<string, string | undefined>>,
): ChalkInstance {
  return new Chalk({ level: isColoured(stream, env) ? 1 : 0 });
}

function isColoured(
  { isTTY }: Stream,
  { FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (FORCE_COLOR) return !['0', 'false'].includes(FORCE_COLOR);
  return isTTY === true && !NO_COLOR && TERM !== 'dumb';
}
