import { quoteConfValue } from './quote.ts';
import { scanConf } from './scan.ts';

/** A change of a key outside of sections. */
export interface ConfEdit {
  key: string;
  /** The literal value, without line breaks; undefined: the key is no longer set. */
  value: string | undefined;
}

/**
 * Changes one key in the text of a rapido.conf. Comments, order and all other lines stay as they are. A new key is
 * written below the comment that shows its default, as in rapido.conf.example, otherwise below the last key.
 */
export function editConf(text: string, { key, value }: ConfEdit): string {
  const { statements, sections } = scanConf(text, () => true);
  const top = statements.filter(({ section }) => section === undefined);
  const own = top.filter((statement) => statement.key === key);
  const lines = text.split('\n');
  // Lines of Windows stay such.
  const end = lines[0]?.endsWith('\r') === true ? '\r' : '';
  const last = own.at(-1);
  if (value === undefined) {
    for (const { line, lastLine } of own.toReversed()) lines.splice(line - 1, lastLine - line + 1);
  } else if (last !== undefined) {
    // The last of several counts.
    const comment = last.comment.trimEnd();
    const made = `${key}=${quoteConfValue(value)}${comment === '' ? '' : ` ${comment}`}${end}`;
    lines.splice(last.line - 1, last.lastLine - last.line + 1, made);
  } else {
    const sectionsAt = sections[0]?.line ?? lines.length + 1;
    const index =
      findExample(lines.slice(0, sectionsAt - 1), key) ??
      top.at(-1)?.lastLine ??
      endOfTop(lines, sectionsAt);
    lines.splice(index, 0, `${key}=${quoteConfValue(value)}${end}`);
  }
  const edited = lines.join('\n');
  return edited === '' || edited.endsWith('\n') ? edited : `${edited}\n`;
}

/** @returns the number of lines up to the end of `#KEY="…"`; undefined: there is no such comment */
function findExample(lines: readonly string[], key: string): number | undefined {
  const start = lines.findLastIndex((line) => line.replace(/^[#\s]+/, '').startsWith(`${key}=`));
  if (start < 0) return undefined;
  let index = start;
  while (lines[index]?.trimEnd().endsWith('\\')) index += 1;
  return index + 1;
}

/** @returns the number of lines before the first section and the comments that belong to it */
function endOfTop(lines: readonly string[], sectionsAt: number): number {
  let index = Math.min(sectionsAt - 1, lines.length);
  const isSection = sectionsAt <= lines.length;
  while (index > 0 && isSection && /^\s*#/.test(lines[index - 1] ?? '')) index -= 1;
  // The last line of a file is the empty one after its line feed.
  return !isSection && lines.at(-1) === '' ? index - 1 : index;
}
