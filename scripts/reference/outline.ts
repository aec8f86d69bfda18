import type { Argument, CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import { NETWORK_KINDS } from '../../src/conf/schema.ts';
import { VERDICTS_AND_STATES } from '../../src/results/select-runs.ts';
import { CLEANABLE } from '../../src/setup/clean.ts';

/** The command line of rapido as data, for the completion scripts and the man page. */
export interface Outline {
  name: string;
  description: string;
  /** Options of all commands, sorted. */
  options: OptionOutline[];
  /** In the order of the help, without hidden ones. */
  commands: CommandOutline[];
  /** Examples and other text below the help. */
  notes: string;
}

export interface CommandOutline {
  name: string;
  aliases: readonly string[];
  /** Heading in the help: `Build and boot:`. */
  group: string;
  description: string;
  /** What follows the name: `[options] <name> [-- QEMU arguments]`. */
  usage: string;
  arguments: ArgumentOutline[];
  /** Sorted. */
  options: OptionOutline[];
  /** Examples and other text below the help. */
  notes: string;
  /** What the words after `--` are; undefined: there are none. */
  rest: 'command' | 'words' | undefined;
  /** Their names begin with that of the command: `results merge`. */
  subcommands: CommandOutline[];
}

export interface ArgumentOutline {
  /** As in the help, without brackets: `vm`. */
  name: string;
  isRequired: boolean;
  isRepeatable: boolean;
  description: string;
  values: Values;
}

export interface OptionOutline {
  /** `-b` */
  short: string | undefined;
  /** `--boot` */
  long: string;
  /** As in the help, `<file>`; undefined: it takes no value. */
  placeholder: string | undefined;
  isRepeatable: boolean;
  description: string;
  /** What its value may be. */
  values: Values;
}

/** How a value is completed: by words, or by names of a kind. `images`: cuts, and paths of images. */
export type Values = readonly string[] | Kind;

export type Kind =
  | NamesKind
  | 'images'
  | 'files'
  | 'directories'
  | 'programs'
  | 'commands'
  | 'nothing';

/** The kinds that `rapido __names` prints. */
export type NamesKind = 'cuts' | 'vms' | 'runs' | 'keys';

/** By the placeholder of an option or the name of an argument, if necessary with that of the command. */
const VALUES: Readonly<Record<string, Values>> = {
  'help command': 'commands',
  'boot name': 'images',
  name: 'cuts',
  'target[:vm]': 'cuts',
  vm: 'vms',
  run: 'runs',
  other: 'runs',
  key: 'keys',
  'key=value': 'keys',
  file: 'files',
  script: 'files',
  disk: 'files',
  kernel: 'files',
  'src[:dst]': 'files',
  'src[:dst][,rw]': 'directories',
  dir: 'directories',
  program: 'programs',
  kind: NETWORK_KINDS,
  // Text that nobody but the user knows.
  age: 'nothing',
  argument: 'nothing',
  command: 'nothing',
  count: 'nothing',
  date: 'nothing',
  duration: 'nothing',
  'host:guest': 'nothing',
  'i/n': 'nothing',
  module: 'nothing',
  parameters: 'nothing',
  path: 'files',
  size: 'nothing',
  system: 'nothing',
  test: 'nothing',
  text: 'nothing',
  title: 'nothing',
  verdict: VERDICTS_AND_STATES,
  what: CLEANABLE,
};

/**
 * @param program with all its commands
 * @throws Error for an argument or option whose placeholder is not in the table above
 */
export function outlineOf(program: CommandUnknownOpts): Outline {
  return {
    name: program.name(),
    description: program.description(),
    options: optionsOf(program),
    commands: program
      .createHelp()
      .visibleCommands(program)
      .map((command) => outlineCommand(command)),
    notes: notesOf(program),
  };
}

/** @param name the word of the command, after that of the command of which it is a part */
function outlineCommand(command: CommandUnknownOpts, name = command.name()): CommandOutline {
  const usage = command.usage();
  return {
    name,
    aliases: command.aliases(),
    group: command.helpGroup() || 'Help:',
    description: command.description(),
    usage,
    arguments: command.registeredArguments.map((argument) =>
      outlineArgument(argument, command.name()),
    ),
    options: command.name() === HELP ? [] : optionsOf(command),
    notes: notesOf(command),
    rest: usage.includes('[-- command') ? 'command' : usage.includes('[-- ') ? 'words' : undefined,
    subcommands: command.commands.map((sub) => outlineCommand(sub, `${name} ${sub.name()}`)),
  };
}

/** The command that commander adds. */
const HELP = 'help';

function outlineArgument(argument: Argument, command: string): ArgumentOutline {
  const name = argument.name();
  return {
    name,
    isRequired: argument.required,
    isRepeatable: argument.variadic,
    description: argument.description,
    values: argument.argChoices ?? VALUES[`${command} ${name}`] ?? valuesOf(name),
  };
}

function optionsOf(command: CommandUnknownOpts): OptionOutline[] {
  const help = command.createHelp();
  return Object.assign(help, { sortOptions: true }).visibleOptions(command).map(outlineOption);
}

function outlineOption(option: Option): OptionOutline {
  const { short, long, flags, description, argChoices } = option;
  if (long === undefined || long === null) throw new Error(`${flags}: it has no long form`);
  const placeholder = /<.*>$/.exec(flags)?.[0];
  return {
    short: short ?? undefined,
    long,
    placeholder,
    isRepeatable: description.includes('(repeatable)'),
    description,
    values:
      placeholder === undefined ? 'nothing' : (argChoices ?? valuesOf(placeholder.slice(1, -1))),
  };
}

function valuesOf(placeholder: string): Values {
  const values = VALUES[placeholder];
  if (values !== undefined) return values;
  throw new Error(`<${placeholder}>: add it to the table in scripts/reference/outline.ts`);
}

/** The text that the help shows after the options. */
function notesOf(command: CommandUnknownOpts): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return /^Examples:\n.*/ms.exec(text)?.[0].trimEnd() ?? '';
}
