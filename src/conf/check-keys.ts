import { type ConfKey, type ConfKeyTable, isListKey } from './key.ts';
import { CONF_KEYS } from './schema.ts';
import { describeForm, parseConfValue } from './types.ts';

/** Names that a key must not have, because the guest gets keys as environment variables. */
const SHELL_VARIABLES = new Set(['PATH', 'HOME', 'IFS', 'TERM', 'PWD', 'SHELL', 'BASH_ENV', 'ENV']);

/**
 * Checks keys that a cut defines, beyond the shape of the data: reserved names, and defaults and examples that
 * are not valid values of the key.
 * @returns one sentence per problem, which starts with the key's name
 */
export function findKeyProblems(keys: ConfKeyTable): string[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    if (!/^[A-Z][A-Z\d_]*$/.test(name))
      return [`${name}: a key consists of capital letters, digits and _`];
    if (SHELL_VARIABLES.has(name))
      return [`${name}: the name is reserved for the shell in the guest`];
    if (Object.hasOwn(CONF_KEYS, name)) return [`${name}: rapido already has a key with this name`];
    return findFormProblems(name, key);
  });
}

function findFormProblems(name: string, key: ConfKey): string[] {
  if (key.type === 'enum' && !(key.values?.length > 0)) return [`${name}: an enum needs values`];
  return (['default', 'example'] as const).flatMap((field) => {
    const text = key[field];
    if (text === undefined || fits(key, text)) return [];
    return [`${name}: its ${field} "${text}" is not valid, expected ${describeForm(key)}`];
  });
}

/** Values with references and relative paths are accepted, because they can be checked only after expansion. */
function fits(key: ConfKey, text: string): boolean {
  if (text === '') return isListKey(key) || key.type === 'string';
  if (text.includes('$') || key.type === 'path' || key.type === 'publicKeys') return true;
  return parseConfValue(key, text) !== undefined;
}
