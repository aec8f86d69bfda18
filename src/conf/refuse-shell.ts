/**
 * The original tool's conf is a shell script; ours is data. Whatever in it is shell code is refused
 * with an explanation, never run and never silently taken for text.
 */

interface Refusal {
  /** Tested against the rest of the line, from its first character that is not a blank. */
  pattern: RegExp;
  explain: (line: string) => string;
}

const NOT_RUN = 'this is shell code, and rapido.conf is not a script';
const ONE_PER_LINE = 'Write one KEY="value" on a line';

const BLOCK_START =
  /^(?:if|for|while|until|case|select|function)(?=\s|$)|^\w+[ \t]*\(\)|^\{(?=\s|$)/;
const BLOCK_REST = /^(?:then|elif|else|fi|do|done|esac)(?=[\s;]|$)|^;;|^\}|^[^\s=]+\)(?=\s|$)/;

const REFUSALS: readonly Refusal[] = [
  {
    pattern: BLOCK_START,
    explain: () =>
      `${NOT_RUN}. Write plain KEY="value" lines; for a choice keep several files and name one with --conf or RAPIDO_CONF`,
  },
  {
    pattern: /^(?:source|\.)\s/,
    explain: () =>
      'no other file is read in. Copy its lines to here, or name that file with --conf or RAPIDO_CONF',
  },
  {
    pattern: /^(?:export|declare|typeset|readonly|local)(?=\s|$)/,
    explain: (line) =>
      `drop the word ${firstWord(line)}: a key needs none, and a cut passes on the keys it declares`,
  },
  {
    pattern: /^\[|^\(\(/,
    explain: () =>
      `neither a section nor a KEY="value" line, and tests are shell code. ${ONE_PER_LINE}; sections are [vm1], [vm2] and so on`,
  },
  {
    pattern: /^\w+(?:\[[^\]]*\])?\+=/,
    explain: (line) => {
      const key = /^\w+/.exec(line)?.[0];
      return `nothing is appended. Write the whole value: ${key}="\${${key}} more"`;
    },
  },
  {
    pattern: /^\w+=\(|^\w+\[[^\]]*\]=/,
    explain: (line) =>
      `there are no arrays. Write the items in one value, separated by blanks: ${/^\w+/.exec(line)?.[0]}="one two"`,
  },
  {
    pattern: /^=/,
    explain: () => `there is no key before the =. ${ONE_PER_LINE}`,
  },
  {
    pattern: /^[^\s=]+[ \t]*=/,
    explain: (line) =>
      `${line.split(/[ \t]*=/, 1)[0]} cannot be a key: a key is capital letters, digits and _`,
  },
  {
    pattern: /^[A-Z_][A-Z\d_]*[ \t]*$/,
    explain: (line) => `it has no value. Write ${line.trim()}="value"`,
  },
  {
    pattern: /^/,
    explain: () => `neither KEY="value" nor a [section], and commands are not run. ${ONE_PER_LINE}`,
  },
];

function firstWord(line: string): string {
  return line.split(/\s/, 1)[0] ?? '';
}

/** Why a line that is neither `KEY=` nor `[section]` is refused, and what to write instead. */
export function explainRefusal(line: string): string {
  const refusal = REFUSALS.find(({ pattern }) => pattern.test(line));
  return refusal?.explain(line) ?? '';
}

export function startsBlock(line: string): boolean {
  return BLOCK_START.test(line);
}

/** `then`, `fi`, `done` and so on: not worth a word after the start of the block was refused. */
export function continuesBlock(line: string): boolean {
  return BLOCK_REST.test(line);
}

/** What is wrong with each shell construct inside a value. */
export const IN_VALUE = {
  command: `${NOT_RUN}. Write the value itself, or set the key in the environment for one call`,
  arithmetic: `${NOT_RUN}. Write the number itself`,
  operation: 'only ${NAME} and $NAME are expanded. Write the value itself',
  parameter: 'this means something in a shell only. Write \\$ for a dollar sign',
  quoting: 'shell quoting of this kind is not read. Use "…" or \'…\'',
  openBrace: 'the } is missing. Add it, or write \\$ for a dollar sign',
  operator: `in a shell another command would follow here. ${ONE_PER_LINE}; where it is part of the value, put the whole value in quotes; a comment starts with #`,
  afterQuote:
    'this stands after the closing quote. Put the whole value inside the quotes; a comment starts with #',
  unclosed:
    'this quote is never closed. Close it, or put a value that holds a quote into quotes of the other kind',
  blankAfterBackslash:
    'there is a blank after the backslash, so the line does not continue. Remove the blank',
} as const;
