import { parse as parseIni } from 'ini';
import { continuesBlock, explainRefusal, IN_VALUE, startsBlock } from './refuse-shell.ts';

export interface LineProblem {
  /** Counted from 1. */
  line: number;
  message: string;
}

/**
 * A piece of a value. Literal text has two readings: `word` as in a shell (without quotes and backslashes),
 * `text` as in the file.
 */
export type Piece = { word: string; text: string } | { name: string };

export interface Statement {
  /** `vm1` for a line under `[vm1]`. */
  section: string | undefined;
  key: string;
  line: number;
  /** Differs from `line` if the value is continued. */
  lastLine: number;
  /** What follows the value: `# a comment`, or an empty string. */
  comment: string;
  pieces: readonly Piece[];
  /**
   * `word`: the value starts with a quote, or has no blank outside quotes; it is read as in a shell.
   * `text`: `KEY = several words`, as in INI files; quotes in it are part of the value, which matters
   * if it is later split into arguments.
   */
  reading: 'word' | 'text';
  /** The value was rejected. References to the key are not reported as well. */
  broken: boolean;
}

export interface ScannedConf {
  statements: readonly Statement[];
  sections: readonly { name: string; line: number }[];
  problems: readonly LineProblem[];
}

interface Scan {
  readonly source: string;
  readonly isSecret: (key: string) => boolean;
  position: number;
  line: number;
  section: string | undefined;
  hasBlock: boolean;
  readonly statements: Statement[];
  readonly sections: { name: string; line: number }[];
  readonly problems: LineProblem[];
}

/** A value while it is being scanned. */
interface Value {
  readonly key: string;
  readonly pieces: Piece[];
  broken: boolean;
  /** The rest of its line could not be parsed, including closing quotes. */
  isCutShort: boolean;
  comment: string;
}

function startValue(key: string): Value {
  return { key, pieces: [], broken: false, isCutShort: false, comment: '' };
}

/**
 * Scans the text of a rapido.conf into sections, keys, pieces of values, and problems. Nothing is expanded yet.
 * @param isSecret says whether the value of a key must not be shown in messages
 *
 * The `ini` package parses sections and keys. Values are scanned here, because `ini` would
 * turn `true` and `null` into other types, cut a value at any `#` or `;`, keep the quotes of
 * `"value" # note`, silently drop one of two equal keys, and not support `\` at the end of a line.
 */
export function scanConf(text: string, isSecret: (key: string) => boolean): ScannedConf {
  const scan: Scan = {
    source: text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'),
    isSecret,
    position: 0,
    line: 1,
    section: undefined,
    hasBlock: false,
    statements: [],
    sections: [],
    problems: [],
  };
  while (take(scan, /\s+/y) !== '' || scan.position < scan.source.length) scanLine(scan);
  return scan;
}

/** Consumes the match of a sticky pattern at the current position; '' if it does not match. */
function take(scan: Scan, pattern: RegExp): string {
  pattern.lastIndex = scan.position;
  const found = pattern.exec(scan.source)?.[0] ?? '';
  scan.position += found.length;
  for (const character of found) if (character === '\n') scan.line += 1;
  return found;
}

function peek(scan: Scan): string {
  return scan.source[scan.position] ?? '';
}

function atLineEnd(scan: Scan): boolean {
  return scan.position >= scan.source.length || peek(scan) === '\n';
}

const REST_OF_LINE = /[^\n]*/y;

/** One logical line, from its first character that is not a blank. */
function scanLine(scan: Scan): void {
  if (scan.position >= scan.source.length) return;
  if (take(scan, /[#;][^\n]*/y) !== '') return;
  const line = scan.line;
  const header = take(scan, /\[[ \t]*[^\s"'$![\]=-][^\s"'$[\]=]*[ \t]*\](?=[ \t]*(?:[#;].*)?$)/my);
  if (header !== '') {
    take(scan, REST_OF_LINE);
    scan.section = nameOf(header);
    scan.sections.push({ name: scan.section, line });
    return;
  }
  const assignment = take(scan, /[A-Za-z_]\w*[ \t]*=(?!\()/y);
  if (assignment === '') refuseLine(scan);
  else scanStatement(scan, nameOf(assignment), line);
}

/** The name in `[name]` or `NAME =`, parsed by `ini`. */
function nameOf(header: string): string {
  // `ini` makes nested objects from a dotted section name; no section of rapido has a dot.
  return (
    Object.keys(parseIni(header.replaceAll('.', '\\.')))[0] ?? header.replace(/[[\]=]/g, '').trim()
  );
}

function scanStatement(scan: Scan, key: string, line: number): void {
  const value = startValue(key);
  const reading = scanValue(scan, value);
  const { pieces, broken, comment } = value;
  const { section, line: lastLine } = scan;
  scan.statements.push({ section, key, line, lastLine, comment, pieces, reading, broken });
}

function refuseLine(scan: Scan): void {
  const { line, position } = scan;
  const text = take(scan, REST_OF_LINE);
  if (startsBlock(text)) scan.hasBlock = true;
  else if (scan.hasBlock && continuesBlock(text)) return;
  const key = text.match(/\w+/g)?.find((word) => scan.isSecret(word));
  const shown = key === undefined ? showCode(text) : `the line of ${key}`;
  scan.problems.push({ line, message: `${shown}: ${explainRefusal(text)}` });
  resume(scan, text, position, line);
}

/** Continues with the readable part of a rejected line, so that one mistake is reported once. */
function resume(scan: Scan, text: string, position: number, line: number): void {
  const prefix = /^(?:(?:export|declare|typeset|readonly|local)(?:\s+-\w+)*\s+)(?=\w+=)/.exec(text);
  const key = /^(\w+)(?:\[[^\]]*\])?\+?=/.exec(text)?.[1];
  if (prefix === null && key === undefined) return;
  scan.position = position;
  scan.line = line;
  if (prefix !== null) {
    scan.position += prefix[0].length;
    return;
  }
  take(scan, /\w+(?:\[[^\]]*\])?\+?=/y);
  const value = startValue(key ?? '');
  if (take(scan, /\((?:[^)\n]|\n(?![ \t]*\w+=))*\)[^\n]*/y) === '') scanValue(scan, value);
  scan.statements.push({
    section: scan.section,
    key: value.key,
    line,
    lastLine: scan.line,
    comment: '',
    pieces: [],
    reading: 'word',
    broken: true,
  });
}

/** A value up to the end of its logical line. */
function scanValue(scan: Scan, value: Value): 'word' | 'text' {
  const blanks = /(?:[ \t]|\\\n)+/y;
  let gap = take(scan, blanks);
  const startsQuoted = /["']/.test(peek(scan));
  let hasGap = false;
  while (!atLineEnd(scan)) {
    if (peek(scan) === '#' && /[ \t]/.test(gap)) break;
    if (/[ \t]/.test(gap) && value.pieces.length > 0) {
      if (startsQuoted && !/[;|&<>]/.test(peek(scan))) {
        refuseValue(scan, value, take(scan, REST_OF_LINE), IN_VALUE.afterQuote);
        break;
      }
      hasGap = true;
      addText(value, gap.replaceAll('\\\n', ''));
    }
    scanUnquoted(scan, value);
    gap = take(scan, blanks);
  }
  value.comment = take(scan, REST_OF_LINE);
  return hasGap && !startsQuoted ? 'text' : 'word';
}

function addText(value: Value, word: string, text: string = word): void {
  value.pieces.push({ word, text });
}

/** Scans the next piece outside quotes, at least one character. */
function scanUnquoted(scan: Scan, value: Value): void {
  const character = peek(scan);
  if (character === '"' || character === "'") scanQuoted(scan, value, character);
  else if (character === '$') scanDollar(scan, value, false);
  else if (character === '`') scanBacktick(scan, value);
  else if (character === '\\') scanBackslash(scan, value);
  else if (/[;|&<>]/.test(character)) {
    refuseValue(scan, value, take(scan, REST_OF_LINE), IN_VALUE.operator);
  } else addText(value, take(scan, /[^ \t\n"'$`;|&<>\\]+/y));
}

function scanBackslash(scan: Scan, value: Value): void {
  if (isStrayBackslash(scan, value)) return;
  const pair = take(scan, /\\[^\n]?/y);
  addText(value, pair.slice(1) || '\\', /^\\[$#]/.test(pair) ? pair.slice(1) : pair);
}

/** A backslash that was meant to continue the line. */
function isStrayBackslash(scan: Scan, value: Value): boolean {
  const stray = take(scan, /\\[ \t]+$/my);
  if (stray !== '') refuseValue(scan, value, stray, IN_VALUE.blankAfterBackslash);
  return stray !== '';
}

function scanQuoted(scan: Scan, value: Value, quote: '"' | "'"): void {
  if (!isClosed(scan, quote)) {
    refuseValue(scan, value, take(scan, REST_OF_LINE), IN_VALUE.unclosed);
    return;
  }
  scan.position += 1;
  addText(value, '', quote);
  if (quote === "'") addText(value, take(scan, /[^']*/y));
  else while (peek(scan) !== '"' && !isOver(scan, value)) scanInDouble(scan, value);
  if (isOver(scan, value)) return;
  scan.position += 1;
  addText(value, '', quote);
}

function isOver(scan: Scan, value: Value): boolean {
  return value.isCutShort || scan.position >= scan.source.length;
}

/**
 * Whether the quote at the current position is closed. The closing quote may be on a later line, but not after a
 * line that looks like the next statement: then it was forgotten.
 */
function isClosed(scan: Scan, quote: '"' | "'"): boolean {
  const quoted = quote === '"' ? /"(?:\\[\s\S]|[^"\\])*"/y : /'[^']*'/y;
  quoted.lastIndex = scan.position;
  const body = quoted.exec(scan.source)?.[0];
  return body !== undefined && !/(?<!\\)\n[ \t]*(?:[A-Z_][A-Z\d_]*[ \t]*=|\[vm)/.test(body);
}

function scanInDouble(scan: Scan, value: Value): void {
  const character = peek(scan);
  if (character === '$') scanDollar(scan, value, true);
  else if (character === '`') scanBacktick(scan, value);
  else if (character === '\\') scanBackslashInDouble(scan, value);
  else addText(value, take(scan, /[^"\\$`]+/y));
}

function scanBackslashInDouble(scan: Scan, value: Value): void {
  if (take(scan, /\\\n/y) !== '' || isStrayBackslash(scan, value)) return;
  const pair = take(scan, /\\["\\$`]/y);
  if (pair === '') addText(value, take(scan, /\\/y));
  else addText(value, pair.slice(1), pair === '\\$' ? '$' : pair);
}

/** Uses of `$` in shells other than plain names, tested in this order. */
const REFUSED_DOLLARS = [
  { pattern: /\$\(\([^\n]*?\)\)/y, why: IN_VALUE.arithmetic },
  { pattern: /\$\{(?:[^{}\n]|\$\{[^}\n]*\})*\}/y, why: IN_VALUE.operation },
  { pattern: /\$\{[^\n]*/y, why: IN_VALUE.openBrace },
  { pattern: /\$[\d@*?$!#]/y, why: IN_VALUE.parameter },
];

function scanDollar(scan: Scan, value: Value, isQuoted: boolean): void {
  const reference = take(scan, /\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})/y);
  if (reference !== '') {
    value.pieces.push({ name: reference.replace(/[${}]/g, '') });
    return;
  }
  for (const { pattern, why } of REFUSED_DOLLARS) {
    const refused = take(scan, pattern);
    if (refused === '') continue;
    value.isCutShort ||= why === IN_VALUE.openBrace;
    refuseValue(scan, value, refused, why);
    return;
  }
  if (scan.source.startsWith('$(', scan.position)) {
    refuseValue(scan, value, takeCommand(scan, value), IN_VALUE.command);
    return;
  }
  const dollar = take(scan, /\$/y);
  if (!isQuoted && /["']/.test(peek(scan))) {
    refuseValue(scan, value, `${dollar}${peek(scan)}`, IN_VALUE.quoting);
  } else addText(value, dollar);
}

/** `$(command)` up to its own closing parenthesis, or the rest of the line. */
function takeCommand(scan: Scan, value: Value): string {
  const start = scan.position;
  let depth = 0;
  while (!atLineEnd(scan)) {
    const character = peek(scan);
    scan.position += 1;
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (character === ')' && depth === 0) return scan.source.slice(start, scan.position);
  }
  value.isCutShort = true;
  return scan.source.slice(start, scan.position);
}

function scanBacktick(scan: Scan, value: Value): void {
  const command = take(scan, /`[^`\n]*`?/y);
  if (!/^`.*`$/.test(command)) value.isCutShort = true;
  refuseValue(scan, value, command, IN_VALUE.command);
}

function refuseValue(scan: Scan, value: Value, offending: string, why: string): void {
  value.broken = true;
  scan.problems.push({
    line: scan.line,
    message: `${value.key}: ${scan.isSecret(value.key) ? '(not shown)' : showCode(offending)}: ${why}`,
  });
}

/** Quotes at most the first 60 characters. */
function showCode(text: string): string {
  const line = text.trim();
  const shown = line.length > 60 ? `${line.slice(0, 57)}...` : line;
  return shown.includes('`') ? `"${shown}"` : `\`${shown}\``;
}
