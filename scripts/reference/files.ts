import { createProgram } from '../../src/cli/program.ts';
import { COMMANDS } from '../../src/cli.ts';
import { formatBash } from './bash.ts';
import { formatFish } from './fish.ts';
import { formatManPage } from './man-page.ts';
import { type Outline, outlineOf } from './outline.ts';
import { formatResultSchema } from './result-schema.ts';
import { formatZsh } from './zsh.ts';

/** The command line of this rapido. */
export function readOutline(): Outline {
  return outlineOf(createProgram(COMMANDS, { rest: undefined, finish: () => {} }));
}

/**
 * What is made from the definitions of the commands, and the schema of result.json.
 * @returns text by path in dist/
 */
export function referenceFiles(version: string): Record<string, string> {
  const outline = readOutline();
  return {
    'completion/rapido.bash': formatBash(outline),
    'completion/rapido.zsh': formatZsh(outline),
    'completion/rapido.fish': formatFish(outline),
    'result.schema.json': formatResultSchema(),
    'man/rapido.1': formatManPage(outline, version),
  };
}
