import { type ConfKey, type ConfKeyTable, isListKey } from './key.ts';
import { CONF_KEYS } from './schema.ts';
import { describeForm, parseConfValue } from './values.ts';

/** The guest gets keys as variables of its environment. */
const SHELL_VARIABLES = new Set(['PATH', 'HOME', 'IFS', 'TERM', 'PWD', 'SHELL', 'BASH_ENV', 'ENV']);

/**
 * What is wrong with keys that a cut defines, beyond the shape of the data: names that are taken,
 * defaults and examples that the key itself would refuse. One sentence each, that starts with the
 * key's name.
 */
export function findKeyProblems(keys: ConfKeyTable): string[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    if (!/^[A-Z][A-Z\d_]*$/.test(name)) return [`${name}: a key is capital letters, digits and _`];
    if (SHELL_VARIABLES.has(name)) return [`${name}: the shell in the guest needs it`];
    if (Object.hasOwn(CONF_KEYS, name)) return [`${name}: rapido itself has a key of this name`];
    return findFormProblems(name, key);
  });
}

function findFormProblems(name: string, key: ConfKey): string[] {
  if (key.type === 'enum' && !(key.values?.length > 0)) return [`${name}: an enum needs values`];
  return (['default', 'example'] as const).flatMap((field) => {
    const text = key[field];
    if (text === undefined || fits(key, text)) return [];
    return [`${name}: its ${field} "${text}" is not of the form: ${describeForm(key)}`];
  });
}

/** References cannot be judged before they are expanded, nor relative paths before they are resolved. */
function fits(key: ConfKey, text: string): boolean {
  if (text === '') return isListKey(key) || key.type === 'string';
  if (text.includes('$') || key.type === 'path' || key.type === 'publicKeys') return true;
  return parseConfValue(key, text) !== undefined;
}
