import { stopOutputProcessing } from '../sys/terminal-mode.ts';

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** rapido's terminal, connected to a terminal of a VM. */
export interface RawTerminal {
  write: (data: Buffer | string) => void;
  /** Restores its mode. */
  close: () => void;
}

/** @returns undefined if rapido has no terminal */
export function terminalSize(): TerminalSize | undefined {
  const { rows, columns } = process.stdout.isTTY ? process.stdout : process.stderr;
  return rows && columns ? { rows, columns } : undefined;
}

/**
 * Puts rapido's terminal into raw mode.
 * @param onKeys receives what the user types
 * @param onResize called when the size of the terminal changes
 */
export function openRawTerminal(
  onKeys: (typed: Buffer) => void,
  onResize: (size: TerminalSize) => void,
): RawTerminal {
  const { stdin, stdout, stderr } = process;
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    // Node's raw mode keeps output processing on, which breaks full-screen programs of the guest. Leaving raw
    // mode restores it.
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
