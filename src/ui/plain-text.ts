import { stripVTControlCharacters } from 'node:util';

/*
 * Text from a guest (names of tests, titles of kernel reports, the end of its console) must not control the
 * terminal that shows it, or look like something else.
 */

/** C0, DEL, C1 (0x9b begins a sequence, like ESC [), line and paragraph separators. */
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g;

/** The same without tab and line feed. */
const CONTROLS_IN_LINES = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+/g;

/**
 * Invisible characters that change how others are displayed: Unicode's category Cf, which includes direction
 * marks, zero-width characters and tags; and unpaired surrogates.
 */
const INVISIBLE = /[\p{Cf}\p{Cs}]/gu;

const REPLACEMENT = '\ufffd';

/** Converts any text to one line of visible characters. */
export function toPlainText(text: string): string {
  return toPlainPart(text).trimEnd();
}

/** Like `toPlainText`, but keeps trailing blanks, because more text may follow. */
export function toPlainPart(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROLS, ' ').replace(INVISIBLE, REPLACEMENT);
}

/** Converts any text to lines of visible characters and tabs. */
export function toPlainLines(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\r+\n/g, '\n')
    .replace(CONTROLS_IN_LINES, ' ')
    .replace(INVISIBLE, REPLACEMENT);
}

/** The sequences that rapido uses: bold, dim, red, green, yellow, and their resets. */
const PAINT = /(\x1b\[(?:[12]|22|3[1239])m)/;

/** Like `toPlainPart`, but keeps rapido's colours. */
export function toPlainPainted(line: string): string {
  return line
    .split(PAINT)
    .map((part, index) => (index % 2 === 1 ? part : toPlainPart(part)))
    .join('');
}

/** Formats a value as indented JSON, with escapes for all characters that could control a terminal. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\x7f-\x9f\u2028\u2029\p{Cf}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
