import { stripVTControlCharacters } from 'node:util';

/*
 * What a guest says (names of tests, titles of kernel reports, the end of its console) must not drive the
 * terminal on which it is shown, nor look like what it is not.
 */

/** C0, DEL and C1, of which 0x9b begins a sequence as ESC [ does; line and paragraph separators. */
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g;

/** The same but for tab and line feed. */
const CONTROLS_IN_LINES = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+/g;

/**
 * Characters that are not seen but change what is: Unicode's category Cf, among them those that reverse
 * the direction of writing, of no width, and tags; and halves of surrogate pairs.
 */
const UNSEEN = /[\p{Cf}\p{Cs}]/gu;

const REPLACEMENT = '\ufffd';

/** Any text as one line of characters that are seen. */
export function toPlainText(text: string): string {
  return toPlainPart(text).trimEnd();
}

/** The same with the blanks at its end: more may follow. */
export function toPlainPart(text: string): string {
  return stripVTControlCharacters(text).replace(CONTROLS, ' ').replace(UNSEEN, REPLACEMENT);
}

/** Any text as lines of characters that are seen, with tabs. */
export function toPlainLines(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\r+\n/g, '\n')
    .replace(CONTROLS_IN_LINES, ' ')
    .replace(UNSEEN, REPLACEMENT);
}

/** The colours that rapido itself uses: bold, dim, red, green, yellow, and their ends. */
const PAINT = /(\x1b\[(?:[12]|22|3[1239])m)/;

/** A line of rapido's own, whose colours stay. */
export function toPlainPainted(line: string): string {
  return line
    .split(PAINT)
    .map((part, index) => (index % 2 === 1 ? part : toPlainPart(part)))
    .join('');
}

/** JSON in lines, the same value, in which no character does anything to a terminal. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\x7f-\x9f\u2028\u2029\p{Cf}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
