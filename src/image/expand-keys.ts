import { dirname, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { builtIn } from '../conf/resolve.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { Problem } from './resolve-request.ts';

/**
 * A text with each `${KEY}` replaced by the value of that conf key (`${HOME}` and `${RAPIDO_DIR}` as in
 * the conf), or the keys that are not set.
 */
export type Expansion = { text: string; unset?: undefined } | { unset: string[] };

export function expandKeys(text: string, conf: Conf): Expansion {
  const unset: string[] = [];
  const expanded = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const entry = conf.entry(name);
    const value = entry === undefined ? builtIn(name, conf.input.surroundings) : entry.text;
    if (value === undefined) unset.push(name);
    return value ?? '';
  });
  return unset.length === 0 ? { text: expanded } : { unset };
}

/**
 * Like `expandKeys`, but adds a problem for each key that is not set.
 * @param field the field of the cut that contains the text, such as `trees`
 */
export function requireKeys(
  text: string,
  field: string,
  conf: Conf,
  problems: Problem[],
): string | undefined {
  const expansion = expandKeys(text, conf);
  if (expansion.unset === undefined) return expansion.text;
  for (const name of expansion.unset) {
    const known = conf.entry(name);
    problems.push({
      unset: name,
      message:
        known === undefined
          ? `${field}: "${text}": unknown key ${name}`
          : `${field}: "${text}": ${name} is not set`,
    });
  }
  return undefined;
}

/**
 * Resolves a path in a cut. A relative path starts in the directory of the cut, `~/` in the user's home.
 * @param text with its keys expanded
 */
export function hostPath(text: string, cut: LoadedCut, conf: Conf): string {
  const home = builtIn('HOME', conf.input.surroundings) ?? '';
  return resolve(
    dirname(cut.path),
    text.replace(/^~(?=\/)/, () => home),
  );
}
