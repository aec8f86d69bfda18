import { UserError } from '../errors.ts';
import { toSourcePositions } from '../sys/source-positions.ts';
import { toPlainLines, toPlainPart } from './plain-text.ts';

/** Prints an error: a UserError in a few lines, a bug of rapido with its stack. */
export function reportError(
  error: unknown,
  stderr: { write: (text: string) => unknown; isTTY?: boolean | undefined },
  version: string,
): void {
  const clear = stderr.isTTY ? '\r\x1b[K' : '';
  stderr.write(
    clear +
      formatError(error, version)
        .map((line) => `${line}\n`)
        .join(''),
  );
}

/** @returns the lines of an error message */
export function formatError(error: unknown, version: string): string[] {
  if (error instanceof UserError) {
    return [
      `rapido: error: ${error.message}`,
      ...error.problems.map((problem) => `  - ${problem}`),
      ...(error.hint === undefined ? [] : [`  hint: ${error.hint}`]),
    ].map(toPlainPart);
  }
  return [
    'rapido: this is a bug in rapido; please report it with all of the following:',
    `  rapido ${version}, Node ${process.version} on ${process.platform} ${process.arch}`,
    `  rapido ${process.argv.slice(2).join(' ')}`,
    error instanceof Error ? toSourcePositions(error.stack ?? error.message) : String(error),
  ].map(toPlainLines);
}
