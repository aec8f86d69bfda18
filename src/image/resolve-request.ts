import { relative } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { DependsOn } from '../errors.ts';
import type { Directories } from '../host/directories.ts';
import type { Kernel } from '../host/kernel.ts';
import type { NetworkKind } from '../net/vm-network.ts';

/** What the command line adds to a cut, for an experiment. */
export interface CutExtras {
  /** `-i`: names or paths of programs. */
  install: readonly string[];
  /** `--include SRC[:DST]` */
  include: readonly string[];
  /** `--driver` */
  drivers: readonly string[];
  /** `--net`: the image must have what that network takes. */
  network: NetworkKind | undefined;
  /** `-x` and `-f`, in the order they were given. */
  commands: readonly ({ command: string } | { file: string })[];
}

/** What `rapido run` is to run in the guest. */
export type CommandRequest =
  /** A program with its arguments, byte for byte. */
  | { arguments: readonly Buffer[] }
  /** `-x`: text for a shell. */
  | { shell: string }
  /** `-f`: a script of the host. */
  | { script: string };

export interface ResolveRequest {
  cut: LoadedCut;
  conf: Conf;
  kernel: Kernel;
  extras: CutExtras;
  /**
   * The image is for a run with nobody watching; without a command, the cut's own. `done`: names of
   * tests that it need not run again.
   */
  run: { command: CommandRequest | undefined; done: readonly string[] } | undefined;
  output: string;
  /** Whether the image will be made, too: what its trees hold is then looked up meanwhile. */
  willBuild: boolean;
  directories: Directories;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

/** Something that a cut needs and this host lacks. */
export interface Problem {
  message: string;
  /** What may have it at another commit; undefined: nothing will. */
  dependsOn?: DependsOn | undefined;
  /** The conf key that is not set: one mistake, in however many places the cut names it. */
  unset?: string;
  /** The program that is missing, where installing one would help. */
  program?: string;
}

/** Another commit may have a file of the tree in which rapido was called, or of the kernel under test. */
export function dependsOnCheckout(
  path: string,
  { conf, cwd }: Pick<ResolveRequest, 'conf' | 'cwd'>,
): DependsOn | undefined {
  const trees = [cwd, conf.get('KERNEL_SRC')].filter((tree) => tree !== undefined);
  const isInside = (tree: string): boolean => !/^\.\.(\/|$)/.test(relative(tree, path));
  return trees.some(isInside) ? 'checkout' : undefined;
}
