import { chownSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Context } from '../cli/context.ts';
import { buildConf, type Conf, explainWrongValue } from '../conf/conf.ts';
import { editConf } from '../conf/edit.ts';
import { userConfFile } from '../conf/find.ts';
import type { ConfKey, ConfKeyTable } from '../conf/key.ts';
import { finish, homeOf, keyOf } from '../conf/resolve.ts';
import { VM_KEYS } from '../conf/schema.ts';
import { UsageError } from '../errors.ts';
import { statIfReachable } from '../sys/stat.ts';
import { replaceFile } from '../sys/temporary.ts';
import { findNearest } from '../sys/text.ts';

export interface ConfChanges {
  /** `KEY=VALUE` */
  set: readonly string[];
  /** Names of keys. */
  unset: readonly string[];
}

/**
 * `rapido conf --set KEY=VALUE --unset KEY`: changes rapido.conf, or makes that of the user. A key that is set to its
 * default is removed.
 * @param conf with the keys of all cuts
 * @throws UsageError before anything is written
 */
export function changeConf({ set, unset }: ConfChanges, conf: Conf, context: Context): void {
  const { ui, cwd } = context;
  const { surroundings } = conf.input;
  const path = conf.source?.path ?? userConfFile(surroundings);
  const base = dirname(path);
  const keys: ConfKeyTable = Object.fromEntries(conf.entries.map(({ name, key }) => [name, key]));
  let text = conf.source?.text ?? '';
  const done: string[] = [];
  for (const word of set) {
    const { name, key, value } = parseSetting(word, keys, cwd);
    const wrong = explainWrongValue(name, key, finish(key, value, base, homeOf(surroundings.env)));
    if (wrong !== undefined) throw new UsageError(`--set: ${wrong}`);
    const without = editConf(text, { key: name, value: undefined });
    const edited = editConf(text, { key: name, value });
    const isDefault = valueIn(edited, name, conf, path) === valueIn(without, name, conf, path);
    text = isDefault ? without : edited;
    done.push(isDefault ? `${name} has its default` : `${name} is set`);
    if (conf.entry(name)?.origin.from === 'environment') {
      ui.warn(`the environment variable ${name} overrides ${path}`);
    }
  }
  for (const name of unset) {
    requireKey('--unset', name, keys);
    text = editConf(text, { key: name, value: undefined });
    done.push(`${name} has its default`);
  }
  if (text !== (conf.source?.text ?? '')) writeConf(path, text);
  for (const what of done) ui.note(`${path}: ${what}`);
}

function parseSetting(
  word: string,
  keys: ConfKeyTable,
  cwd: string,
): { name: string; key: ConfKey; value: string } {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
  if (name === '') {
    throw new UsageError(`--set: "${word}" has no value`, { hint: '--set VM_MEMORY=2G' });
  }
  const key = requireKey('--set', name, keys);
  if (value.includes('\n')) throw new UsageError(`--set: ${name}: the value has a line break`);
  // A relative path is meant from here, not from the directory of the conf.
  const isRelative = key.type === 'path' && value !== '' && !/^[/~]/.test(value);
  return { name, key, value: isRelative ? resolve(cwd, value) : value };
}

function requireKey(option: string, name: string, keys: ConfKeyTable): ConfKey {
  const key = keyOf(keys, name);
  if (key !== undefined) return key;
  if (keyOf(VM_KEYS, name) !== undefined) {
    throw new UsageError(`${option}: ${name} is a key of one VM`, {
      hint: `edit the file: write ${name}="…" below a line [vm1]`,
    });
  }
  const nearest = findNearest(name, Object.keys(keys));
  throw new UsageError(`${option}: unknown key ${name}`, {
    hint: nearest === undefined ? '`rapido conf` shows all keys' : `did you mean ${nearest}?`,
  });
}

/** The value of a key in the text of a conf, as text to compare; neither the environment nor options count. */
function valueIn(text: string, name: string, { input }: Conf, path: string): string | undefined {
  const { surroundings, extraKeys } = input;
  const conf = buildConf({
    source: { path, name: path, text },
    surroundings: { ...surroundings, env: { ...surroundings.env, [name]: '' }, given: undefined },
    extraKeys,
  });
  return JSON.stringify(conf.entry(name)?.value);
}

/** Replaces the file itself if the path is a link to it. Its owner and its mode stay. */
function writeConf(path: string, text: string): void {
  const stats = statIfReachable(path);
  const file = stats === undefined ? path : realpathSync(path);
  replaceFile(file, (temporary) => {
    writeFileSync(temporary, text, {
      mode: stats === undefined ? 0o600 : stats.mode & 0o777,
      flag: 'wx',
    });
    if (stats !== undefined && stats.uid !== process.geteuid?.()) {
      chownSync(temporary, stats.uid, stats.gid);
    }
  });
}
