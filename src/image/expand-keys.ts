import type { Conf } from '../conf/conf.ts';

/** `${KEY}` by the value of that conf key. */
export function expandKeys(text: string, conf: Conf): string {
  return tryExpandKeys(text, conf) ?? text;
}

/** @returns undefined when a key is not set */
export function tryExpandKeys(text: string, conf: Conf): string | undefined {
  let complete = true;
  const expanded = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = conf.entry(name)?.text;
    if (value === undefined) complete = false;
    return value ?? '';
  });
  return complete ? expanded : undefined;
}
