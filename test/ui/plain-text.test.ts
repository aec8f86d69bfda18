import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatJson, toPlainLines, toPlainPainted, toPlainText } from '../../src/ui/plain-text.ts';

/** Text of a guest, its effect on a terminal, and the line that is shown. */
const SAID: readonly [what: string, said: string, shown: string][] = [
  ['nothing', '', ''],
  ['words', 'generic/001 übung ✓ 日本', 'generic/001 übung ✓ 日本'],
  ['an emoji of two code units', 'a😀b', 'a😀b'],
  ['colours', '\x1b[31mred\x1b[0m', 'red'],
  ['letters without colour', '\x1b[8mhidden\x1b[28m', 'hidden'],
  ['a cleared screen', 'a\x1b[2J\x1b[Hb', 'ab'],
  ['the cursor in the line above', 'FAIL\x1b[1A\x1b[KPASS', 'FAILPASS'],
  ['a title of the window', 'a\x1b]0;title\x07b', 'ab'],
  ['a title that ends with ST', 'a\x1b]0;title\x1b\\b', 'ab'],
  ['a link', '\x1b]8;;http://evil\x07text\x1b]8;;\x07', 'text'],
  ['the clipboard', 'a\x1b]52;c;ZXZpbA==\x07b', 'ab'],
  ['an answerback', 'a\x05b', 'a b'],
  ['an escape at the end', 'a\x1b', 'a'],
  ['a sequence of C1', 'a\x9b31mb', 'ab'],
  ['a C1 alone', 'a\x85b\x8dc', 'a b c'],
  ['a new line', 'FAIL\nrapido: PASS', 'FAIL rapido: PASS'],
  ['a carriage return', 'FAIL\rPASS', 'FAIL PASS'],
  ['the two at the end', 'line\r\n', 'line'],
  ['tabs and backspaces', 'a\tb\b\bc', 'a b c'],
  ['a bell and a NUL', 'a\x07\0b', 'a b'],
  ['a shift out of the alphabet', 'a\x0eb\x0f', 'a b'],
  ['separators of lines and paragraphs', 'a\u2028b\u2029c', 'a b c'],
  ['writing from right to left', 'a\u202egnp.exe\u202c', 'a\ufffdgnp.exe\ufffd'],
  ['isolates', '\u2066a\u2067b\u2068c\u2069', '\ufffda\ufffdb\ufffdc\ufffd'],
  ['marks of direction', 'a\u200e\u200f\u061cb', 'a\ufffd\ufffd\ufffdb'],
  ['characters of no width', 'a\u200bb\u2060c\ufeffd\u00ade', 'a\ufffdb\ufffdc\ufffdd\ufffde'],
  ['tags', 'a\u{e0041}\u{e007f}b', 'a\ufffd\ufffdb'],
  ['a half of a pair', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
  ['letters that are written from right to left', 'שלום', 'שלום'],
  ['accents that are combined', 'e\u0301', 'e\u0301'],
  ['blanks before and after', '  a  ', '  a'],
];

describe('a line of a guest', () => {
  test.each(SAID)('%s', (_, said, shown) => {
    expect(toPlainText(said)).toBe(shown);
  });
});

/** All characters that a terminal does not simply show. */
const DOES_SOMETHING = /[\x00-\x1f\x7f-\x9f\u2028\u2029\p{Cf}\p{Cs}]/u;

const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'\x1b\x9b[]()PX^_;m0123HJKABCDhl?\\\x07\r\n\t\x08\u202e\u200b\ud800 '),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

test('no text can control a terminal', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(toPlainText(text)).not.toMatch(DOES_SOMETHING);
      expect(toPlainLines(text).replace(/[\n\t]/g, '')).not.toMatch(DOES_SOMETHING);
      expect(toPlainPainted(text).replace(/\x1b\[(?:[12]|22|3[1239])m/g, '')).not.toMatch(
        DOES_SOMETHING,
      );
    }),
    { numRuns: 5000 },
  );
});

test('keeps lines and tabs, and removes what a serial console adds', () => {
  expect(toPlainLines('a\tb\r\n\x1b[1mc\x1b[0m\r\r\nd\x08\n')).toBe('a\tb\nc\nd \n');
});

test("keeps rapido's own colours, and removes all others", () => {
  expect(toPlainPainted('\x1b[1m\x1b[31mbad\x1b[39m\x1b[22m \x1b[8mx\x1b[5my\n')).toBe(
    '\x1b[1m\x1b[31mbad\x1b[39m\x1b[22m xy ',
  );
});

describe('JSON', () => {
  test('is the same value, without control characters', () => {
    const value = { name: SAID.map(([, said]) => said), '\x9b31m\u{e0041}': [1, null] };
    const json = formatJson(value);
    expect(JSON.parse(json)).toEqual(value);
    expect(json.replaceAll('\n', '')).not.toMatch(DOES_SOMETHING);
    expect(formatJson('\u{e0041}\x9b')).toBe('"\\udb40\\udc41\\u009b"');
  });

  test('of any text can be read back', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(JSON.parse(formatJson(text))).toBe(text);
        expect(formatJson(text)).not.toMatch(DOES_SOMETHING);
      }),
    );
  });
});
