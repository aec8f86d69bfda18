import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GlobalOptions } from '../cli/context.ts';
import { EXIT } from '../errors.ts';
import { locateDirectories } from '../host/directories.ts';
import type { Ui } from '../ui/terminal.ts';

/** `rapido completion` prints a script that the build made of the definitions of the commands. */
export async function runCompletion(
  shell: 'bash' | 'zsh' | 'fish',
  _options: GlobalOptions,
  ui: Ui,
): Promise<number> {
  const { root } = locateDirectories(process.env);
  ui.result(readFileSync(join(root, 'dist/completion', `rapido.${shell}`), 'utf8').trimEnd());
  return EXIT.ok;
}
