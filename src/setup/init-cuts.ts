import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createContextWithoutCuts, type GlobalOptions } from '../cli/context.ts';
import { findCuts } from '../cut/load.ts';
import { EXIT, UsageError } from '../errors.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { makeDirectories } from '../sys/make-directories.ts';
import { lstatIfReachable } from '../sys/stat.ts';
import { findUntrusted, hintForUntrusted, trustOf } from '../sys/trust.ts';
import type { Ui } from '../ui/terminal.ts';

/** `rapido init-cuts` @returns the exit status */
export async function runInitCuts(
  name: string | undefined,
  options: GlobalOptions,
  ui: Ui,
): Promise<number> {
  const { directories, env, cwd, conf } = createContextWithoutCuts(options, ui);
  const own = join(directories.config, 'cuts');
  const directory = name === undefined ? own : resolve(cwd, name);
  const trust = trustOf(env);
  const untrusted = findUntrusted(directory, trust);
  if (untrusted !== undefined) {
    throw new UsageError(`${directory} is not trusted: ${untrusted.path} ${untrusted.why}`, {
      hint: hintForUntrusted(directory),
    });
  }
  const isFirst = findCuts([{ kind: 'user', directory }], trust).length === 0;
  const written = writeNew(directory, {
    'tsconfig.json': tsconfig(directories.root),
    ...(isFirst ? firstCut(directories.root) : {}),
  });
  for (const path of written) ui.result(path);
  if (isFirst) {
    const isSearched = directory === own || directory === conf.get('CUT_DIR');
    const command = ['rapido', ...(isSearched ? [] : ['--cut-dir', directory]), 'cut', FIRST, '-b'];
    ui.note(`next: \`${formatCommandLine(command)}\``);
  }
  return EXIT.ok;
}

/**
 * Writes files that do not exist yet: all of them, or none.
 * @param files content by name; `.sh` files become executable
 * @returns the paths
 * @throws UsageError if one of them exists
 */
function writeNew(directory: string, files: Readonly<Record<string, string>>): string[] {
  const paths = Object.keys(files).map((name) => join(directory, name));
  const existing = paths.filter((path) => lstatIfReachable(path) !== undefined);
  if (existing.length > 0) {
    throw new UsageError('existing files are not overwritten', {
      problems: existing,
      hint: 'name another directory, or remove them',
    });
  }
  // Not writable for others, whatever the umask is: rapido would not trust them.
  makeDirectories(directory, 0o755);
  const written: string[] = [];
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: name.endsWith('.sh') ? 0o755 : 0o644, flag: 'wx' });
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path);
    throw error;
  }
  return written;
}

/** For editors and `tsc -p`. rapido itself does not read it. */
function tsconfig(root: string): string {
  const config = {
    compilerOptions: {
      target: 'ES2023',
      module: 'ESNext',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      allowJs: true,
      allowImportingTsExtensions: true,
      types: [],
      paths: { rapido: [join(root, 'dist/types/src/index.d.ts')] },
    },
    include: ['*.ts', '*.js'],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

const FIRST = 'my-test';

/** The file of the first cut, and its script. */
function firstCut(root: string): Record<string, string> {
  return {
    [`${FIRST}.ts`]: `import { defineCut } from 'rapido';

// The name of this file is the name of the target: \`rapido cut ${FIRST} --boot\`, \`rapido run ${FIRST}\`.
// All fields: ${join(root, 'docs/writing-cuts.md')}
export default defineCut({
  summary: 'my first test',
  binaries: ['uname'], // programs from this host; their libraries are added
  drivers: [], // kernel modules, such as 'zram'; those that they depend on are added
  autorun: ['${FIRST}.sh'], // scripts beside this file, which run after boot
});
`,
    [`${FIRST}.sh`]: `#!/bin/bash
# Runs in the VM after boot. The test fails if the exit status is not 0.
set -eu

echo "${FIRST}: Linux $(uname -r) is up"
`,
  };
}
