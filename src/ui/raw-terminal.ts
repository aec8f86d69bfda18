/** The terminal of rapido's own, given to a VM's console. */
export interface RawTerminal {
  write: (data: Buffer | string) => void;
  /** Rows and columns; undefined where it is no terminal. */
  size: () => { rows: number; columns: number } | undefined;
  /** Gives it back as it was. */
  close: () => void;
}

/**
 * Takes stdin and stdout, each key as it is typed.
 * @param onKeys gets what is typed
 * @param onResize the terminal has another size
 */
export function openRawTerminal(
  onKeys: (typed: Buffer) => void,
  onResize: () => void,
): RawTerminal {
  const { stdin, stdout } = process;
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', onKeys);
  stdout.on('resize', onResize);
  return {
    write: (data) => stdout.write(data),
    size: () => {
      const { rows, columns } = stdout;
      return rows && columns ? { rows, columns } : undefined;
    },
    close: () => {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.off('data', onKeys);
      stdout.off('resize', onResize);
      stdin.pause();
    },
  };
}
