import { Command, CommanderError } from '@commander-js/extra-typings';
import { EXIT } from '../errors.ts';
import { createCall, type Definition, GROUP } from './definition.ts';
import { collect } from './options.ts';

declare const __RAPIDO_VERSION__: string;
export const VERSION = typeof __RAPIDO_VERSION__ === 'string' ? __RAPIDO_VERSION__ : 'development';

/**
 * Runs a command line.
 * @param commands in the order of the help
 * @param argv without the name of the program
 * @returns the exit status
 * @throws CommanderError for a mistake in the command line, which has been reported
 */
export async function runProgram(
  commands: readonly Definition[],
  argv: readonly string[],
): Promise<number> {
  const own = ownWords(argv);
  const rest = own.length === argv.length ? undefined : argv.slice(own.length + 1);
  let status: number = EXIT.ok;
  const program = createProgram();
  const finish = (exitStatus: number): void => {
    status = exitStatus;
  };
  const call = createCall(program, { rest, finish });
  for (const define of commands) program.addCommand(define(call));
  await program.parseAsync(own, { from: 'user' }).catch((error) => {
    // --help and --version also throw.
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  });
  return status;
}

/** The words before `--`. */
export function ownWords(argv: readonly string[]): readonly string[] {
  const separator = argv.indexOf('--');
  return separator === -1 ? argv : argv.slice(0, separator);
}

function createProgram() {
  return new Command('rapido')
    .description(
      'Build an initramfs of what a test needs, boot it with the kernel just built, and run the test.',
    )
    .version(VERSION, '-V, --version')
    .option('--conf <file>', 'configuration file to read instead of the default ones')
    .option('--cut-dir <dir>', 'directory with cuts of your own (repeatable)', collect)
    .option('--debug', 'print more: command lines, and why layers are rebuilt')
    .commandsGroup(GROUP.host)
    .helpCommand(true)
    .showHelpAfterError('  hint: `rapido --help` lists the commands')
    .configureOutput({ outputError: (text, write) => write(`rapido: ${text}`) })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  rapido list                        list the targets
  rapido cut simple-example --boot   build it, boot it, get a shell
  rapido boot                        boot the last image again
  rapido doctor                      check this host`,
    );
}
