import { join, relative } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { isExecutableFile } from '../sys/stat.ts';
import { expandKeys } from './expand-keys.ts';
import type { AutorunScript } from './overlay.ts';
import type { CommandRequest, CutExtras } from './resolve-request.ts';
import type { PlannedTree } from './walked-tree.ts';

/** All that tells what `rapido run` is to run. */
export interface CommandContext {
  cut: LoadedCut;
  conf: Conf;
  run: { command: CommandRequest | undefined } | undefined;
  extras: Pick<CutExtras, 'install'>;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

/** What the image will hold beside programs. */
export interface ImageContents {
  /** Where the command will be started in the guest. */
  directory: string | undefined;
  trees: readonly PlannedTree[];
  /** Scripts that run before the command, and may make it. */
  autorun: readonly AutorunScript[];
}

/** @param name of a program, or its absolute path */
export function findOnHost(name: string, { cut, conf, env }: CommandContext): string | undefined {
  if (name.includes('/') && !name.startsWith('/')) return undefined;
  const first = (cut.cut.searchPath ?? []).flatMap((directory) => {
    const expansion = expandKeys(directory, conf);
    return expansion.unset === undefined ? [expansion.text] : [];
  });
  return findProgram(name, programSearchPath(env.PATH, first));
}

/** @param path in the guest */
export function isInTrees(path: string, trees: readonly PlannedTree[]): boolean {
  return toHostPaths(path, trees).some(isExecutableFile);
}

/** Where the host may have what trees bring to a path of the guest. */
export function toHostPaths(path: string, trees: readonly PlannedTree[]): string[] {
  return trees
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .map(({ source, target }) => join(source, relative(target, path)));
}
