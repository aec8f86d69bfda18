import type { CommandOutline, OptionOutline, Outline } from './outline.ts';

/** The man page rapido(1), in the macros of man(7). */
export function formatManPage(outline: Outline, version: string): string {
  const { name, description, options, commands, notes } = outline;
  return `${[
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    section('NAME', [`${name} \\- cut an initramfs, boot a kernel with it, run a test in the VM`]),
    section('SYNOPSIS', [
      `.B ${name}`,
      '.RI [ options ]',
      '.I command',
      '.RI [ arguments ]',
      '.RB [ \\-\\-',
      '.IR words ]',
    ]),
    section('DESCRIPTION', [toRoff(description)]),
    section('OPTIONS', ['Options of all commands:', ...options.map(formatOption)]),
    section('COMMANDS', groupsOf(commands).map(formatGroup)),
    section('EXIT STATUS', EXIT_STATUS),
    section('ENVIRONMENT', ENVIRONMENT),
    section('FILES', FILES),
    section('EXAMPLES', [example(notes.replace(/^Examples:\n/, ''))]),
    section('SEE ALSO', [
      '.BR dracut (8),',
      '.BR qemu (1),',
      '.BR git\\-bisect (1)',
      '.PP',
      `The directory docs of the installation; ${bold(`${name} list`)} shows the path of your own cuts.`,
    ]),
  ].join('\n')}\n`;
}

/** The statuses of EXIT in src/errors.ts and RUN_EXIT in src/results/verdict.ts. */
const EXIT_STATUS = [
  ...tagged('0', 'Success.'),
  ...tagged('1', 'The command failed.'),
  ...tagged('2', 'A mistake in the command line or in rapido.conf.'),
  ...tagged('70', 'A bug in rapido.'),
  '.PP',
  `${bold('rapido run')} exits with the command's own status, or with`,
  ...tagged('120', 'The kernel crashed, or the VM died.'),
  ...tagged('121', 'The command succeeded, but the kernel reported a problem.'),
  ...tagged('124', 'A time limit expired.'),
  ...tagged('125', 'rapido or the host failed, or the outcome could not be determined.'),
  ...tagged('130', 'Interrupted.'),
  '.PP',
  `With ${bold('--bisect')}, it exits with a status for ${bold('git bisect run')}: 0 good, 1 bad, 125 skip, 128 abort.`,
];

const ENVIRONMENT = [
  ...tagged('RAPIDO_CONF', 'The configuration file, unless --conf names another one.'),
  ...tagged('RAPIDO_TRUST', 'Directories, separated by colons, that may belong to other users.'),
  ...tagged('NO_COLOR', 'If it is not empty, the output has no colours.'),
  ...tagged(
    'FORCE_COLOR',
    'If it is not empty, the output has colours even if it is not a terminal; 0 turns them off. It overrides NO_COLOR.',
  ),
  '.PP',
  'A non\\-empty variable with the name of a configuration key overrides the file.',
];

const FILES = [
  '.TP',
  bold('./rapido.conf'),
  '.TQ',
  bold('~/.config/rapido/rapido.conf'),
  '.TQ',
  bold('/etc/rapido.conf'),
  'The configuration. The first file that exists is read.',
  ...tagged('~/.config/rapido/cuts', 'Your own cuts.'),
  ...tagged('~/.cache/rapido', 'Layers and images. You may delete it at any time.'),
  ...tagged('~/.local/state/rapido', 'Results of runs, and console logs.'),
];

function section(title: string, lines: readonly string[]): string {
  return [`.SH ${title}`, ...lines].join('\n');
}

function tagged(tag: string, text: string): string[] {
  return ['.TP', bold(tag), toRoff(text)];
}

function formatOption({ short, long, placeholder, description }: OptionOutline): string {
  const value = placeholder === undefined ? '' : ` \\fI${toRoff(placeholder.slice(1, -1))}\\fR`;
  const flags = [short, long].flatMap((flag) => (flag === undefined ? [] : bold(flag)));
  return ['.TP', `${flags.join(', ')}${value}`, toRoff(description)].join('\n');
}

function groupsOf(commands: readonly CommandOutline[]): [string, CommandOutline[]][] {
  const groups = new Map<string, CommandOutline[]>();
  for (const command of commands)
    groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
  return [...groups];
}

function formatGroup([title, commands]: [string, CommandOutline[]]): string {
  return [
    `.SS ${title.replace(/:$/, '')}`,
    ...commands.flatMap((command) => [command, ...command.subcommands]).map(formatCommand),
  ].join('\n');
}

function formatCommand(command: CommandOutline): string {
  const { name, aliases, usage, description, options, notes } = command;
  const names = [name, ...aliases].map(bold).join(', ');
  const own = options.filter(({ long }) => long !== '--help');
  return [
    '.TP',
    `${names} ${toRoff(usage)}`,
    `${toRoff(`${description[0]?.toUpperCase()}${description.slice(1)}.`)}`,
    ...(own.length > 0 ? ['.RS', ...own.map(formatOption), '.RE'] : []),
    ...(notes === '' ? [] : ['.RS', example(notes), '.RE']),
  ].join('\n');
}

/** Text whose lines stay as they are. */
function example(text: string): string {
  return ['.PP', '.EX', ...text.split('\n').map(toRoff), '.EE'].join('\n');
}

function bold(text: string): string {
  return `\\fB${toRoff(text)}\\fR`;
}

/**
 * Characters that roff would interpret: man(7), groff_char(7). Without the escape, a hyphen, a caret or a quote is
 * printed as a character that a shell does not understand.
 */
function toRoff(text: string): string {
  return text
    .replaceAll('\\', '\\(rs')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^(?=[.'])/gm, '\\&');
}
