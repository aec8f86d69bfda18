import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
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
  /** The program that is missing, where installing one would help. */
  program?: string;
}
