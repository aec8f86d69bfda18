import type { Cut } from '../../src/cut/cut.ts';
import type { Workspace } from './workspace.ts';

/**
 * Adds a cut of the user to a workspace.
 * @param scripts its autorun scripts: text by file name
 * @returns its name
 */
export function addCut(
  home: Workspace,
  name: string,
  cut: Omit<Cut, 'summary'>,
  scripts: Readonly<Record<string, string>> = {},
): string {
  const whole: Cut = { summary: name, ...cut, autorun: Object.keys(scripts) };
  home.write(`.config/rapido/cuts/${name}.js`, `export default ${JSON.stringify(whole)};\n`);
  for (const [file, text] of Object.entries(scripts)) {
    home.write(`.config/rapido/cuts/autorun/${file}`, `#!/bin/bash\n${text}\n`, 0o755);
  }
  return name;
}
