import { quote } from 'shell-quote';

/** A command line, program first. */
export type Argv = [string, ...string[]];

/** Formats an argument list for a POSIX shell. */
export function formatCommandLine(argv: readonly string[]): string {
  return argv.map((argument) => (argument === '' ? "''" : quoteArgument(argument))).join(' ');
}

/** shell-quote also escapes `=`, `,` and others that no shell requires: such words stay readable here. */
function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : quote([argument]);
}
