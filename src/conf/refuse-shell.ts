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

const BLOCK_START =
  /^(?:if|for|while|until|case|select|function)(?=\s|$)|^\w+[ \t]*\(\)|^\{(?=\s|$)/;
const BLOCK_REST = /^(?:then|elif|else|fi|do|done|esac)(?=[\s;]|$)|^;;|^\}|^[^\s=]+\)(?=\s|$)/;

const REFUSALS: readonly Refusal[] = [
  {
    pattern: BLOCK_START,
    explain: () =>
      `${NOT_RUN}; write plain KEY="value" lines; to choose between settings, keep several files and name one with --conf or RAPIDO_CONF`,
  },
  {
    pattern: /^(?:source|\.)\s/,
    explain: () =>
      'other files cannot be included; copy the lines of that file, or name it with --conf or RAPIDO_CONF',
  },
  {
    pattern: /^(?:export|declare|typeset|readonly|local)(?=\s|$)/,
    explain: (line) =>
      `remove the word ${firstWord(line)}: the guest gets the keys that its cut declares`,
  },
  {
    pattern: /^\[|^\(\(/,
    explain: () => 'syntax error: expected KEY="value" or a section such as [vm1]',
  },
  {
    pattern: /^\w+(?:\[[^\]]*\])?\+=/,
    explain: (line) => {
      const key = /^\w+/.exec(line)?.[0];
      return `+= is not supported; write the whole value: ${key}="\${${key}} more"`;
    },
  },
  {
    pattern: /^\w+=\(|^\w+\[[^\]]*\]=/,
    explain: (line) =>
      `arrays are not supported; write the items in one value, separated by blanks: ${/^\w+/.exec(line)?.[0]}="one two"`,
  },
  {
    pattern: /^=/,
    explain: () => `no key before the =`,
  },
  {
    pattern: /^[^\s=]+[ \t]*=/,
    explain: (line) =>
      `${line.split(/[ \t]*=/, 1)[0]} is not a valid key: keys consist of capital letters, digits and _`,
  },
  {
    pattern: /^[A-Z_][A-Z\d_]*[ \t]*$/,
    explain: (line) => `no value; write ${line.trim()}="value"`,
  },
  {
    pattern: /^/,
    explain: () => 'syntax error: expected KEY="value" or [section]',
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
  command: `${NOT_RUN}; write the value itself, or set the key in the environment for one call`,
  arithmetic: `${NOT_RUN}; write the number itself`,
  operation: 'only ${NAME} and $NAME are expanded; write the value itself',
  parameter: 'shell parameters are not supported; write \\$ for a dollar sign',
  quoting: 'this kind of shell quoting is not supported; use "…" or \'…\'',
  openBrace: 'missing }; add it, or write \\$ for a dollar sign',
  operator: 'unquoted shell operator; put the value in quotes, and start a comment with #',
  afterQuote:
    'text after the closing quote; put the whole value inside the quotes, and start a comment with #',
  unclosed: 'unterminated quote',
  blankAfterBackslash: 'blank after the backslash, so the line does not continue; remove the blank',
} as const;
