import { stripVTControlCharacters } from 'node:util';

/**
 * XML 1.0 cannot represent most of these, escaped or not. The others, C1 and invisible characters
 * (`ui/plain-text.ts`), could control a terminal that shows the report.
 */
const NOT_TEXT =
  /[^\t\n\r\u{20}-\u{7e}\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]|[\u2028\u2029\p{Cf}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/** What XML can represent of any text: without colours, and with `\ufffd` in place of other control characters. */
export function toXmlText(text: string): string {
  return stripVTControlCharacters(text).replaceAll('\r\n', '\n').replace(NOT_TEXT, '\ufffd');
}

/** Escapes any text for XML. */
export function escapeXml(text: string): string {
  return toXmlText(text).replace(/[&<>"\r]/g, (character) => ENTITIES[character]!);
}

/** Attributes of an element. An XML parser converts line ends and tabs in them to spaces, unless they are escaped. */
export function formatAttributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escapeAttribute(value)}"`)
    .join(' ');
}

function escapeAttribute(value: string): string {
  return escapeXml(value).replace(/[\t\n]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @param ms milliseconds */
export function formatSeconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
