import { stopOutputProcessing } from '../sys/terminal-mode.ts';

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** rapido's own terminal, given to a terminal of a VM. */
export interface RawTerminal {
  write: (data: Buffer | string) => void;
  /** Gives it back as it was. */
  close: () => void;
}

/** Of rapido's own terminal; undefined where it has none. */
export function terminalSize(): TerminalSize | undefined {
  const { rows, columns } = process.stdout.isTTY ? process.stdout : process.stderr;
  return rows && columns ? { rows, columns } : undefined;
}

/**
 * Takes stdin and stdout, each key as it is typed.
 * @param onKeys gets what is typed
 * @param onResize the terminal has another size
 */
export function openRawTerminal(
  onKeys: (typed: Buffer) => void,
  onResize: (size: TerminalSize) => void,
): RawTerminal {
  const { stdin, stdout, stderr } = process;
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    // Node's raw mode processes output, on which full-screen programs of the guest do not count. Its end
    // takes this back, too.
    stopOutputProcessing();
  }
  stdin.on('data', onKeys);
  const resized = (): void => {
    const size = terminalSize();
    if (size !== undefined) onResize(size);
  };
  const screen = stdout.isTTY ? stdout : stderr;
  screen.on('resize', resized);
  return {
    write: (data) => stdout.write(data),
    close: () => {
      if (stdin.isTTY) stdin.setRawMode(false);
      screen.off('resize', resized);
      stdin.off('data', onKeys);
      stdin.pause();
    },
  };
}
