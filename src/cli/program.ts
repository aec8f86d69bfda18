import { Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { EXIT } from '../errors.ts';
import { type Call, createCall, type Definition, GROUP } from './definition.ts';
import { collect } from './options.ts';

declare const __RAPIDO_VERSION__: string;
export const VERSION = typeof __RAPIDO_VERSION__ === 'string' ? __RAPIDO_VERSION__ : 'development';

/** A command, or one with its subcommands. */
export type CommandEntry = Definition | readonly [Definition, ...Definition[]];

/**
 * Runs a command line.
 * @param commands in the order of the help
 * @param argv without the name of the program
 * @returns the exit status
 * @throws CommanderError for a mistake in the command line, which has been reported
 */
export async function runProgram(
  commands: readonly CommandEntry[],
  argv: readonly string[],
): Promise<number> {
  const own = ownWords(argv);
  const rest = own.length === argv.length ? undefined : argv.slice(own.length + 1);
  let status: number = EXIT.ok;
  const finish = (exitStatus: number): void => {
    status = exitStatus;
  };
  const program = createProgram(commands, { rest, finish });
  await program.parseAsync(unlessHelpOfNothing(own, program), { from: 'user' }).catch((error) => {
    // --help and --version also throw.
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  });
  return status;
}

/** Drops `help` in front of an unknown command: commander would print the help of the program without an error. */
function unlessHelpOfNothing(
  words: readonly string[],
  { commands }: CommandUnknownOpts,
): readonly string[] {
  const names = commands.flatMap((command) => [command.name(), ...command.aliases()]);
  const at = words.indexOf('help');
  const name =
    at === -1 || words.slice(0, at).some((word) => names.includes(word))
      ? undefined
      : words[at + 1];
  const isKnown = name === undefined || name.startsWith('-') || names.includes(name);
  return isKnown ? words : words.filter((_, index) => index !== at);
}

/** The words before `--`. */
export function ownWords(argv: readonly string[]): readonly string[] {
  const separator = argv.indexOf('--');
  return separator === -1 ? argv : argv.slice(0, separator);
}

/** @param commands in the order of the help */
export function createProgram(
  commands: readonly CommandEntry[],
  parts: Pick<Call, 'rest' | 'finish'>,
): CommandUnknownOpts {
  const program = new Command('rapido')
    .description('Boot your kernel in QEMU with a small initramfs and run a test in it.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .option('--conf <file>', 'use this configuration file instead of the default one')
    .option('--cut-dir <dir>', 'also look for cuts in this directory (repeatable)', collect)
    .option('--debug', 'verbose: print the commands run and why layers are rebuilt')
    .commandsGroup(GROUP.host)
    .configureHelp({ sortOptions: true })
    .helpCommand('help [command]', 'show help')
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
  const call = createCall(program, parts);
  for (const entry of commands) {
    const [define, ...subcommands] = typeof entry === 'function' ? [entry] : entry;
    const command = define(call);
    for (const defineSubcommand of subcommands) command.addCommand(defineSubcommand(call));
    // `__names` is for scripts; the help omits it.
    program.addCommand(command, { hidden: command.name().startsWith('__') });
  }
  return program;
}
