import type { Conf } from '../conf/conf.ts';
import type { Problem } from './resolve-request.ts';

/** A text with each `${KEY}` replaced by the value of that conf key, or the keys that have none. */
export type Expansion = { text: string; unset?: undefined } | { unset: string[] };

export function expandKeys(text: string, conf: Conf): Expansion {
  const unset: string[] = [];
  const expanded = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = conf.entry(name)?.text;
    if (value === undefined) unset.push(name);
    return value ?? '';
  });
  return unset.length === 0 ? { text: expanded } : { unset };
}

/**
 * The same, with a problem for each key that is not set.
 * @param field where the text stands in the cut: `trees`
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
      message:
        known === undefined
          ? `${field}: "${text}": there is no conf key ${name}`
          : `${field}: "${text}": ${name} is not set in rapido.conf`,
    });
  }
  return undefined;
}
