import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The position of a module in a stack trace of V8: `file:///…/run.js:12:5`. */
const POSITION = /file:\/\/\S+?\.js:(\d+):(\d+)/g;

/**
 * Replaces positions in bundled files by those in the sources: `src/run/run.ts:12:5`. Source maps are read only here,
 * because Node's --enable-source-maps would read them at each start. Positions without a source map do not change.
 * @param stack as V8 formats it
 */
export function toSourcePositions(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(POSITION, (position, line: string, column: string) => {
    const url = position.slice(0, -`:${line}:${column}`.length);
    if (!maps.has(url)) maps.set(url, readSourceMap(url));
    // A stack trace counts from 1, a source map from 0.
    const entry = maps.get(url)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !('originalSource' in entry)) return position;
    const source = entry.originalSource.replace(/^(\.\.\/)+/, '');
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

/** @returns undefined if there is no valid map beside the file */
function readSourceMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')));
  } catch {
    return undefined;
  }
}
