import type { CommandOutline, OptionOutline, Outline, Values } from './outline.ts';

/** The completion script for bash. It needs no bash-completion, only bash 4.4. */
export function formatBash({ name, options, commands }: Outline): string {
  return `# bash completion for ${name}; made from the definitions of its commands

# Sets \`values\` for the value of an option, by COMMAND:OPTION; empty if it takes none.
_${name}_option_values() {
  case $1 in
${formatCases([
  ...options.flatMap((option) => casesOfOption('*', option)),
  ...commands.flatMap((command) =>
    command.options.flatMap((option) =>
      namesOf(command).flatMap((word) => casesOfOption(word, option)),
    ),
  ),
])}
    *) values= ;;
  esac
}

# Sets \`values\` for an argument, by COMMAND:POSITION, counted from 0.
_${name}_argument_values() {
  case $1 in
${formatCases([
  { pattern: ':0', values: 'commands' },
  ...commands.flatMap((command) =>
    command.arguments.flatMap(({ isRepeatable, values }, index) =>
      namesOf(command).map((word) => ({
        pattern: `${word}:${isRepeatable ? '*' : index}`,
        values,
      })),
    ),
  ),
])}
    *) values=nothing ;;
  esac
}

# Sets \`values\` to the options of a command.
_${name}_options() {
  case $1 in
${formatCases([
  { pattern: "''", values: wordsOf(options) },
  ...commands.map((command) => ({
    pattern: namesOf(command).join(' | '),
    values: wordsOf(command.options),
  })),
])}
    *) values=nothing ;;
  esac
}

# Sets \`values\` for the words after \`--\`, by COMMAND.
_${name}_rest_values() {
  case $1 in
${formatCases(
  commands.flatMap((command) =>
    command.rest === undefined
      ? []
      : [
          {
            pattern: namesOf(command).join(' | '),
            values: command.rest === 'command' ? 'programs' : 'files',
          },
        ],
  ),
)}
    *) values=nothing ;;
  esac
}

# Completes the word \`current\` from \`values\`: a kind, or a list that begins with a blank.
_${name}_offer() {
  local word words
  case $values in
    nothing) return ;;
    files) compopt -o default ; return ;;
    directories) compopt -o dirnames ; return ;;
    programs)
      if [[ $current == */* ]]; then compopt -o default
      else mapfile -t COMPREPLY < <(compgen -c -- "$current"); fi
      return
      ;;
    commands) words='${commands.flatMap(namesOf).join('\n')}' ;;
    cuts | images | vms | runs | keys)
      words=$(${name} "\${globals[@]}" __names "\${values/images/cuts}" 2>/dev/null </dev/null)
      [[ $values != images ]] || compopt -o default
      ;;
    *) words=\${values// /$'\\n'} ;;
  esac
  # Not compgen -W: it would expand what is in the words.
  while IFS= read -r word; do
    [[ -n $word && $word == "$current"* ]] || continue
    printf -v word %q "$word"
    COMPREPLY+=("$word")
  done <<<"$words"
}

_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} word command='' option='' values
  local -i index position=0
  local -a globals=()
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ -n $option ]]; then
      # bash makes three words of --conf=FILE.
      [[ $word != = ]] || continue
      case $option in
        ${options
          .filter(({ placeholder }) => placeholder !== undefined)
          .map(({ long }) => long)
          .join(' | ')}) globals+=("$option" "\${word/#\\~/$HOME}") ;;
      esac
      option=
    elif [[ $word == -- ]]; then
      _${name}_rest_values "$command"
      # Only the first word is a program.
      [[ $values != programs ]] || ((index == COMP_CWORD - 1)) || values=files
      _${name}_offer
      return
    elif [[ $word == -* ]]; then
      _${name}_option_values "$command:$word"
      [[ -z $values ]] || option=$word
    elif [[ -z $command ]]; then command=$word
    else position+=1
    fi
  done
  if [[ -n $option ]]; then
    _${name}_option_values "$command:$option"
    [[ $current != = ]] || current=
  elif [[ $current == -* ]]; then _${name}_options "$command"
  elif [[ -z $command ]]; then _${name}_argument_values :0
  else _${name}_argument_values "$command:$position"
  fi
  _${name}_offer
}

complete -F _${name} ${name}
`;
}

interface Case {
  pattern: string;
  values: Values;
}

function namesOf({ name, aliases }: CommandOutline): string[] {
  return [name, ...aliases];
}

function casesOfOption(
  command: string,
  { short, long, placeholder, values }: OptionOutline,
): Case[] {
  if (placeholder === undefined) return [];
  return [short, long].flatMap((flag) =>
    flag === undefined ? [] : [{ pattern: `${command}:${flag}`, values }],
  );
}

/** Only the long forms: who completes a short one has typed it already. */
function wordsOf(options: readonly OptionOutline[]): string[] {
  return options.map(({ long }) => long);
}

/** The branches of a case statement; patterns with the same values share one. */
function formatCases(cases: readonly Case[]): string {
  const byValues = new Map<string, string[]>();
  for (const { pattern, values } of cases) {
    const text = typeof values === 'string' ? values : `' ${values.join(' ')}'`;
    byValues.set(text, [...(byValues.get(text) ?? []), pattern]);
  }
  return [...byValues]
    .map(([values, patterns]) => `    ${patterns.join(' | ')}) values=${values} ;;`)
    .join('\n');
}
