import { createContext, type GlobalOptions } from '../cli/context.ts';
import { CONF_KEYS } from '../conf/schema.ts';
import { EXIT } from '../errors.ts';
import { locateDirectories } from '../host/directories.ts';
import type { Ui } from '../ui/terminal.ts';

/** How many of the newest runs are offered. */
const RUNS = 20;

/**
 * `rapido __names KIND` prints the names of a kind, one a line. It runs whenever the user presses TAB: it loads no cut,
 * and imports only what the kind needs.
 */
export async function runNames(
  kind: 'cuts' | 'vms' | 'runs' | 'keys',
  options: GlobalOptions,
  ui: Ui,
): Promise<number> {
  for (const name of await listNames(kind, options, ui)) ui.result(name);
  return EXIT.ok;
}

async function listNames(
  kind: 'cuts' | 'vms' | 'runs' | 'keys',
  options: GlobalOptions,
  ui: Ui,
): Promise<string[]> {
  switch (kind) {
    case 'cuts':
      return createContext(options, ui).cuts.map(({ name }) => name);
    case 'keys':
      return Object.keys(CONF_KEYS);
    case 'vms': {
      const { findRunningVms } = await import('../machine/pick.ts');
      const { vms } = findRunningVms(options, ui);
      return vms.flatMap(({ number, hostname }) => [String(number), hostname]);
    }
    case 'runs': {
      const { listRunIds, runsDirectory } = await import('../results/store.ts');
      const runs = listRunIds(runsDirectory(locateDirectories(process.env).state));
      return runs.length === 0 ? [] : ['latest', ...runs.slice(0, RUNS)];
    }
  }
}
