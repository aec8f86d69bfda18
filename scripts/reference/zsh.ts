import type { ArgumentOutline, CommandOutline, OptionOutline, Outline, Values } from './outline.ts';

/** The completion script for zsh, for a directory of $fpath, or to be sourced after compinit. */
export function formatZsh({ name, options, commands }: Outline): string {
  const globals = options.filter(({ placeholder }) => placeholder !== undefined);
  return `#compdef ${name}
# zsh completion for ${name}; made from the definitions of its commands

_${name}_commands() {
  local -a commands=(
${commands
  .flatMap((command) => [command.name, ...command.aliases].map((word) => [word, command] as const))
  .map(([word, { description }]) => `    ${quote(`${word}:${description}`)}`)
  .join('\n')}
  )
  _describe -t commands command commands
}

# Completes the names of the kind that is the last argument, with --conf and --cut-dir as on the command line.
_${name}_names() {
  local -a globals names
  local flag
  for flag in ${globals.map(({ long }) => long).join(' ')}; do
    [[ -z $opt_globals[$flag] ]] || globals+=($flag \${(Q)opt_globals[$flag]})
  done
  names=(\${(f)"$(command ${name} $globals __names $argv[-1] 2>/dev/null)"})
  # The other arguments are options, which _arguments inserts.
  compadd "\${(@)argv[1,-2]}" -a names
}

_${name}_images() {
  _alternative "cuts:cut:_${name}_names cuts" 'files:image:_files'
}

# The words after \`--\`: a program and its arguments.
_${name}_rest() {
  if [[ $words[CURRENT-1] == -- ]]; then _command_names -e; else _files; fi
}

_${name}() {
  local context state state_descr line curcontext=$curcontext
  typeset -A opt_args opt_globals
  _arguments -C \\
${[...options.map(formatOption), quote(`1: :_${name}_commands`), quote('*:: :->arguments')]
  .map((spec) => `    ${spec}`)
  .join(' \\\n')} && return
  [[ $state == arguments ]] || return 1
  opt_globals=(\${(kv)opt_args})
  curcontext=\${curcontext%:*}-$line[1]:
  case $line[1] in
${commands.map(formatCommand).join('\n')}
  esac
}

# Sourced, or autoloaded by the first completion.
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;

  function formatOption({
    short,
    long,
    placeholder,
    isRepeatable,
    description,
    values,
  }: OptionOutline): string {
    const text = `[${description.replace(/[[\]\\]/g, '\\$&')}]`;
    const value =
      placeholder === undefined
        ? ''
        : `:${placeholder.slice(1, -1).replaceAll(':', '\\:')}:${formatValues(name, values)}`;
    // The value may be in the same word: -oFILE, --output=FILE.
    const suffixes = placeholder === undefined ? ['', ''] : ['+', '='];
    const flags = [short, long].flatMap((flag, index) =>
      flag === undefined ? [] : `${flag}${suffixes[index]}`,
    );
    // The option excludes itself, in both forms.
    const prefix = isRepeatable ? '*' : flags.length > 1 ? `(${short} ${long})` : '';
    const shown = flags.length > 1 ? `{${flags.join(',')}}` : flags.join();
    return `${prefix === '' ? '' : quote(prefix)}${shown}${quote(text + value)}`;
  }

  function formatCommand(command: CommandOutline): string {
    const specs = [
      ...command.options.map(formatOption),
      ...command.arguments.map((argument, index) => quote(formatArgument(argument, index))),
      ...(command.rest === undefined
        ? []
        : [quote(command.rest === 'command' ? `*: :_${name}_rest` : '*:file:_files')]),
    ];
    const branch = `    ${[command.name, ...command.aliases].join('|')})`;
    if (specs.length === 0) return `${branch} ;;`;
    return `${branch}\n      _arguments -S ${specs.map((spec) => `\\\n        ${spec}`).join(' ')} ;;`;
  }

  function formatArgument(argument: ArgumentOutline, index: number): string {
    const { name: message, isRepeatable, isRequired, values } = argument;
    const position = isRepeatable ? '*' : `${index + 1}${isRequired ? '' : ':'}`;
    return `${position}:${message}:${formatValues(name, values)}`;
  }
}

function formatValues(program: string, values: Values): string {
  switch (values) {
    case 'nothing':
      return ' ';
    case 'files':
      return '_files';
    case 'directories':
      return '_files -/';
    case 'programs':
      return '_command_names -e';
    case 'commands':
      return `_${program}_commands`;
    case 'images':
      return `_${program}_images`;
    case 'cuts':
    case 'vms':
    case 'runs':
    case 'keys':
      return `_${program}_names ${values}`;
    default:
      return `(${values.join(' ')})`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
