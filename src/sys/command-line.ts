import { quote } from 'shell-quote';

/** A command line, program first. */
export type Argv = [string, ...string[]];

/** An argument list as one would type it in a POSIX shell. */
export function formatCommandLine(argv: readonly string[]): string {
  return argv.map((argument) => (argument === '' ? "''" : quoteArgument(argument))).join(' ');
}

/** shell-quote escapes `=`, `,` and the like, which no shell needs: keep such words readable. */
function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : quote([argument]);
}
