import type { ArgumentOutline, CommandOutline, OptionOutline, Outline, Values } from './outline.ts';

/** The completion script for fish. */
export function formatFish({ name, options, commands }: Outline): string {
  const every = commands.flatMap((command) => [command.name, ...command.aliases]);
  return `# fish completion for ${name}; made from the definitions of its commands

# Prints the names of a kind, with --conf and --cut-dir as on the command line.
function __${name}_names
  set -l words (commandline -opc)
  set -l globals
  for index in (seq 2 (count $words))
    if contains -- $words[$index] ${options
      .filter(({ placeholder }) => placeholder !== undefined)
      .map(({ long }) => long)
      .join(' ')}
      set -l next (math $index + 1)
      set -a globals $words[$index] $words[$next]
    end
  end
  command ${name} $globals __names $argv 2>/dev/null
end

# Whether one of the commands is on the command line, and \`--\` is not.
function __${name}_in
  not contains -- -- (commandline -opc); and __fish_seen_subcommand_from $argv
end

# Whether one of the commands and \`--\` are on the command line.
function __${name}_after
  contains -- -- (commandline -opc); and __fish_seen_subcommand_from $argv
end

complete -c ${name} -f
${[
  ...options.map((option) => formatOption(name, undefined, option)),
  ...commands.flatMap((command) => [
    ...[command.name, ...command.aliases].map(
      (word) =>
        `complete -c ${name} -n 'not __fish_seen_subcommand_from ${every.join(' ')}' -a ${word} -d ${quote(command.description)}`,
    ),
    ...command.options.map((option) => formatOption(name, command, option)),
    ...command.arguments.flatMap((argument) => formatArgument(name, command, argument, every)),
    ...(command.rest === undefined
      ? []
      : [
          `complete -c ${name} -n '__${name}_after ${wordsOf(command)}' ${formatValues(
            name,
            command.rest === 'command' ? 'programs' : 'files',
            [],
          ).join(' ')}`,
        ]),
  ]),
].join('\n')}
`;
}

function wordsOf({ name, aliases }: CommandOutline): string {
  return [name, ...aliases].join(' ');
}

function formatOption(
  program: string,
  command: CommandOutline | undefined,
  { short, long, placeholder, description, values }: OptionOutline,
): string {
  const words = [`complete -c ${program}`];
  if (command !== undefined) words.push(`-n '__${program}_in ${wordsOf(command)}'`);
  if (short !== undefined) words.push(`-s ${short.slice(1)}`);
  words.push(`-l ${long.slice(2)}`, `-d ${quote(description)}`);
  if (placeholder !== undefined) words.push('-r', ...formatValues(program, values, []));
  // Without -f, fish adds files to what it offers for the value.
  if (placeholder !== undefined && !words.includes('-F')) words.push('-f');
  return words.join(' ');
}

function formatArgument(
  program: string,
  command: CommandOutline,
  { values }: ArgumentOutline,
  commands: readonly string[],
): string[] {
  const formatted = formatValues(program, values, commands);
  if (formatted.length === 0) return [];
  return [`complete -c ${program} -n '__${program}_in ${wordsOf(command)}' ${formatted.join(' ')}`];
}

/** @param commands what values of the kind `commands` are */
function formatValues(program: string, values: Values, commands: readonly string[]): string[] {
  switch (values) {
    case 'nothing':
      return [];
    case 'files':
      return ['-F'];
    case 'directories':
      return ["-a '(__fish_complete_directories)'"];
    case 'programs':
      return ['-F', "-a '(__fish_complete_command)'"];
    case 'commands':
      return [`-a '${commands.join(' ')}'`];
    case 'images':
      return ['-F', `-a '(__${program}_names cuts)'`];
    case 'cuts':
    case 'vms':
    case 'runs':
    case 'keys':
      return [`-a '(__${program}_names ${values})'`];
    default:
      return [`-a '${values.join(' ')}'`];
  }
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
