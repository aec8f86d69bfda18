import { relative } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { DependsOn } from '../errors.ts';
import type { Directories } from '../host/directories.ts';
import type { Kernel } from '../host/kernel.ts';
import type { NetworkKind } from '../net/vm-network.ts';
import type { Shard } from './shard.ts';

/** What the command line adds to a cut. */
export interface CutExtras {
  /** `-i`: names or paths of programs. */
  install: readonly string[];
  /** `--include SRC[:DST]` */
  include: readonly string[];
  /** `--driver` */
  drivers: readonly string[];
  /** `--net`: the image must contain what this network needs. */
  network: NetworkKind | undefined;
  /** Arguments of QEMU, which may be for devices that need a module. */
  qemuArguments: readonly string[];
  /** `-x` and `-f`, in the order they were given. */
  commands: readonly ({ command: string } | { file: string })[];
}

/** What `rapido run` runs in the guest. */
export type CommandRequest =
  /** A program with its arguments, byte for byte. */
  | { arguments: readonly Buffer[] }
  /** `-x`: text for a shell. */
  | { shell: string }
  /** `-f`: a script of the host. */
  | { script: string };

/** What of a suite runs. */
export interface RunSelection {
  /** undefined: the cut's own test command. */
  command: CommandRequest | undefined;
  /** Names of tests that are not run again. */
  done: readonly string[];
  /** The part of the named tests that is run; undefined: all of them. */
  shard: Shard | undefined;
}

export interface ResolveRequest {
  cut: LoadedCut;
  conf: Conf;
  kernel: Kernel;
  extras: CutExtras;
  /** Set if the image is for an unattended run. */
  run: RunSelection | undefined;
  output: string;
  /** Whether the image will be built. If so, the listing of its trees is started early. */
  willBuild: boolean;
  directories: Directories;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

/** Something that a cut needs and this host lacks. */
export interface Problem {
  message: string;
  /** What may supply it at another commit; undefined if nothing can. */
  dependsOn?: DependsOn | undefined;
  /** The conf key that is not set. It is reported once, even if the cut uses it several times. */
  unset?: string;
  /** The kernel option that is not set. */
  option?: string;
  /** The missing program, if installing it would help. */
  program?: string;
  /** What the user can do, if it is nothing of the above. */
  hint?: string;
}

/** A file in the current directory or in the kernel tree may exist at another commit. */
export function dependsOnCheckout(
  path: string,
  { conf, cwd }: Pick<ResolveRequest, 'conf' | 'cwd'>,
): DependsOn | undefined {
  const trees = [cwd, conf.get('KERNEL_SRC')].filter((tree) => tree !== undefined);
  const isInside = (tree: string): boolean => !/^\.\.(\/|$)/.test(relative(tree, path));
  return trees.some(isInside) ? 'checkout' : undefined;
}
