/**
 * The conf of the original tool is a shell script; rapido's is data. Shell code in it is rejected with an
 * explanation. It is never run, and never silently treated as text.
 */

interface Refusal {
  /** Tested against the rest of the line, from its first character that is not a blank. */
  pattern: RegExp;
  explain: (line: string) => string;
}

const NOT_RUN = 'this is shell code, and rapido.conf is not a script';
const ONE_PER_LINE = 'Write one KEY="value" per line';

const BLOCK_START =
  /^(?:if|for|while|until|case|select|function)(?=\s|$)|^\w+[ \t]*\(\)|^\{(?=\s|$)/;
const BLOCK_REST = /^(?:then|elif|else|fi|do|done|esac)(?=[\s;]|$)|^;;|^\}|^[^\s=]+\)(?=\s|$)/;

const REFUSALS: readonly Refusal[] = [
  {
    pattern: BLOCK_START,
    explain: () =>
      `${NOT_RUN}. Write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF`,
  },
  {
    pattern: /^(?:source|\.)\s/,
    explain: () =>
      'other files cannot be included. Copy the lines of that file, or name it with --conf or RAPIDO_CONF',
  },
  {
    pattern: /^(?:export|declare|typeset|readonly|local)(?=\s|$)/,
    explain: (line) =>
      `remove the word ${firstWord(line)}: the guest gets the keys that its cut declares`,
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
      return `+= is not supported. Write the whole value: ${key}="\${${key}} more"`;
    },
  },
  {
    pattern: /^\w+=\(|^\w+\[[^\]]*\]=/,
    explain: (line) =>
      `arrays are not supported. Write the items in one value, separated by blanks: ${/^\w+/.exec(line)?.[0]}="one two"`,
  },
  {
    pattern: /^=/,
    explain: () => `there is no key before the =. ${ONE_PER_LINE}`,
  },
  {
    pattern: /^[^\s=]+[ \t]*=/,
    explain: (line) =>
      `${line.split(/[ \t]*=/, 1)[0]} cannot be a key: a key consists of capital letters, digits and _`,
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

/** Why a line that is neither `KEY=` nor `[section]` is rejected, and what to write instead. */
export function explainRefusal(line: string): string {
  const refusal = REFUSALS.find(({ pattern }) => pattern.test(line));
  return refusal?.explain(line) ?? '';
}

export function startsBlock(line: string): boolean {
  return BLOCK_START.test(line);
}

/** `then`, `fi`, `done` and so on are not reported if the start of the block was. */
export function continuesBlock(line: string): boolean {
  return BLOCK_REST.test(line);
}

/** Explanations for shell constructs inside a value. */
export const IN_VALUE = {
  command: `${NOT_RUN}. Write the value itself, or set the key in the environment for one call`,
  arithmetic: `${NOT_RUN}. Write the number itself`,
  operation: 'only ${NAME} and $NAME are expanded. Write the value itself',
  parameter: 'shell parameters are not supported. Write \\$ for a dollar sign',
  quoting: 'this kind of shell quoting is not supported. Use "…" or \'…\'',
  openBrace: 'the } is missing. Add it, or write \\$ for a dollar sign',
  operator: `in a shell, another command would follow here. ${ONE_PER_LINE}; if it is part of the value, put the whole value in quotes; a comment starts with #`,
  afterQuote:
    'this follows the closing quote. Put the whole value inside the quotes; a comment starts with #',
  unclosed:
    'this quote is not closed. Close it, or put a value that contains a quote in quotes of the other kind',
  blankAfterBackslash:
    'there is a blank after the backslash, so the line does not continue. Remove the blank',
} as const;
