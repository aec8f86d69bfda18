import { join, relative } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { isExecutableFile } from '../sys/stat.ts';
import { expandKeys } from './expand-keys.ts';
import type { AutorunScript } from './overlay.ts';
import type { CutExtras, RunSelection } from './resolve-request.ts';
import type { PlannedTree } from './walked-tree.ts';

/** Everything that determines what `rapido run` runs. */
export interface CommandContext {
  cut: LoadedCut;
  conf: Conf;
  run: Pick<RunSelection, 'command' | 'shard'> | undefined;
  extras: Pick<CutExtras, 'install'>;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

/** What the image will contain in addition to programs. */
export interface ImageContents {
  /** The guest directory in which the command starts. */
  directory: string | undefined;
  trees: readonly PlannedTree[];
  /** Scripts that run before the command, and may create it. */
  autorun: readonly AutorunScript[];
  /**
   * For a guest that has the files of this host, the directories of which it has them, at the same paths. Undefined:
   * another guest, or not known.
   */
  available?: readonly string[] | undefined;
}

/** @param name name or absolute path of a program */
export function findOnHost(name: string, context: CommandContext): string | undefined {
  if (name.includes('/') && !name.startsWith('/')) return undefined;
  return findProgram(name, searchPathOf(context));
}

/** The directories in which programs are searched for. */
export function searchPathOf({ cut, conf, env }: CommandContext): string[] {
  const first = (cut.cut.searchPath ?? []).flatMap((directory) => {
    const expansion = expandKeys(directory, conf);
    return expansion.unset === undefined ? [expansion.text] : [];
  });
  return programSearchPath(env.PATH, first);
}

/** @param path guest path */
export function isInTrees(path: string, trees: readonly PlannedTree[]): boolean {
  return toHostPaths(path, trees).some(isExecutableFile);
}

/** The host paths from which the trees may supply a guest path. */
export function toHostPaths(path: string, trees: readonly PlannedTree[]): string[] {
  return trees
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .map(({ source, target }) => join(source, relative(target, path)));
}
