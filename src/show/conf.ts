import {
  checkUnknownKeys,
  createContext,
  type GlobalOptions,
  keysOfOwnCuts,
} from '../cli/context.ts';
import { withKeys } from '../conf/conf.ts';
import { type ConfRow, confToJson, explainConf } from '../conf/explain.ts';
import { EXIT, UsageError } from '../errors.ts';
import { changeConf } from '../setup/edit-conf.ts';
import { findNearest } from '../sys/text.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';

export interface ConfOptions extends GlobalOptions {
  json?: boolean | undefined;
  set?: string[] | undefined;
  unset?: string[] | undefined;
}

/** `rapido conf [KEY…]`, `rapido conf --set KEY=VALUE` @returns the exit status */
export async function runConf(
  keys: readonly string[],
  options: ConfOptions,
  ui: Ui,
): Promise<number> {
  const context = createContext(options, ui);
  const conf = withKeys(context.conf, await keysOfOwnCuts(context));
  await checkUnknownKeys(context, conf);
  if (options.set !== undefined || options.unset !== undefined) {
    refuseNames(keys, options);
    changeConf({ set: options.set ?? [], unset: options.unset ?? [] }, conf, context);
    return EXIT.ok;
  }
  const names = conf.entries.map(({ name }) => name);
  checkKeys(keys, names);
  if (options.json === true) {
    const json = confToJson(conf);
    const chosen = keys.length === 0 ? names : keys;
    const values = Object.fromEntries(chosen.map((name) => [name, json.keys[name]]));
    ui.result(formatJson({ ...json, keys: values }));
    return EXIT.ok;
  }
  const rows = explainConf(conf).filter(({ key }) => keys.length === 0 || keys.includes(key));
  ui.note(conf.source === undefined ? 'no rapido.conf found' : `from ${conf.source.path}`);
  for (const line of formatRows(rows, ui.paint)) ui.result(line);
  return EXIT.ok;
}

/** A change prints no values. `--set KEY VALUE` is a frequent mistake. */
function refuseNames(keys: readonly string[], { json }: ConfOptions): void {
  if (json === true) throw new UsageError('--json: not with --set or --unset');
  const [first] = keys;
  if (first === undefined) return;
  throw new UsageError(`--set and --unset take no further arguments: ${first}`, {
    hint: 'write KEY=VALUE as one word: --set VM_MEMORY=2G',
  });
}

function checkKeys(keys: readonly string[], names: readonly string[]): void {
  const unknown = keys.filter((key) => !names.includes(key));
  if (unknown.length === 0) return;
  throw new UsageError(`unknown key ${unknown.join(', ')}`, {
    problems: unknown
      .map((key) => ({ key, nearest: findNearest(key, names) }))
      .filter(({ nearest }) => nearest !== undefined)
      .map(({ key, nearest }) => `${key}: did you mean ${nearest}?`),
    hint: '`rapido conf` shows all keys',
  });
}

/** `KEY = value  (origin)`, with the keys that are set in bold. */
export function formatRows(
  rows: readonly ConfRow[],
  paint: { bold: (text: string) => string; dim: (text: string) => string },
): string[] {
  const width = Math.max(...rows.map(({ key }) => key.length), 0);
  return rows.map(({ key, value, origin, advice }) => {
    const isSet = origin !== 'default';
    const name = key.padEnd(width);
    const note = advice === undefined ? '' : `  ${advice}`;
    return `${isSet ? paint.bold(name) : name} = ${value}  ${paint.dim(`(${origin})${note}`)}`;
  });
}
